"""Snapshot and history → curves against time: field, field without masks, regions, bands; knows no Qt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from operando.cell import CellRecord
from operando.particles import ParticleCurve, ParticleResult
from operando.types import Curve, FloatArray, Snapshot
from operando.view.bands import Band, Rows, bands_of
from operando.view.history import History
from operando.view.words import UNKNOWN, about, count, measurement, plain

__all__ = ["FIELD", "Span", "Strand", "Timeline", "Trace", "headline_of", "present_timeline", "summarised"]

FIELD = "field"

_MOST_POINTS = 600
"""Points drawn of a curve: a screen of this century has hardly more columns for it."""
_MOST_PARTICLES = 6
"""Particles that are drawn, the largest: more curves are a tangle. The table of the curves has all."""


@dataclass(frozen=True, slots=True)
class Strand:
    """One curve, ready to be drawn.

    Attributes
    ----------
    name
        Whose: plain text.
    time, lithium, error
        In the unit of the timeline, shape (n,).
    low, high
        The band of ± σ, shape (n,): of all points that one drawn stands for.
    """

    name: str
    time: FloatArray
    lithium: FloatArray
    error: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class Trace:
    """What the potentiostat read, ready to be drawn.

    Attributes
    ----------
    name, symbol, unit
        What it is, in a word and in a letter: plain text.
    time, value
        In the unit of the timeline, and in `unit`, shape (n,).
    """

    name: str
    symbol: str
    unit: str
    time: FloatArray
    value: FloatArray


@dataclass(frozen=True, slots=True)
class Span:
    """A band in the unit of the timeline, with its words."""

    start: float
    end: float
    words: str
    is_loss: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that the time panel draws.

    Attributes
    ----------
    strands
        The field first, without the masks if there are any; then the regions, then the largest particles.
    traces
        Voltage and charge of the cell, as far as they are read.
    spans
        Pauses and losses.
    unit
        "s", "min", "h" or "d", since the start of the run.
    scale_s
        Seconds in a unit.
    started_s
        Where the axis begins, seconds since the epoch.
    now
        The newest line; the curve ends before it.
    """

    strands: tuple[Strand, ...]
    traces: tuple[Trace, ...]
    spans: tuple[Span, ...]
    unit: str
    scale_s: float
    started_s: float
    now: float


def summarised(time: FloatArray, value: FloatArray, error: FloatArray, most: int) -> tuple[FloatArray, ...]:
    """Return time, value, error, low and high with no more than `most` points, extremes kept.

    Where there are more, neighbours are put together: the mean of the times and values, and the
    lowest and highest end of their error bars, so that no outlier disappears.
    """
    error = np.nan_to_num(error)
    low, high = value - error, value + error
    if value.size <= most:
        return time, value, error, low, high
    starts = np.linspace(0, value.size, most, endpoint=False).astype(np.intp)
    number = np.diff(np.append(starts, value.size))
    mean = [np.add.reduceat(each, starts) / number for each in (time, value, error)]
    return *mean, np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)


def present_timeline(snapshot: Snapshot, history: History, most: int = _MOST_POINTS) -> Timeline:
    """Return the curves of a run; only cycles of record are on them."""
    started_s = snapshot.plan.started_s
    curves: list[tuple[str, Curve | ParticleCurve]] = [(FIELD, snapshot.curve)]
    if snapshot.unmasked_curve is not None:
        curves = [(f"{FIELD} less masks", snapshot.unmasked_curve)]
    curves += [(plain(result.region.name, 40), result.curve) for result in snapshot.regions]
    curves += [(f"particle {particle.number}", particle.curve) for particle in _largest(snapshot)]
    cell = snapshot.cell
    times_s = np.concatenate([curve.time_s for _, curve in curves] + ([] if cell is None else [cell.time_s]))
    now_s = snapshot.progress.last_line_s
    ends = np.append(times_s, now_s)
    span_s = max(float(np.max(ends[np.isfinite(ends)], initial=started_s)) - started_s, 1.0)
    unit, scale_s = _unit(span_s)
    return Timeline(
        strands=tuple(_strand(name, curve, started_s, scale_s, most) for name, curve in curves),
        traces=() if cell is None else tuple(_traces(cell, started_s, scale_s, most)),
        spans=tuple(
            _span(band, started_s, scale_s) for band in (*history.bands, *_live_bands(snapshot, history))
        ),
        unit=unit,
        scale_s=scale_s,
        started_s=started_s,
        now=span_s / scale_s,
    )


