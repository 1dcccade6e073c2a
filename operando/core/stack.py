"""What is known now: the newest images of each energy, and the map that follows from them.

An image is keyed by its cycle and energy, a line by its row in it, and of two deliveries of one
row the one taken later counts. So the state depends on the set of lines, not on the way they
came: order, grouping and repetition leave no trace in the bits.

`StackState` owns its arrays. `add` writes a line into them and returns the state to go on with;
the state that was passed in must not be used again. Whatever leaves this module is a copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from operando.core.absorption import Detector, optical_density, without_fit_bias
from operando.core.fit import Background, Fit, design_of, fit
from operando.core.incident import IncidentMode, IncidentRule, blank_pixels, blank_reading
from operando.errors import FrameRejected
from operando.types import FloatArray, Frame, Line, LithiationMap, MaskArray, PhaseSpectra, Reason, ScanPlan

__all__ = [
    "HISTORY_CYCLES",
    "Composite",
    "Limits",
    "Recipe",
    "StackState",
    "add",
    "arriving",
    "blank_of",
    "compose",
    "empty_stack",
    "is_complete",
    "solve",
]

HISTORY_CYCLES = 3
"""Cycles kept in memory: the one arriving, the last complete one, and one for rewound lines."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a pixel has no lithium content.

    Attributes
    ----------
    min_thickness
        In units of the references.
    min_significance
        Thickness over its own standard deviation.
    max_od
        Optical density at any energy; thicker than this, stray light and dark counts rule.
    """

    min_thickness: float = 0.1
    min_significance: float = 3.0
    max_od: float = 3.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How counts become a map, apart from the references themselves."""

    detector: Detector = field(default_factory=Detector)
    incident: IncidentRule = field(default_factory=IncidentRule)
    background: Background = Background.NONE
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class _Image:
    """One image as it arrives; arrays owned and written by this module."""

    counts: FloatArray
    i0: FloatArray | None
    row_time_s: FloatArray


@dataclass(frozen=True, slots=True)
class StackState:
    """The images known.

    Attributes
    ----------
    plan
        The scan they belong to.
    images
        By cycle and energy; the newest `HISTORY_CYCLES` cycles.
    rows_seen
        Distinct rows per cycle, for every cycle so far.
    newest
        The line taken last, or None.
    first_line_s
        When the first line was taken; NaN before it.
    """

    plan: ScanPlan
    images: dict[tuple[int, int], _Image]
    rows_seen: dict[int, int]
    newest: Line | None
    first_line_s: float

    @property
    def lines_seen(self) -> int:
        """Distinct lines so far."""
        return sum(self.rows_seen.values())


@dataclass(frozen=True, slots=True)
class Composite:
    """Per energy the newest rows up to some cycle, as optical density.

    Attributes
    ----------
    cycle
        The newest cycle that was allowed to contribute.
    od, variance
        Shape (energy, ny, nx); NaN where unknown.
    seen
        Where a reading has come, usable or not, shape (energy, ny, nx).
    row_time_s
        Shape (energy, ny).
    i0
        Mean incident reading of each energy's newest image, shape (energy,).
    blank
        Pixels taken as blank, shape (ny, nx).
    """

    cycle: int
    od: FloatArray
    variance: FloatArray
    seen: MaskArray
    row_time_s: FloatArray
    i0: FloatArray
    blank: MaskArray


def empty_stack(plan: ScanPlan) -> StackState:
    """Return the state before the first line."""
    return StackState(plan, {}, {}, None, float("nan"))


def add(state: StackState, line: Line) -> StackState:
    """Return `state` having also seen `line`; takes `state` over.

    Raises
    ------
    FrameRejected
        The line does not fit into the scan, or is older than the history kept.
    """
    _check(state, line)
    key = (line.cycle, line.energy)
    image = state.images.get(key)
    if image is None:
        image = _blank_image(state.plan, line)
        state.images[key] = image
    known_time_s = image.row_time_s[line.row]
    if known_time_s > line.time_s:
        return state
    if np.isnan(known_time_s):
        state.rows_seen[line.cycle] = state.rows_seen.get(line.cycle, 0) + 1
    image.counts[line.row] = line.counts
    if image.i0 is not None:
        image.i0[line.row] = np.nan if line.i0 is None else line.i0
    image.row_time_s[line.row] = line.time_s
    newest = state.newest
    if newest is None or _order(line) >= _order(newest):
        newest = line
        _forget(state, line.cycle)
    return replace(state, newest=newest, first_line_s=float(np.fmin(state.first_line_s, line.time_s)))


def is_complete(state: StackState, cycle: int) -> bool:
    """Return whether every row of every energy of a cycle has come."""
    energies, ny, _ = state.plan.stack_shape
    return state.rows_seen.get(cycle, 0) == energies * ny


