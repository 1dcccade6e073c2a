"""Snapshot → what to draw: arrays, levels, words; knows neither Qt nor pyqtgraph."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from operando.types import Finding, FloatArray, LithiationMap, MaskArray, Reason, Severity, Snapshot
from operando.view.pixel import REASONS
from operando.view.scales import Levels, colour_index, fitted, held
from operando.view.words import UNKNOWN, about, count, measurement, percent

__all__ = [
    "CurvePicture",
    "FrameKind",
    "MapKind",
    "Picture",
    "Quantity",
    "arriving_row",
    "colour_levels",
    "frame_levels",
    "map_words",
    "present_curve",
    "present_findings",
    "present_frame",
    "present_map",
    "quantity",
    "renewed_rows",
    "undetermined_words",
    "unseen_words",
]


class MapKind(StrEnum):
    """What the large map shows."""

    LITHIUM = "lithium"
    LITHIUM_ERROR = "lithium_error"
    THICKNESS = "thickness"
    CHI2 = "chi2"
    R_FACTOR = "r_factor"


class FrameKind(StrEnum):
    """What the picture of the frame now arriving shows."""

    OD = "od"
    COUNTS = "counts"


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a quantity is named, coloured and explained.

    Attributes
    ----------
    button, label
        Short name on its button; name with unit beside the colour bar.
    colours
        Name of a perceptually uniform colour map.
    meaning
        One sentence for the tooltip.
    """

    button: str
    label: str
    colours: str
    meaning: str


_UNITS = {
    "optical_density": "in units of the references",
    "od_per_nm": "nm",
    "mass_absorption": "areal mass, units of the references",
}