def headline_of(snapshot: Snapshot, cycle: int | None) -> tuple[str, str]:
    """Return the mean of the field with its σ, and what it is the mean of; of a cycle or the newest."""
    curve = snapshot.curve if snapshot.unmasked_curve is None else snapshot.unmasked_curve
    known = np.flatnonzero(np.isfinite(curve.lithium) & ((cycle is None) | (curve.cycle == cycle)))
    if known.size == 0:
        return UNKNOWN, "after the\nfirst cycle" if cycle is None else f"none in\ncycle {cycle + 1}"
    last = known[-1]
    value = measurement(float(curve.lithium[last]), float(curve.lithium_error[last]))
    masked = "" if snapshot.unmasked_curve is None else "\nmasks left out"
    return (
        value,
        f"after cycle {curve.cycle[last] + 1}\n{count(int(curve.pixels[last]))} pixels{masked}",
    )


def _unit(span_s: float) -> tuple[str, float]:
    for unit, scale_s, limit_s in (("s", 1.0, 120.0), ("min", 60.0, 7200.0), ("h", 3600.0, 172_800.0)):
        if span_s < limit_s:
            return unit, scale_s
    return "d", 86_400.0


def _largest(snapshot: Snapshot) -> list[ParticleResult]:
    """Return the particles that have curves of their own on the screen, in the order of their numbers."""
    if snapshot.particles is None:
        return []
    ranked = sorted(snapshot.particles.particles, key=lambda each: -each.pixels)
    return sorted(ranked[:_MOST_PARTICLES], key=lambda each: each.number)


def _traces(cell: CellRecord, started_s: float, scale_s: float, most: int) -> Iterator[Trace]:
    readings = (("voltage", "U", "V", cell.voltage_v), ("charge", "Q", "mAh", cell.charge_mah))
    for name, symbol, unit, values in readings:
        known = np.isfinite(values)
        if known.any():
            time = (cell.time_s[known] - started_s) / scale_s
            time, value, *_ = summarised(time, values[known], np.zeros(time.size), most)
            yield Trace(name, symbol, unit, time, value)


def _strand(name: str, curve: Curve | ParticleCurve, started_s: float, scale_s: float, most: int) -> Strand:
    known = np.isfinite(curve.lithium)
    time = (curve.time_s[known] - started_s) / scale_s
    return Strand(name, *summarised(time, curve.lithium[known], curve.lithium_error[known], most))


def _live_bands(snapshot: Snapshot, history: History) -> tuple[Band, ...]:
    """Return the bands of the rows that no cycle of record has yet."""
    if history.run not in {"", snapshot.plan.run}:
        return ()
    usual = [moment.rows for moment in history.moments[-1:]]
    last_s = float(np.nanmax(usual[-1].time_s)) if usual else float("-inf")
    newer = np.where(snapshot.row_time_s > last_s, snapshot.row_time_s, np.nan)
    if not np.isfinite(newer).any() or (usual and usual[-1].time_s.shape != newer.shape):
        return ()
    return bands_of(Rows(newer, snapshot.i0, snapshot.ring_current_ma), usual)


def _span(band: Band, started_s: float, scale_s: float) -> Span:
    start, end = ((moment_s - started_s) / scale_s for moment_s in (band.start_s, band.end_s))
    words = f"{band.kind.value} {about(band.end_s - band.start_s)}"
    return Span(start, end, words, is_loss=band.kind.value != "pause")