def compose(state: StackState, recipe: Recipe, cycle: int) -> Composite:
    """Return what is known of every energy, using images up to `cycle`.

    A row of an image is used once that image has an I0; until then the row of the cycle before
    stands in its place.
    """
    plan = state.plan
    blank = blank_of(state, recipe, cycle)
    od = np.full(plan.stack_shape, np.nan)
    variance = np.full(plan.stack_shape, np.nan)
    seen = np.zeros(plan.stack_shape, dtype=bool)
    row_time_s = np.full(plan.stack_shape[:2], np.nan)
    i0 = np.full(plan.energies_ev.size, np.nan)
    for energy in range(plan.energies_ev.size):
        missing = np.ones(plan.grid.shape[0], dtype=bool)
        for past in range(cycle, cycle - HISTORY_CYCLES, -1):
            image = state.images.get((past, energy))
            if image is None:
                continue
            rows = missing & ~np.isnan(image.row_time_s)
            seen[energy, rows] = ~np.isnan(image.counts[rows])
            incident, incident_variance = _incident(image, plan, energy, recipe, blank)
            if np.isnan(incident[rows]).all():
                continue
            od[energy, rows], variance[energy, rows] = optical_density(
                image.counts[rows], incident[rows], incident_variance[rows], recipe.detector
            )
            row_time_s[energy, rows] = image.row_time_s[rows]
            if np.isnan(i0[energy]):
                i0[energy] = np.nanmean(incident[rows])
            missing &= ~rows
            if not missing.any():
                break
    return Composite(cycle, od, variance, seen, row_time_s, i0, blank)


def blank_of(state: StackState, recipe: Recipe, cycle: int) -> MaskArray:
    """Return the blank pixels that I0 of a cycle is read from, shape (ny, nx).

    They are found in the images of the cycle itself once it is complete; before that in the
    complete images of the cycle before; and in the first cycle in what there is. Nothing is
    blank where I0 comes from elsewhere.
    """
    shape = state.plan.grid.shape
    if recipe.incident.mode is not IncidentMode.BLANK:
        return np.zeros(shape, dtype=bool)
    for candidate in (cycle, cycle - 1):
        if is_complete(state, candidate):
            return blank_pixels(_counts_of(state, candidate))
    images = [image for (past, _), image in sorted(state.images.items()) if past <= cycle]
    if not images:
        return np.zeros(shape, dtype=bool)
    complete = [image for image in images if not np.isnan(image.row_time_s).any()]
    return blank_pixels(np.stack([image.counts for image in complete or images[:1]]))


def arriving(state: StackState, composite: Composite, recipe: Recipe) -> Frame | None:
    """Return a copy of the image that the newest line belongs to, or None before the first line."""
    newest = state.newest
    if newest is None:
        return None
    image = state.images[newest.cycle, newest.energy]
    incident, incident_variance = _incident(image, state.plan, newest.energy, recipe, composite.blank)
    od, _ = optical_density(image.counts, incident, incident_variance, recipe.detector)
    return Frame(
        cycle=newest.cycle,
        energy=newest.energy,
        energy_ev=float(state.plan.energies_ev[newest.energy]),
        counts=image.counts.copy(),
        od=od,
        row_time_s=image.row_time_s.copy(),
    )


def solve(
    composite: Composite, plan: ScanPlan, phases: PhaseSpectra, recipe: Recipe, *, is_provisional: bool
) -> LithiationMap:
    """Fit every pixel of a composite and say why the others have no value.

    Parameters
    ----------
    composite
        What is known.
    plan
        The scan it belongs to.
    phases
        References at the energies of the scan.
    recipe
        Background and limits.
    is_provisional
        Carried into the map: whether rows of the cycle are missing.
    """
    ny, nx = plan.grid.shape
    energies = plan.energies_ev.size
    design = design_of(phases.at_energies, phases.lithium, plan.energies_ev, recipe.background)
    variance = composite.variance.reshape(energies, -1)
    leverage = design.matrix.shape[1] / energies
    result = fit(without_fit_bias(composite.od.reshape(energies, -1), variance, leverage), variance, design)
    reason = _reasons(composite, result, design.matrix.shape[1], recipe.limits)
    determined = (reason == Reason.DETERMINED).reshape(ny, nx)

    def image(values: FloatArray) -> FloatArray:
        return values.reshape(*values.shape[:-1], ny, nx)

    def determined_only(values: FloatArray) -> FloatArray:
        return np.where(determined, image(values), np.nan)

    none = np.where(result.is_solved, 0.0, np.nan)
    background = result.background[0] if recipe.background >= Background.CONSTANT else none
    half_range_ev = float(np.ptp(plan.energies_ev)) / 2
    slope = result.background[1] / half_range_ev if recipe.background is Background.LINEAR else none
    energy_time_s = _newest(composite.row_time_s, axis=1)
    return LithiationMap(
        cycle=composite.cycle,
        time_s=_mean(composite.row_time_s),
        lithium=determined_only(result.lithium),
        lithium_error=determined_only(result.lithium_error),
        fraction=determined_only(result.fraction),
        fraction_error=determined_only(result.fraction_error),
        thickness=image(result.thickness),
        thickness_error=image(result.thickness_error),
        background=image(background),
        background_slope=image(slope),
        chi2=image(result.chi2),
        r_factor=image(result.r_factor),
        energies_used=result.energies_used.reshape(ny, nx),
        frame_age_s=_newest(energy_time_s, axis=0) - energy_time_s,
        reason=reason.reshape(ny, nx),
        is_provisional=is_provisional,
    )


