"""The first cycle once more: the second one tells where its images lie better than it does itself.

Images of different energies are told apart to a tenth of a pixel, those of one energy a cycle later to a
hundredth (`placing`). So the first cycle is recorded when it is complete, since nobody waits for the second
one, and once more when that is complete, if its images lie elsewhere then.
"""

from __future__ import annotations

from dataclasses import replace

from operando.core.placing import places_at
from operando.core.stack import StackState, is_complete
from operando.core.tracking import measure

__all__ = ["told_anew", "told_until"]


def told_until(state: StackState, cycle: int) -> int:
    """Return the newest cycle that may say where images of a cycle lie: it, or the second when complete."""
    is_told = is_complete(state, cycle + 1) and cycle == min(state.rows_seen)
    return cycle + 1 if is_told else cycle


def told_anew(state: StackState, cycle: int, *, was_complete: bool) -> tuple[StackState, frozenset[int]]:
    """Return which cycle before one that has changed is told anew by it, and the state with what that cost.

    Parameters
    ----------
    state
        Having seen a line.
    cycle
        Of the line.
    was_complete
        Whether its cycle was complete before: what it told then is not known any more.
    """
    first = cycle - 1
    if first < 0 or told_until(state, first) == first:
        return state, frozenset()
    if was_complete:
        return state, frozenset({first})
    rule = state.registration
    measured, found = measure(state.images, state.track, rule, state.detector)
    alone, now = (places_at(measured, rule.mode, until) for until in (first, cycle))
    has_moved = any(alone[key].moved_px != now[key].moved_px for key in measured if key[0] == first)
    state = replace(state, track=replace(state.track, found=found))
    return state, frozenset({first}) if has_moved else frozenset()
