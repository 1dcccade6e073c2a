"""When an alarm is passed on: once per onset, with hysteresis, and never more often than its rate.

Pure: a rule, how it stands, what is read now and the time give how it stands next, and what is to be told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from operando.types import Severity

__all__ = ["AlarmRule", "Reading", "Standing", "Watched", "judge"]

_MOST_ACTIVE = 256
_MOST_WAITING = 8
"""Onsets that wait for the rate of their rule; of more, the newest are told."""


class Watched(StrEnum):
    """What a rule looks at."""

    STALE = "stale"
    GAP = "gap"
    LOST = "lost"
    I0 = "i0"
    RING = "ring"
    DRIFT = "drift"
    RESIDUAL = "residual"
    LITHIUM = "lithium"
    FRACTION = "fraction"
    DOSE = "dose"
    DISK = "disk"
    ENDED = "ended"
    FINDING = "finding"


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """One alarm.

    Attributes
    ----------
    name
        What it is called where it is passed on.
    watched
        What it looks at.
    above, below
        The limit, in the unit of what is watched; one of them is None.
    margin
        How far back behind the limit the value has to be before the alarm is over.
    every_s
        At most one message in so many seconds.
    phase
        Whose fraction, for `Watched.FRACTION`.
    code, severity
        Which findings, for `Watched.FINDING`: with this code, and at least so severe; None for any.
    """

    name: str
    watched: Watched
    above: float | None = None
    below: float | None = None
    margin: float = 0.0
    every_s: float = 600.0
    phase: str | None = None
    code: str | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule finds now.

    Attributes
    ----------
    run, topic
        Which run it is about, and what of it where there can be several things at once; else "".
    value
        In the unit of what is watched; NaN where it is not known, which changes nothing.
    words
        For people; not to be trusted with a console or a shell.
    """

    run: str
    topic: str
    value: float
    words: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How an alarm stands.

    Attributes
    ----------
    active
        Run and topic of what holds now; the newest last.
    waiting
        Onsets that have not been told.
    told_s
        When something was told last; None for never.
    """

    active: tuple[tuple[str, str], ...] = ()
    waiting: tuple[Reading, ...] = ()
    told_s: float | None = None


def judge(
    rule: AlarmRule, standing: Standing, run: str, readings: tuple[Reading, ...], now_s: float
) -> tuple[Standing, tuple[Reading, ...]]:
    """Return how an alarm stands now, and which onsets are to be told in one message; mostly none.

    What began while nothing might be told is told afterwards, unless it was over by then.

    Parameters
    ----------
    rule
        The alarm.
    standing
        How it stood before.
    run
        The run that is looked at; what holds for others is left as it is.
    readings
        What is found of this run now; a topic that is not among them is over.
    now_s
        Seconds that only go forward.
    """
    before = frozenset(standing.active)
    held = [found for found in readings if _holds(rule, found.value, (found.run, found.topic) in before)]
    holding = {(found.run, found.topic): None for found in held}
    others = [key for key in standing.active if key[0] != run]
    onsets = [found for found in held if (found.run, found.topic) not in before]
    still = [found for found in standing.waiting if found.run != run or (run, found.topic) in holding]
    waiting = (*still, *onsets)[-_MOST_WAITING:]
    now = replace(standing, active=(*others, *holding)[-_MOST_ACTIVE:], waiting=waiting)
    if not waiting or (standing.told_s is not None and now_s - standing.told_s < rule.every_s):
        return now, ()
    return replace(now, waiting=(), told_s=now_s), waiting


def _holds(rule: AlarmRule, value: float, held_before: bool) -> bool:
    """Return whether a value is beyond the limit; one that was stays so until it is back by the margin."""
    if value != value:  # noqa: PLR0124 - NaN: not known
        return held_before
    back = rule.margin if held_before else 0.0
    is_above = rule.above is not None and value > rule.above - back
    is_below = rule.below is not None and value < rule.below + back
    return is_above or is_below