def _reasons(composite: Composite, result: Fit, columns: int, limits: Limits) -> np.ndarray:
    """Return a `Reason` per pixel, the most basic one winning, shape (pixel,)."""
    seen = composite.seen.reshape(composite.seen.shape[0], -1).sum(axis=0)
    thickest = np.nan_to_num(composite.od.reshape(composite.od.shape[0], -1), nan=-np.inf).max(axis=0)
    with np.errstate(invalid="ignore"):
        is_thin = ~(
            (result.thickness >= limits.min_thickness)
            & (result.thickness >= limits.min_significance * result.thickness_error)
        )
    reason = np.full(seen.shape, Reason.DETERMINED, dtype=np.uint8)
    reason[is_thin] = Reason.THIN
    reason[thickest > limits.max_od] = Reason.OPAQUE
    reason[~result.is_solved] = Reason.AMBIGUOUS
    reason[result.energies_used < columns] = Reason.INVALID
    reason[seen < columns] = Reason.UNSEEN
    return reason


def _incident(
    image: _Image, plan: ScanPlan, energy: int, recipe: Recipe, blank: MaskArray
) -> tuple[FloatArray, FloatArray]:
    """Return I0 and its variance for an image, each broadcast to shape (ny, nx)."""
    shape = plan.grid.shape
    rule, gain = recipe.incident, recipe.detector.gain
    if rule.mode is IncidentMode.BLANK:
        mean, variance = blank_reading(image.counts, blank, gain)
        return np.full(shape, mean), np.full(shape, variance)
    if rule.mode is IncidentMode.CHANNEL:
        if image.i0 is None:
            return np.full(shape, np.nan), np.full(shape, np.nan)
        return rule.scale * image.i0, rule.scale**2 * gain * image.i0
    if rule.energy_ev is None or rule.counts_per_ms is None:
        msg = "an I0 rule of mode 'file' needs its spectrum"
        raise ValueError(msg)
    rate = np.interp(plan.energies_ev[energy], rule.energy_ev, rule.counts_per_ms, left=np.nan, right=np.nan)
    return np.full(shape, rule.scale * rate * plan.dwell_ms[energy]), np.zeros(shape)


def _check(state: StackState, line: Line) -> None:
    energies, ny, nx = state.plan.stack_shape
    where = f"line of cycle {line.cycle}, energy {line.energy}, row {line.row}"
    if not (0 <= line.energy < energies and 0 <= line.row < ny and line.cycle >= 0):
        msg = f"{where} is outside the scan of {energies} energies and {ny} rows"
        raise FrameRejected(msg)
    if line.counts.shape != (nx,):
        msg = f"{where} has {line.counts.size} pixels; the scan has {nx}"
        raise FrameRejected(msg)
    if not np.isfinite(line.time_s):
        msg = f"{where} has no time"
        raise FrameRejected(msg)
    if state.newest is not None and line.cycle <= state.newest.cycle - HISTORY_CYCLES:
        msg = f"{where} came when cycle {state.newest.cycle} was under way; {HISTORY_CYCLES} cycles are kept"
        raise FrameRejected(msg)


def _blank_image(plan: ScanPlan, line: Line) -> _Image:
    shape = plan.grid.shape
    i0 = None if line.i0 is None else np.full(shape, np.nan)
    return _Image(np.full(shape, np.nan), i0, np.full(shape[0], np.nan))


def _forget(state: StackState, newest_cycle: int) -> None:
    for key in [key for key in state.images if key[0] <= newest_cycle - HISTORY_CYCLES]:
        del state.images[key]


def _order(line: Line) -> tuple[float, int, int, int]:
    return line.time_s, line.cycle, line.energy, line.row


def _counts_of(state: StackState, cycle: int) -> FloatArray:
    return np.stack([state.images[cycle, energy].counts for energy in range(state.plan.energies_ev.size)])


def _newest(times_s: FloatArray, axis: int) -> FloatArray:
    newest = np.where(np.isnan(times_s), -np.inf, times_s).max(axis=axis)
    return np.where(np.isneginf(newest), np.nan, newest)


def _mean(times_s: FloatArray) -> float:
    known = times_s[~np.isnan(times_s)]
    return float(known.mean()) if known.size else float("nan")
