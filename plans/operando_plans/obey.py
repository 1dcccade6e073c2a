"""What becomes of a suggestion: taken or refused, and why; a pure function of limits and standing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from operando_plans.advice import AdviceLimits, Suggestion
from operando_plans.field import Field
from operando_plans.region import Region
from operando_plans.visit import Standing

__all__ = ["Situation", "Verdict", "decide"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What else a decision depends on.

    Attributes
    ----------
    cycles_done
        Of the series.
    left_over
        How many other regions are still visited in every cycle.
    dense_done
        How many denser fields have been visited or are to be.
    why_not
        Returns why the microscope cannot scan a field, or "".
    why_no_focus
        Returns why the focus cannot be moved so far, or "".
    """

    cycles_done: int
    left_over: int
    dense_done: int
    why_not: Callable[[Field], str]
    why_no_focus: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one suggestion.

    Attributes
    ----------
    is_taken
        Whether it is followed.
    words
        Why it is refused, or what is done.
    standing
        The region from now on.
    dense
        A denser field to visit, or None.
    is_stop
        Whether the series ends.
    """

    is_taken: bool
    words: str
    standing: Standing
    dense: Region | None = None
    is_stop: bool = False


def decide(suggestion: Suggestion, standing: Standing, limits: AdviceLimits, now: Situation) -> Verdict:
    """Return what becomes of a suggestion about a region."""
    if limits.regions is not None and standing.region.name not in limits.regions:
        return Verdict(False, f"advice may not change region '{standing.region.name}'", standing)
    decided = {
        "same": _same,
        "stop": _stop,
        "dwell": _dwell,
        "next_region": _leave,
        "dense_region": _dense,
        "shift": _shift,
        "focus": _focus,
    }
    return decided[suggestion.action](suggestion, standing, limits, now)


def _same(_suggestion: Suggestion, standing: Standing, _limits: AdviceLimits, _now: Situation) -> Verdict:
    return Verdict(True, "goes on as before", standing)


def _stop(_suggestion: Suggestion, standing: Standing, limits: AdviceLimits, now: Situation) -> Verdict:
    refusal = _too_early(limits, now)
    if refusal:
        return Verdict(False, refusal, standing)
    return Verdict(True, f"the series ends after {now.cycles_done} cycles", standing, is_stop=True)


def _leave(_suggestion: Suggestion, standing: Standing, limits: AdviceLimits, now: Situation) -> Verdict:
    refusal = _too_early(limits, now)
    if refusal:
        return Verdict(False, refusal, standing)
    if now.left_over < 1:
        return Verdict(False, "it is the last region that is visited", standing)
    return Verdict(True, "the region is not visited any more", replace(standing, has_left=True))


def _too_early(limits: AdviceLimits, now: Situation) -> str:
    if limits.min_cycles is None:
        return "advice may not end anything (min_cycles is not set)"
    if now.cycles_done < limits.min_cycles:
        return f"{now.cycles_done} cycles are done; at least {limits.min_cycles} are wanted"
    return ""


def _dwell(suggestion: Suggestion, standing: Standing, limits: AdviceLimits, _now: Situation) -> Verdict:
    dwells_ms, index = standing.region.dwells_ms, suggestion.energy_index
    if limits.max_dwell_ms is None:
        return Verdict(False, "advice may not change dwells (max_dwell_ms is not set)", standing)
    if not 0 <= index < len(dwells_ms):
        return Verdict(False, f"there is no energy {index}; there are {len(dwells_ms)}", standing)
    if not dwells_ms[index] <= suggestion.dwell_ms <= limits.max_dwell_ms:
        words = f"{suggestion.dwell_ms:g} ms is not from {dwells_ms[index]:g} to {limits.max_dwell_ms:g} ms"
        return Verdict(False, words, standing)
    longer = (*dwells_ms[:index], suggestion.dwell_ms, *dwells_ms[index + 1 :])
    region = replace(standing.region, dwell_ms=longer)
    words = f"{dwells_ms[index]:g} ms become {suggestion.dwell_ms:g} ms at {region.energies_ev[index]:g} eV"
    return Verdict(True, words, replace(standing, region=region))


def _shift(suggestion: Suggestion, standing: Standing, limits: AdviceLimits, now: Situation) -> Verdict:
    x, y = (was + by for was, by in zip(standing.shift_um, suggestion.shift_um, strict=True))
    if not math.hypot(x, y) <= limits.max_shift_um:
        words = f"the field would be {math.hypot(x, y):.3g} µm off; {limits.max_shift_um:g} µm are allowed"
        return Verdict(False, words, standing)
    moved = replace(standing, shift_um=(x, y))
    obstacle = now.why_not(moved.field)
    if obstacle:
        return Verdict(False, obstacle, standing)
    return Verdict(True, f"the field is moved to ({x:.3g}, {y:.3g}) µm from where it was planned", moved)


def _focus(suggestion: Suggestion, standing: Standing, limits: AdviceLimits, now: Situation) -> Verdict:
    focus_um = standing.focus_um + suggestion.focus_um
    if not abs(focus_um) <= limits.max_focus_um:
        words = f"the focus would be {abs(focus_um):.3g} µm off; {limits.max_focus_um:g} µm are allowed"
        return Verdict(False, words, standing)
    obstacle = now.why_no_focus(focus_um)
    if obstacle:
        return Verdict(False, obstacle, standing)
    return Verdict(
        True,
        f"the focus is moved to {focus_um:.3g} µm from where it was",
        replace(standing, focus_um=focus_um),
    )


def _dense(suggestion: Suggestion, standing: Standing, limits: AdviceLimits, now: Situation) -> Verdict:
    if limits.dense_pitch_um is None:
        return Verdict(False, "advice may not choose denser fields (dense_pitch_um is not set)", standing)
    if now.dense_done >= limits.max_dense:
        return Verdict(
            False, f"{now.dense_done} denser fields were visited; {limits.max_dense} are allowed", standing
        )
    planned = standing.region.field
    for axis in (0, 1):
        off_um = abs(suggestion.centre_um[axis] - planned.centre_um[axis])
        if not 0 < suggestion.size_um[axis] <= planned.size_um[axis] - 2 * off_um + 1e-9:
            return Verdict(False, "the denser field does not lie within the field of its region", standing)
    columns, rows = (max(2, 1 + round(size / limits.dense_pitch_um)) for size in suggestion.size_um)
    if columns * rows > limits.max_dense_points:
        words = f"it would have {columns} × {rows} pixels; {limits.max_dense_points} are allowed"
        return Verdict(False, words, standing)
    region = replace(
        standing.region,
        name=f"{standing.region.name}-dense-{now.dense_done + 1}",
        field=Field(suggestion.centre_um, suggestion.size_um, (columns, rows)),
        every=(),
    )
    return Verdict(
        True, f"a field of {columns} × {rows} pixels is visited once as '{region.name}'", standing, region
    )
