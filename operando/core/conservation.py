"""Whether the host stays: lithium comes and goes, the amount of host in a particle does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operando.core.particle_book import ParticleBook
from operando.core.trends import trend_of
from operando.types import Finding, FloatArray, Severity

__all__ = ["HostChange", "host_change", "host_findings", "particle_host_findings"]

_LEAST_CYCLES = 3
_WORTH_SAYING = 0.05
"""Fits of a reacting cell without any loss stay within 2 %."""
_SURE = 4.0
_WORTH_SAYING_OF_A_PARTICLE = 0.08
"""Particles of a reacting cell without any loss stay within 3.2 %: docs/reference/science-figures.md."""
_LEAST_ERROR = 0.01
"""Of the amount in a cycle, as a share: which pixels of the rim belong to a particle varies by that."""
_OUTLINE_CHANGED = 0.15
"""An amount that changes so much at once is another outline: two particles became one, or one two."""


@dataclass(frozen=True, slots=True)
class HostChange:
    """A change of the amount of host over the cycles.

    Attributes
    ----------
    change, error
        From the first cycle to the last along the line through all of them, as a share of the mean, and its
        standard deviation with the scatter of the cycles.
    cycles
        How many there were.
    """

    change: float
    error: float
    cycles: int


def host_change(time_s: FloatArray, amount: FloatArray, error: FloatArray) -> HostChange | None:
    """Return how the amount of host changed, or None with fewer than three cycles.

    Parameters
    ----------
    time_s, amount, error
        Of every cycle, shape (cycle,): the mean thickness of a particle or of the same pixels of the field,
        as `lithium_of_region` gives it, and its standard deviation.
    """
    known = np.isfinite(time_s) & np.isfinite(amount) & (error > 0)
    if known.sum() < _LEAST_CYCLES:
        return None
    mean, span_s = float(amount[known].mean()), float(np.ptp(time_s[known]))
    if not (mean > 0 and span_s > 0):
        return None
    trend = trend_of(time_s[known], amount[known], error[known])
    return HostChange(trend.per_s * span_s / mean, trend.per_s_error * span_s / mean, int(known.sum()))


def host_findings(found: HostChange | None, place: str) -> list[Finding]:
    """Return what is to be said about a change of the host; nothing where it is small or not sure.

    Parameters
    ----------
    found
        The change.
    place
        Whose it is, as a sentence begins: "the field", "particle 3".
    """
    if found is None or abs(found.change) < max(_WORTH_SAYING, _SURE * found.error):
        return []
    way = "lost" if found.change < 0 else "gained"
    return [
        Finding(
            "host-not-conserved",
            Severity.WARNING,
            f"{place} has {way} {abs(found.change):.0%} ± {found.error:.0%} of its host over {found.cycles} "
            "cycles, though only lithium can come and go",
            "look for drift (material leaves its pixels), I0 that creeps, or damage by the beam: compare "
            "with a region that was not exposed",
        )
    ]


def particle_host_findings(book: ParticleBook, cycle: int, whole: Sequence[int]) -> list[Finding]:
    """Return what is to be said about particles whose host changes; nothing while it stays in all of them.

    Parameters
    ----------
    book
        Of the particles.
    cycle
        The cycle up to which they are looked at.
    whole
        Numbers of those that are there and that the edge of the field does not cut off.
    """
    changes = {number: found for number in whole if (found := _change_of(book, cycle, number)) is not None}
    sure = {
        number: found
        for number, found in changes.items()
        if abs(found.change) > max(_WORTH_SAYING_OF_A_PARTICLE, _SURE * found.error)
    }
    if not sure:
        return []
    most = max(sure, key=lambda number: abs(sure[number].change))
    found = sure[most]
    way = "lost" if found.change < 0 else "gained"
    return [
        Finding(
            "particle-host",
            Severity.WARNING,
            f"{len(sure)} of {len(changes)} particles have lost or gained host, most of all particle {most}: "
            f"{way} {abs(found.change):.0%} ± {found.error:.0%} over {found.cycles} cycles",
            "look whether these move, crack, or are harmed by the beam: only lithium can come and go",
        )
    ]


def _change_of(book: ParticleBook, cycle: int, number: int) -> HostChange | None:
    """Return how the host of a particle changed since its outline did."""
    own = (book.number == number) & (book.cycle <= cycle) & (book.amount > 0)
    amount = book.amount[own]
    jumps = np.flatnonzero(np.abs(np.diff(np.log(amount))) > _OUTLINE_CHANGED)
    since = int(jumps[-1]) + 1 if jumps.size else 0
    return host_change(book.time_s[own][since:], amount[since:], _LEAST_ERROR * amount[since:])
