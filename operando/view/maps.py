"""Snapshot → the picture of one quantity: values, levels, colours by number; knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from operando.regions import Region, covered
from operando.types import FloatArray, LithiationMap, MaskArray, Reason, ScanGrid, Snapshot
from operando.view.quantities import MapChoice, MapKind
from operando.view.scales import (
    FIRST_COLOUR,
    MASKED,
    UNDETERMINED,
    UNSEEN,
    Levels,
    centred,
    colour_index,
    fitted,
    held,
)

__all__ = ["Picture", "Surroundings", "coarse", "is_fixed", "map_levels", "masked_pixels", "present_map"]

RESIDUAL_REACH = 5.0
"""Residuals are drawn from −5 to 5 standard deviations, whatever they are."""

_LEVEL_PIXELS = 160
"""Pixels along an edge, at least, that a scale is found from."""
_FADED_AT = 0.3
"""σ(x), as a share of the range of x, from which a faded pixel is hardly seen."""
_LEAST_OPACITY = 0.12


@dataclass(frozen=True, slots=True)
class Picture:
    """An image ready to be drawn.

    Attributes
    ----------
    values
        What was measured or fitted, shape (ny, nx), NaN where there is nothing.
    index
        Row of the colour table per pixel, see `colour_index`, shape (ny, nx).
    levels
        Ends of the colour scale.
    opacity
        0..255 per pixel, shape (ny, nx), or None where all is opaque.
    """

    values: NDArray[np.float32]
    index: NDArray[np.uint8]
    levels: Levels
    opacity: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a picture depends on beside its snapshot.

    Attributes
    ----------
    before
        Lithium content of the cycle before, shape (ny, nx); None where it is not known.
    masked
        Pixels that somebody masked, shape (ny, nx), or None.
    is_faded
        Whether pixels fade with σ(x).
    stress
        Equivalent stress of the last complete cycle, GPa, shape (ny, nx); None where it is not known.
    """

    before: FloatArray | None = None
    masked: MaskArray | None = None
    is_faded: bool = False
    stress: FloatArray | None = None


def masked_pixels(masks: tuple[Region, ...], grid: ScanGrid) -> MaskArray | None:
    """Return the pixels under any of the masks, shape (ny, nx); None without masks."""
    if not masks:
        return None
    return np.logical_or.reduce([covered(mask, grid.x_um, grid.y_um) for mask in masks])


