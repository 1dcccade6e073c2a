"""Snapshot → what to draw: arrays, levels, words; knows neither Qt nor pyqtgraph."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from operando.types import Finding, MaskArray, Reason, Severity, Snapshot
from operando.view.maps import Picture
from operando.view.scales import Levels, colour_index, fitted, held
from operando.view.spectrum import REASONS
from operando.view.words import about, percent

__all__ = [
    "FrameKind",
    "arriving_row",
    "frame_levels",
    "map_words",
    "present_findings",
    "present_frame",
    "renewed_rows",
    "undetermined_words",
    "unseen_words",
]


class FrameKind(StrEnum):
    """What the picture of the frame now arriving shows."""

    OD = "od"
    COUNTS = "counts"


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
    age = f", up to {about(float(oldest.max()))} old" if oldest.size else ""
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


def present_findings(snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return the findings, worst first, each code once."""
    found = (*snapshot.delivery.findings, *snapshot.findings)
    rank = {Severity.ALARM: 0, Severity.WARNING: 1, Severity.INFO: 2}
    once = {finding.code: finding for finding in reversed(found)}
    kept = [finding for finding in found if once[finding.code] is finding]
    return tuple(sorted(kept, key=lambda finding: rank[finding.severity]))
