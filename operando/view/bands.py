"""When nothing was measured, or nothing worth it: pauses, lost beam and weak beam, from the rows alone.

Nobody tells the screen of a pause; it is seen as a step between the times of two rows that is much
longer than such steps usually are. Beam loss is seen in the ring current where the documents have
it, and in I0 of an energy where it falls below half of what it usually is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from operando.types import FloatArray

__all__ = ["Band", "BandKind", "Rows", "bands_of"]

_LONG = 5.0
"""A step counts as a pause from so many times its usual length on, and at least 2 s beyond it."""
_LEAST_S = 2.0
_LOST_SHARE = 0.1
"""Ring current, as a share of the largest known, below which the beam is lost."""
_WEAK_SHARE = 0.5
"""I0, as a share of its median at that energy, below which it is called low."""


class BandKind(StrEnum):
    """Why a span of time is marked; in the words of the screen."""

    PAUSE = "pause"
    BEAM_LOST = "beam lost"
    I0_LOW = "I0 low"


@dataclass(frozen=True, slots=True)
class Band:
    """A span of time, seconds since the epoch on the clock of the acquisition."""

    start_s: float
    end_s: float
    kind: BandKind


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of the rows of one cycle.

    Attributes
    ----------
    time_s
        When each was taken, shape (energy, ny), NaN where unseen.
    i0
        Of each energy, shape (energy,).
    ring_current_ma
        At each row, shape (energy, ny), or None where no document says.
    """

    time_s: FloatArray
    i0: FloatArray
    ring_current_ma: FloatArray | None = None


def bands_of(rows: Rows, before: Iterable[Rows] = ()) -> tuple[Band, ...]:
    """Return the marked spans of a cycle, in order of time.

    Parameters
    ----------
    rows
        The cycle.
    before
        Earlier cycles, the newest last: they say what is usual, and when the cycle was due.
    """
    earlier = tuple(before)
    found = [*_pauses(rows, earlier), *_losses(rows, earlier), *_weak(rows, earlier)]
    return tuple(sorted(found, key=lambda band: (band.start_s, band.end_s)))


def _in_order(rows: Rows) -> tuple[FloatArray, NDArray[np.int_]]:
    """Return times and energies of the rows seen, by time, shapes (row,)."""
    energy = np.broadcast_to(np.arange(len(rows.time_s))[:, np.newaxis], rows.time_s.shape)
    is_seen = np.isfinite(rows.time_s)
    order = np.argsort(rows.time_s[is_seen], kind="stable")
    return rows.time_s[is_seen][order], energy[is_seen][order]


def _pauses(rows: Rows, earlier: tuple[Rows, ...]) -> list[Band]:
    time_s, energy = _in_order(rows)
    if earlier and time_s.size:
        last_s, last_energy = _in_order(earlier[-1])
        # Rows that a provisional map still has of the cycle before are no step of this one.
        if last_s.size and last_s[-1] < time_s[0]:
            time_s, energy = np.append(last_s[-1], time_s), np.append(last_energy[-1], energy)
    step_s = np.diff(time_s)
    is_within = np.diff(energy) == 0
    bands: list[Band] = []
    # Moving to another energy takes longer than moving to the next row.
    for of_a_sort in (is_within, ~is_within):
        if not of_a_sort.any():
            continue
        usual_s = float(np.median(step_s[of_a_sort]))
        limit_s = max(_LONG * usual_s, usual_s + _LEAST_S)
        for index in np.flatnonzero(of_a_sort & (step_s > limit_s)):
            bands.append(Band(float(time_s[index]), float(time_s[index + 1]), BandKind.PAUSE))
    return bands


def _losses(rows: Rows, earlier: tuple[Rows, ...]) -> list[Band]:
    if rows.ring_current_ma is None:
        return []
    known = [each.ring_current_ma for each in (*earlier, rows) if each.ring_current_ma is not None]
    largest_ma = max((float(np.nanmax(each)) for each in known if np.isfinite(each).any()), default=0.0)
    is_lost = rows.ring_current_ma < _LOST_SHARE * largest_ma
    return _spans(rows.time_s, is_lost & np.isfinite(rows.time_s), BandKind.BEAM_LOST)


def _weak(rows: Rows, earlier: tuple[Rows, ...]) -> list[Band]:
    same = [each.i0 for each in earlier if each.i0.shape == rows.i0.shape]
    if not same:
        return []
    everything = np.stack([*same, rows.i0])
    known = np.isfinite(everything).any(axis=0)
    usual = np.full(rows.i0.shape, np.nan)
    usual[known] = np.nanmedian(everything[:, known], axis=0)
    is_weak = (rows.i0 < _WEAK_SHARE * usual)[:, np.newaxis] & np.isfinite(rows.time_s)
    return _spans(rows.time_s, is_weak, BandKind.I0_LOW)


def _spans(time_s: FloatArray, is_marked: NDArray[np.bool_], kind: BandKind) -> list[Band]:
    """Return the spans of consecutive marked rows of each energy."""
    bands: list[Band] = []
    for times_s, marks in zip(time_s, is_marked, strict=True):
        if not marks.any():
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
        for start, stop in edges.reshape(-1, 2):
            span = times_s[start:stop]
            bands.append(Band(float(span.min()), float(span.max()), kind))
    return bands