def coarse(snapshot: Snapshot, most: int) -> Snapshot:
    """Return the snapshot with every nth pixel only, so that no side is longer than `most`."""
    ny, nx = snapshot.plan.grid.shape
    step = max(-(-ny // most), -(-nx // most), 1)
    if step == 1:
        return snapshot
    grid = snapshot.plan.grid
    plan = replace(snapshot.plan, grid=ScanGrid(grid.x_um[::step], grid.y_um[::step]))
    return replace(
        snapshot,
        plan=plan,
        map=None if snapshot.map is None else _coarse_map(snapshot.map, (ny, nx), step),
        frame=None,
        od=snapshot.od[:, ::step, ::step],
        od_error=snapshot.od_error[:, ::step, ::step],
        row_time_s=snapshot.row_time_s[:, ::step],
        blank=snapshot.blank[::step, ::step],
    )


def _coarse_map(fitted_map: LithiationMap, shape: tuple[int, int], step: int) -> LithiationMap:
    smaller = {}
    for entry in fields(LithiationMap):
        value = getattr(fitted_map, entry.name)
        if isinstance(value, np.ndarray) and value.shape[-2:] == shape:
            smaller[entry.name] = value[..., ::step, ::step]
    return replace(fitted_map, **smaller)


def _values(snapshot: Snapshot, choice: MapChoice, around: Surroundings) -> FloatArray | None:
    """Return the values of a quantity, shape (ny, nx); None where the snapshot has none."""
    if choice.kind is MapKind.OD:
        return snapshot.od[choice.index] if choice.index < len(snapshot.od) else None
    if choice.kind is MapKind.AGE:
        return _age_s(snapshot)
    if choice.kind is MapKind.STRESS:
        return around.stress
    return None if snapshot.map is None else _fitted_values(snapshot, snapshot.map, choice, around.before)


def _fitted_values(
    snapshot: Snapshot, fitted_map: LithiationMap, choice: MapChoice, before: FloatArray | None
) -> FloatArray | None:
    match choice.kind:
        case MapKind.FRACTION:
            return fitted_map.fraction[choice.index] if choice.index < len(fitted_map.fraction) else None
        case MapKind.PHASE:
            return np.where(fitted_map.valid, np.nan_to_num(fitted_map.fraction).argmax(axis=0), np.nan)
        case MapKind.CHANGE:
            if before is None or before.shape != fitted_map.lithium.shape:
                return None
            return fitted_map.lithium - before
        case MapKind.RESIDUAL:
            return _residual(snapshot, fitted_map, choice.index) if choice.index < len(snapshot.od) else None
        case _:
            values: FloatArray = getattr(fitted_map, choice.kind.value)
            return values


def _age_s(snapshot: Snapshot) -> FloatArray | None:
    times_s = snapshot.row_time_s
    if np.isnan(times_s).all():
        return None
    oldest_s = np.where(np.isnan(times_s), np.inf, times_s).min(axis=0)
    # Not the newest of these rows: a coarse picture may lack it.
    age_s = np.where(np.isinf(oldest_s), np.nan, snapshot.progress.last_line_s - oldest_s)
    return np.broadcast_to(age_s[:, np.newaxis], snapshot.plan.grid.shape)


def _residual(snapshot: Snapshot, fitted_map: LithiationMap, energy: int) -> FloatArray:
    energies_ev = snapshot.plan.energies_ev
    lever_ev = energies_ev[energy] - 0.5 * (energies_ev.min() + energies_ev.max())
    model = fitted_map.background + fitted_map.background_slope * lever_ev
    for phase, reference in enumerate(snapshot.phases.at_energies[energy]):
        model = model + reference * fitted_map.thickness * fitted_map.fraction[phase]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (snapshot.od[energy] - model) / snapshot.od_error[energy]


def _shown(snapshot: Snapshot, choice: MapChoice, values: NDArray[np.float32]) -> MaskArray:
    """Return the pixels that have a value."""
    shown = np.isfinite(values)
    if choice.kind not in {MapKind.OD, MapKind.AGE, MapKind.STRESS} and snapshot.map is not None:
        shown &= snapshot.map.valid
    return shown


def _measured(snapshot: Snapshot, choice: MapChoice) -> MaskArray:
    """Return the pixels that have been measured at all, so far as this quantity needs it."""
    shape = snapshot.plan.grid.shape
    if choice.kind in {MapKind.OD, MapKind.AGE}:
        known = ~np.isnan(snapshot.row_time_s)
        if choice.kind is MapKind.OD:
            known = known[choice.index : choice.index + 1]
        return np.broadcast_to(np.logical_or.reduce(known, axis=0, keepdims=True).T, shape)
    return np.zeros(shape, np.bool_) if snapshot.map is None else snapshot.map.reason != Reason.UNSEEN


def is_fixed(choice: MapChoice) -> bool:
    """Return whether the scale of a quantity is the same on every map ever shown."""
    return choice.kind in {MapKind.LITHIUM, MapKind.FRACTION, MapKind.PHASE, MapKind.RESIDUAL}


_START = {MapKind.CHANGE: Levels(-1.0, 1.0), MapKind.STRESS: Levels(0.0, 1e-3)}
"""Scales while nothing is known."""


def map_levels(
    snapshot: Snapshot, choice: MapChoice, previous: Levels | None, around: Surroundings = Surroundings()
) -> Levels:  # fmt: skip
    """Return the levels for a map of a snapshot, given those drawn before.

    Lithium runs from 0 to the content of the richest phase, a fraction from 0 to 1, a residual from
    −5 to 5 σ, and none of them ever changes. The others start at 0, or have it in their middle, widen
    until the first complete map and then stay; stress, which comes with the reaction, goes on widening.

    Parameters
    ----------
    snapshot, choice
        What is drawn.
    previous
        The levels so far; None to find them anew.
    around
        What the picture depends on as well.
    """
    fixed = _fixed_levels(snapshot, choice)
    if fixed is not None:
        return fixed
    start = previous or _START.get(choice.kind)
    values = None if start is not None and start.is_locked else _values(snapshot, choice, around)
    if values is None:
        return held(start, None)
    # A percentile of some ten thousand pixels is that of all, and takes no longer on large fields.
    step = max(max(values.shape) // _LEVEL_PIXELS, 1)
    single = values.astype(np.float32)
    shown = _shown(snapshot, choice, single)[::step, ::step]
    single = single[::step, ::step]
    is_complete = snapshot.map is not None and not snapshot.map.is_provisional
    if choice.kind is MapKind.STRESS:
        return held(start, fitted(single, shown, is_locked=False))
    if choice.kind is MapKind.CHANGE:
        return (
            held(previous, centred(single, shown, is_locked=is_complete))
            if shown.any()
            else held(start, None)
        )
    return held(previous, fitted(single, shown, is_locked=is_complete))


def _fixed_levels(snapshot: Snapshot, choice: MapChoice) -> Levels | None:
    match choice.kind:
        case MapKind.LITHIUM:
            richest = float(np.max(snapshot.phases.lithium, initial=0.0))
            return Levels(0.0, richest if richest > 0 else 1.0, is_locked=True)
        case MapKind.FRACTION:
            return Levels(0.0, 1.0, is_locked=True)
        case MapKind.PHASE:
            return Levels(0.0, float(max(snapshot.phases.lithium.size, 1)), is_locked=True)
        case MapKind.RESIDUAL:
            return Levels(-RESIDUAL_REACH, RESIDUAL_REACH, is_locked=True)
        case _:
            return None


def present_map(
    snapshot: Snapshot, choice: MapChoice, levels: Levels, around: Surroundings = Surroundings()
) -> Picture:  # fmt: skip
    """Return the picture of a quantity; all pixels neutral while there is none."""
    shape = snapshot.plan.grid.shape
    found = _values(snapshot, choice, around)
    measured = _measured(snapshot, choice)
    if found is None:
        values = np.full(shape, np.nan, np.float32)
        index = np.where(measured, np.uint8(UNDETERMINED), np.uint8(UNSEEN))
    else:
        values = found.astype(np.float32)
        shown = _shown(snapshot, choice, values)
        if choice.kind is MapKind.PHASE:
            neutral = np.where(measured, np.uint8(UNDETERMINED), np.uint8(UNSEEN))
            index = np.where(shown, np.nan_to_num(values).astype(np.uint8) + np.uint8(FIRST_COLOUR), neutral)
        else:
            index = colour_index(values, shown, measured, levels)
    if around.masked is not None and around.masked.shape == shape:
        index[around.masked] = MASKED
    return Picture(values, index, levels, _opacity(snapshot, index) if around.is_faded else None)


def _opacity(snapshot: Snapshot, index: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the opacity of each pixel: full for σ(x) = 0, least from 0.3 of the range of x on."""
    if snapshot.map is None:
        return None
    reach = _FADED_AT * max(float(np.max(snapshot.phases.lithium, initial=0.0)), 1e-9)
    sure = 1.0 - np.nan_to_num(snapshot.map.lithium_error, nan=0.0).astype(np.float32) / np.float32(reach)
    opacity = (255.0 * np.clip(sure, _LEAST_OPACITY, 1.0)).astype(np.uint8)
    opacity[index < FIRST_COLOUR] = 255
    return opacity
