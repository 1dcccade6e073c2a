"""The beam-off control of a series against its exposed regions: what changed more there is the beam's doing.

Particles react each in its own time, so two regions never change alike. How unlike they are by themselves
is seen in the particles of each: the difference of the means is held against that scatter (Welch, Biometrika
34 (1947) 28), which has the noise of the measurement in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from operando.control import BeamEffect, Effect, RegionChange
from operando.core.curve import Point
from operando.core.particle_book import ParticleBook
from operando.types import Finding, FloatArray, SeriesPart, Severity

__all__ = ["RegionTrack", "beam_effect", "beam_findings", "track_of"]

_LEAST_PARTICLES = 3
_RARE = 0.003
"""A chance below it is an alarm: so often it is a false one, see docs/reference/science-figures.md."""
_LITHIUM_WORTH_SAYING = 0.02
_AMOUNT_WORTH_SAYING = 0.05
"""What all particles of a region share, such as I0, is not in their scatter: less may be that."""
_CODE = "beam-effect"
_LONG_S = 7200.0


@dataclass(frozen=True, slots=True)
class RegionTrack:
    """What is known of the particles of one region of a series.

    Attributes
    ----------
    part
        Which region of which series.
    visited_s
        The times that its maps of record speak for, ascending, shape (cycle,).
    number, time_s, lithium, amount
        Lasting number of a particle, time, x, and thickness times area; shape (row,), one row a particle and
        cycle, in the order of cycles.
    """

    part: SeriesPart
    visited_s: FloatArray
    number: NDArray[np.int64]
    time_s: FloatArray
    lithium: FloatArray
    amount: FloatArray


def track_of(part: SeriesPart, points: Mapping[int, Point], book: ParticleBook) -> RegionTrack:
    """Return what is known of a region's particles.

    Parameters
    ----------
    part
        Which region.
    points
        Of its curve, by cycle.
    book
        Its particles.
    """
    visited_s = np.array([points[cycle].time_s for cycle in sorted(points)])
    return RegionTrack(part, visited_s, book.number, book.time_s, book.lithium, book.amount)


def beam_effect(control: RegionTrack, exposed: Sequence[RegionTrack]) -> BeamEffect | None:
    """Return what changed more under the beam than without it, or None before the control's second visit.

    Parameters
    ----------
    control
        The region without beam between its first visit and its last.
    exposed
        The other regions of the series. Where their particles were at the control's times is taken from the
        line between two of their own visits, or on from the two nearest by not more than these are apart.
    """
    if control.visited_s.size < 2:
        return None
    from_s, until_s = float(control.visited_s[0]), float(control.visited_s[-1])
    dark = _changes(control, from_s, until_s)
    lit = [_changes(track, from_s, until_s) for track in exposed]
    regions = tuple(
        _region(track, changes) for track, changes in zip((control, *exposed), (dark, *lit), strict=True)
    )
    together = np.concatenate(lit, axis=1) if lit else np.empty((2, 0))
    unknown = _unknown(dark, together, len(exposed))
    if unknown:
        return BeamEffect(from_s, until_s, regions, None, None, unknown)
    lithium, amount = (_effect(_mean(more), _mean(own)) for more, own in zip(together, dark, strict=True))
    return BeamEffect(from_s, until_s, regions, lithium, amount)


def beam_findings(found: BeamEffect | None) -> list[Finding]:
    """Return what is to be said of the control: an effect, that there is none, or why it cannot be told."""
    if found is None:
        return []
    span = _span_in_words(found.until_s - found.from_s)
    if found.lithium is None or found.amount is None:
        words = f"what the beam did in {span} cannot be told from the control region: {found.unknown}"
        advice = "give control and exposed regions more particles, alike ones, and two cycles at least"
        return [Finding(_CODE, Severity.INFO, words, advice)]
    lithium, amount = found.lithium, found.amount
    seen: list[str] = []
    if lithium.chance < _RARE and abs(lithium.change) > _LITHIUM_WORTH_SAYING:
        seen.append(f"x by {lithium.change:+.3f} ± {lithium.error:.3f} ({_chance(lithium)})")
    if amount.chance < _RARE and abs(amount.change) > _AMOUNT_WORTH_SAYING:
        seen.append(
            f"the amount of material by {amount.change:+.1%} ± {amount.error:.1%} ({_chance(amount)})"
        )
    if not seen:
        words = (
            f"in {span} no effect of the beam is seen: x changed by {lithium.change:+.3f} ± "
            f"{lithium.error:.3f} more in the exposed regions than in the control"
        )
        return [Finding(_CODE, Severity.INFO, words)]
    words = f"in {span} the beam changed {' and '.join(seen)}: {_regions_in_words(found)}"
    advice = (
        "take a fresh region, a shorter dwell, fewer energies or cycles; make sure that the control lies in "
        "material like that of the exposed regions"
    )
    return [Finding(_CODE, Severity.WARNING, words, advice)]


def _changes(track: RegionTrack, from_s: float, until_s: float) -> FloatArray:
    """Return how much x, and the amount as a share, of each particle changed, shape (2, particle)."""
    rows: list[tuple[float, float]] = []
    known = np.isfinite(track.lithium) & (track.amount > 0)
    for number in np.unique(track.number[known]).tolist():
        own = known & (track.number == number)
        time_s, lithium, amount = track.time_s[own], track.lithium[own], track.amount[own]
        if time_s.size < 2:
            continue
        first, last = (_at(time_s, lithium, when_s) for when_s in (from_s, until_s))
        if np.isfinite(first) and np.isfinite(last):
            # Material does not grow on between visits: its amount is that of the nearest.
            before, after = np.interp((from_s, until_s), time_s, amount).tolist()
            rows.append((last - first, after / before - 1.0))
    return np.array(rows).reshape(-1, 2).T


def _at(time_s: FloatArray, value: FloatArray, when_s: float) -> float:
    """Return a value between its points, or on from the nearest two by their distance; NaN further away."""
    if time_s[0] <= when_s <= time_s[-1]:
        return float(np.interp(when_s, time_s, value))
    near, next_one = (0, 1) if when_s < time_s[0] else (-1, -2)
    step_s = float(time_s[next_one] - time_s[near])
    beyond = (when_s - float(time_s[near])) / step_s
    if beyond < -1.0:
        return float("nan")
    return float(value[near] + beyond * (value[next_one] - value[near]))


@dataclass(frozen=True, slots=True)
class _Mean:
    """A mean over particles, its standard deviation, and the degrees of freedom of that."""

    value: float
    error: float
    freedom: int


def _mean(changes: FloatArray) -> _Mean:
    count = changes.size
    return _Mean(float(changes.mean()), float(changes.std(ddof=1)) / count**0.5, count - 1)


def _effect(lit: _Mean, dark: _Mean) -> Effect:
    change, error = lit.value - dark.value, float(np.hypot(lit.error, dark.error))
    if error == 0.0:
        return Effect(change, error, float(change == 0.0))
    share = (lit.error / error) ** 2, (dark.error / error) ** 2
    freedom = 1.0 / (share[0] ** 2 / lit.freedom + share[1] ** 2 / dark.freedom)
    return Effect(change, error, float(2.0 * stdtr(freedom, -abs(change) / error)))


def _region(track: RegionTrack, changes: FloatArray) -> RegionChange:
    particles, nan = changes.shape[1], float("nan")
    name, is_control = track.part.region, track.part.is_control
    if particles < 2:
        return RegionChange(name, is_control, particles, nan, nan, nan, nan)
    lithium, amount = _mean(changes[0]), _mean(changes[1])
    return RegionChange(name, is_control, particles, lithium.value, lithium.error, amount.value, amount.error)


def _unknown(dark: FloatArray, lit: FloatArray, regions: int) -> str:
    """Return why the two cannot be held against each other, or ""."""
    if not regions:
        return "no exposed region of its series is known"
    for where, changes in (("in the control region", dark), ("in the exposed regions", lit)):
        if changes.shape[1] < _LEAST_PARTICLES:
            return (
                f"{changes.shape[1]} particles were followed {where} from its first visit to its last; "
                f"{_LEAST_PARTICLES} are needed to tell the beam's doing from how unlike particles are"
            )
    return ""


def _span_in_words(span_s: float) -> str:
    return f"{span_s / 60.0:.0f} min" if span_s < _LONG_S else f"{span_s / 3600.0:.1f} h"


def _chance(found: Effect) -> str:
    if found.chance < 1e-6:
        return "less than one chance in a million without it"
    return f"one chance in {1.0 / found.chance:,.0f} without it"


def _regions_in_words(found: BeamEffect) -> str:
    """Return what x did in each region."""
    return ", ".join(
        f"{'control ' if one.is_control else ''}{one.region} {one.lithium:+.3f} ± {one.lithium_error:.3f} "
        f"({one.particles} particles)"
        for one in found.regions
        if np.isfinite(one.lithium)
    )