def quantity(kind: MapKind, unit: str) -> Quantity:
    """Return how a kind of map is named; `unit` is that of the references."""
    match kind:
        case MapKind.LITHIUM:
            return Quantity("Lithium x", "lithium content x", "viridis", "Lithium content x = Σ tₛxₛ / Σ tₛ")
        case MapKind.LITHIUM_ERROR:
            return Quantity("σ(x)", "standard deviation σ(x)", "magma", "One standard deviation of x")
        case MapKind.THICKNESS:
            return Quantity(
                "Thickness",
                f"thickness Σt ({_UNITS.get(unit, 'units of the references')})",
                "plasma",
                "Amount of material, the sum over the phases",
            )
        case MapKind.CHI2:
            return Quantity(
                "χ²/dof",
                "χ² per degree of freedom",
                "inferno",
                "1 is expected; more means the fit misses something",
            )
        case MapKind.R_FACTOR:
            return Quantity("R-factor", "R-factor Σr²/Σy²", "inferno", "Σ residual² / Σ OD², not Σ|r|/Σ|y|")


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
    """

    values: NDArray[np.float32]
    index: NDArray[np.uint8]
    levels: Levels


def _values(fitted_map: LithiationMap, kind: MapKind) -> NDArray[np.float32]:
    values: FloatArray = getattr(fitted_map, kind.value)
    return values.astype(np.float32)


def colour_levels(snapshot: Snapshot, kind: MapKind, previous: Levels | None) -> Levels:
    """Return the levels for the map of a snapshot, given those drawn before.

    The lithium scale runs from 0 to the content of the richest phase and never changes.
    The others start at 0, widen until the first complete map and then stay.
    """
    if kind is MapKind.LITHIUM:
        richest = float(np.max(snapshot.phases.lithium, initial=0.0))
        return Levels(0.0, richest if richest > 0 else 1.0, is_locked=True)
    if snapshot.map is None or (previous is not None and previous.is_locked):
        return held(previous, None)
    return held(
        previous,
        fitted(
            _values(snapshot.map, kind),
            snapshot.map.valid,
            is_locked=not snapshot.map.is_provisional,
        ),
    )


def present_map(snapshot: Snapshot, kind: MapKind, levels: Levels) -> Picture:
    """Return the large map; all pixels unseen while there is none."""
    if snapshot.map is None:
        shape = snapshot.plan.grid.shape
        return Picture(np.full(shape, np.nan, np.float32), np.zeros(shape, np.uint8), levels)
    values = _values(snapshot.map, kind)
    shown = snapshot.map.valid & np.isfinite(values)
    measured = snapshot.map.reason != Reason.UNSEEN
    return Picture(values, colour_index(values, shown, measured, levels), levels)


def frame_levels(snapshot: Snapshot, kind: FrameKind, previous: Levels | None) -> Levels:
    """Return the grey scale of the frame now arriving; within a run it only widens."""
    if snapshot.frame is None:
        return held(previous, None)
    values = _frame_values(snapshot, kind)
    return held(previous, fitted(values, np.isfinite(values), is_locked=False))


def _frame_values(snapshot: Snapshot, kind: FrameKind) -> NDArray[np.float32]:
    if snapshot.frame is None:
        return np.full(snapshot.plan.grid.shape, np.nan, np.float32)
    values = snapshot.frame.od if kind is FrameKind.OD else snapshot.frame.counts
    return values.astype(np.float32)


def present_frame(snapshot: Snapshot, kind: FrameKind, levels: Levels) -> Picture:
    """Return the frame now arriving, rows that have not come marked as unseen."""
    values = _frame_values(snapshot, kind)
    measured = np.zeros(values.shape, np.bool_)
    if snapshot.frame is not None:
        measured |= snapshot.frame.rows_seen[:, np.newaxis]
    return Picture(values, colour_index(values, np.isfinite(values), measured, levels), levels)


def arriving_row(snapshot: Snapshot) -> int | None:
    """Return the row that came last while its frame is incomplete, else None."""
    if snapshot.frame is None or snapshot.progress.is_closed or bool(np.all(snapshot.frame.rows_seen)):
        return None
    return snapshot.progress.row if bool(np.any(snapshot.frame.rows_seen)) else None


def renewed_rows(snapshot: Snapshot) -> MaskArray:
    """Return the rows of a provisional map that the arriving frame has renewed, shape (ny,)."""
    if snapshot.frame is None or snapshot.map is None or not snapshot.map.is_provisional:
        return np.zeros(snapshot.plan.grid.shape[0], np.bool_)
    return snapshot.frame.rows_seen


def map_words(snapshot: Snapshot) -> str:
    """Return in a few words what the map is: of record, provisional, or not there yet."""
    energies = snapshot.plan.energies_ev.size
    if snapshot.map is None:
        seen = int(np.sum(np.any(np.isfinite(snapshot.row_time_s), axis=1)))
        known = f"{seen}" if snapshot.plan.is_open else f"{seen} of {energies}"
        return f"No map yet: {known} energies begun"
    number = snapshot.map.cycle + 1
    if not snapshot.map.is_provisional:
        return f"Cycle {number} complete"
    oldest = snapshot.map.frame_age_s[np.isfinite(snapshot.map.frame_age_s)]
    age = f"  data up to {about(float(oldest.max()))} old" if oldest.size else ""
    return f"PROVISIONAL{age}"


def unseen_words(snapshot: Snapshot) -> str:
    """Return what share of the field has not been measured at enough energies; empty for none."""
    if snapshot.map is None:
        return "not measured yet"
    unseen = int(np.sum(snapshot.map.reason == Reason.UNSEEN))
    return f"{REASONS[Reason.UNSEEN]} {percent(unseen, snapshot.map.reason.size)}" if unseen else ""


def undetermined_words(snapshot: Snapshot) -> str:
    """Return what share of the field was measured and has no x, and why; the most frequent reason first."""
    if snapshot.map is None:
        return ""
    reasons, numbers = np.unique(snapshot.map.reason, return_counts=True)
    whole = snapshot.map.reason.size
    ranked = sorted(zip(numbers.tolist(), reasons.tolist(), strict=True), reverse=True)
    words = [
        f"{REASONS[Reason(reason)]} {percent(number, whole)}"
        for number, reason in ranked
        if reason not in {Reason.DETERMINED, Reason.UNSEEN}
    ]
    return "no x:  " + ",  ".join(words) if words else ""


@dataclass(frozen=True, slots=True)
class CurvePicture:
    """Mean lithium content against time, ready to be drawn.

    Attributes
    ----------
    time, unit
        Since the start of the run, shape (n,), in `unit`: "s", "min", "h" or "d".
    now
        The newest line, in the same unit: the curve ends before it.
    lithium, lithium_error
        Shape (n,).
    headline
        The newest value with its σ.
    caption
        What it is the mean of, and when.
    """

    time: FloatArray
    unit: str
    now: float
    lithium: FloatArray
    lithium_error: FloatArray
    headline: str
    caption: str


def present_curve(snapshot: Snapshot) -> CurvePicture:
    """Return the curve of the field; only completed cycles are on it."""
    curve = snapshot.curve
    since_s = curve.time_s - snapshot.plan.started_s
    now_s = snapshot.progress.last_line_s - snapshot.plan.started_s
    span_s = max(
        float(np.max(since_s[np.isfinite(since_s)], initial=0.0)), now_s if np.isfinite(now_s) else 0.0, 1.0
    )
    unit, scale_s = next(
        (unit, scale_s)
        for unit, scale_s, limit_s in (
            ("s", 1.0, 120.0),
            ("min", 60.0, 7200.0),
            ("h", 3600.0, 2 * 86400.0),
            ("d", 86400.0, np.inf),
        )
        if span_s < limit_s
    )
    known = np.flatnonzero(np.isfinite(curve.lithium))
    if known.size == 0:
        headline, caption = UNKNOWN, "after the first\ncomplete cycle"
    else:
        last = known[-1]
        headline = measurement(float(curve.lithium[last]), float(curve.lithium_error[last]))
        caption = f"after cycle {curve.cycle[last] + 1}\nmean of {count(int(curve.pixels[last]))} pixels"
    return CurvePicture(
        time=since_s / scale_s,
        unit=unit,
        now=span_s / scale_s,
        lithium=curve.lithium,
        lithium_error=curve.lithium_error,
        headline=headline,
        caption=caption,
    )


def present_findings(snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return the findings, worst first, each code once."""
    rank = {Severity.ALARM: 0, Severity.WARNING: 1, Severity.INFO: 2}
    once = {finding.code: finding for finding in reversed(snapshot.findings)}
    kept = [finding for finding in snapshot.findings if once[finding.code] is finding]
    return tuple(sorted(kept, key=lambda finding: rank[finding.severity]))
