"""Between cycles: hear the suggestions, decide, and write down what was taken, what refused, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp

from operando_plans.advice import DETAILS, Advice, Answer, Asked, Suggestion
from operando_plans.check import check_field, check_reach
from operando_plans.field import Field
from operando_plans.note import Note, write
from operando_plans.obey import Situation, Verdict, decide
from operando_plans.parts import Parts
from operando_plans.plan import Clock, Plan
from operando_plans.region import Region
from operando_plans.visit import Standing

__all__ = ["Counsel", "Decided", "answers_of", "counsel_of", "decided", "listen"]

_BLANK = {"cycle": 0, "action": "", "reason": "", "details": "", "is_taken": 0, "verdict": ""}


@dataclass(frozen=True, slots=True)
class Counsel:
    """What a series asks with.

    Attributes
    ----------
    advice
        Whom it asks, and how far it follows.
    parts
        Of the microscope, which may not be able to follow.
    clock
        Of the waiting.
    focus_um
        Where the focus was when the series began; NaN where there is none.
    note
        Where the decisions are written.
    """

    advice: Advice
    parts: Parts
    clock: Clock
    focus_um: float
    note: Note

    @property
    def moves_focus(self) -> bool:
        """Whether advice may have moved the focus."""
        return self.parts.focus is not None and self.advice.limits.max_focus_um > 0


@dataclass(frozen=True, slots=True)
class Decided:
    """What follows from all suggestions after a cycle.

    Attributes
    ----------
    standings
        The regions from now on, by name.
    dense
        Denser fields to visit, with the region that each belongs to.
    is_stop
        Whether the series ends.
    """

    standings: Mapping[str, Standing]
    dense: tuple[tuple[str, Region], ...] = ()
    is_stop: bool = False


def counsel_of(advice: Advice, parts: Parts, clock: Clock) -> Plan:
    """Read where the focus is, and return what a series asks with."""
    focus_um = float("nan")
    if parts.focus is not None:
        focus_um = float((yield from bps.rd(parts.focus, default_value=0.0)))
    return Counsel(advice, parts, clock, focus_um, Note("advice", _BLANK))


def listen(
    counsel: Counsel, standings: Mapping[str, Standing], heard: Mapping[str, Answer]
) -> dict[str, Answer]:
    """Return what is known now about the last cycle of each region; asks where there is no answer yet."""
    source = counsel.advice.source
    return {
        name: heard[name]
        if name in heard and heard[name].is_ready
        else source.suggest(Asked(standing.run, name, standing.visits - 1))
        for name, standing in standings.items()
    }


def answers_of(counsel: Counsel, standings: Mapping[str, Standing], heard: Mapping[str, Answer]) -> Plan:
    """Wait for the answers about regions, at most as long as the limits allow, and return them."""
    limits, clock = counsel.advice.limits, counsel.clock
    began_s = clock.now_s()
    heard = listen(counsel, standings, heard)
    # Counted in looks as well, as a clock may stand still or be put back.
    for _look in range(round(limits.wait_s / limits.poll_s)):
        if all(answer.is_ready for answer in heard.values()) or clock.now_s() - began_s >= limits.wait_s:
            break
        yield from bps.checkpoint()
        yield from clock.sleep(limits.poll_s)
        heard = listen(counsel, standings, heard)
    return heard


def decided(counsel: Counsel, before: Decided, answers: Mapping[str, Answer], cycles_done: int) -> Plan:
    """Decide on all answers, record each in the run of its region, and return what follows."""
    now = before
    for name, answer in answers.items():
        for suggestion in answer.suggestions or (Suggestion("same", answer.note),):
            standing = now.standings[name]
            situation = _situation(counsel, now, name, cycles_done)
            verdict = (
                Verdict(False, "the series ends", standing)
                if now.is_stop
                else decide(suggestion, standing, counsel.advice.limits, situation)
            )
            said = _said(suggestion, verdict, standing.visits - 1)
            yield from bpp.set_run_key_wrapper(write(counsel.note, said, counsel.clock), name)
            now = Decided(
                standings={**now.standings, name: verdict.standing},
                dense=(*now.dense, *([] if verdict.dense is None else [(name, verdict.dense)])),
                is_stop=now.is_stop or verdict.is_stop,
            )
    return now


def _situation(counsel: Counsel, now: Decided, name: str, cycles_done: int) -> Situation:
    others = [other for key, other in now.standings.items() if key != name]

    def why_not(field: Field) -> str:
        return _refusal(lambda: check_field(counsel.parts, field, "the field"))

    def why_no_focus(focus_um: float) -> str:
        if counsel.parts.focus is None:
            return "there is no focus to move"
        return _refusal(lambda: check_reach(counsel.parts.focus, counsel.focus_um + focus_um, "the focus"))

    return Situation(
        cycles_done=cycles_done,
        left_over=sum(not other.has_left and not other.region.is_control for other in others),
        dense_done=len(now.dense),
        why_not=why_not,
        why_no_focus=why_no_focus,
    )


def _refusal(check: Callable[[], None]) -> str:
    try:
        check()
    except ValueError as error:
        return str(error)
    return ""


def _said(suggestion: Suggestion, verdict: Verdict, cycle: int) -> dict[str, str | float]:
    details = {key: getattr(suggestion, key) for key in DETAILS.get(suggestion.action, ())}
    return {
        "cycle": cycle,
        "action": suggestion.action,
        "reason": suggestion.reason,
        "details": json.dumps(details),
        "is_taken": int(verdict.is_taken),
        "verdict": verdict.words,
    }
