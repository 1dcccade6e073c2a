"""The next map from the last one: the bits of a map made from nothing."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.core import increment
from operando.core.absorption import Detector
from operando.core.composite import Composite
from operando.core.evolution import REACH
from operando.core.incident import IncidentMode, IncidentRule
from operando.core.increment import Solved
from operando.core.pipeline import due, look, look_again, record, start, step
from operando.core.solution import solve
from operando.core.stack import Estimator, Recipe
from operando.types import Line, LithiationMap, Reason
from scans import library, lines_of, plan_of, recipe

ENERGIES_EV = np.array([700.0, 707.0, 708.5, 710.0, 715.0])
PLAN = plan_of(shape=(14, 12), cycles=3, energies_ev=ENERGIES_EV)
PER_CYCLE = ENERGIES_EV.size * 14
RULES = {
    IncidentMode.FILE: recipe().incident,
    IncidentMode.BLANK: IncidentRule(IncidentMode.BLANK),
    IncidentMode.CHANNEL: IncidentRule(IncidentMode.CHANNEL, 2.0),
    IncidentMode.REFERENCES: IncidentRule(IncidentMode.REFERENCES, 2.0),
}


def moving_lines() -> list[Line]:
    """Return three cycles of a sample that changes, blank in a third of its columns, with an I0 channel."""
    rng = np.random.default_rng(3)
    counts = np.empty((3, *PLAN.stack_shape))
    for cycle, energy in np.ndindex(3, ENERGIES_EV.size):
        share = np.clip(np.linspace(0.0, 1.2, 14) - 0.2 * cycle, 0.0, 1.0)[:, None]
        values = [np.interp(ENERGIES_EV[energy], phase.energy_ev, phase.value) for phase in library().phases]
        od = (share * values[0] + (1 - share) * values[2]) * (np.arange(12) >= 4)
        counts[cycle, energy] = rng.poisson(3000.0 * np.exp(-od))
    return [replace(line, i0=rng.poisson(1500.0, 12).astype(float)) for line in lines_of(PLAN, counts)]


LINES = moving_lines()


def recipe_with(mode: IncidentMode, estimator: Estimator, gain: float = 1.0) -> Recipe:
    return Recipe(detector=Detector(gain=gain), incident=RULES[mode], estimator=estimator)


def assert_same_bits(one: object, other: object, name: str = "") -> None:
    """Compare two values, dataclasses field by field."""
    if hasattr(one, "__dataclass_fields__") and not isinstance(one, type):
        for entry in fields(one):
            assert_same_bits(getattr(one, entry.name), getattr(other, entry.name), f"{name}.{entry.name}")
    elif isinstance(one, np.ndarray):
        assert one.dtype == np.asarray(other).dtype, name
        assert one.shape == np.asarray(other).shape, name
        assert one.tobytes() == np.asarray(other).tobytes(), name
    elif isinstance(one, float):
        assert np.array_equal(one, other, equal_nan=True), name
    else:
        assert one == other, name


def spoiled(line: Line) -> Line:
    """Return the line without a reading of the incident beam, and with a pixel less."""
    counts = line.counts.copy()
    counts[line.row % 12] = np.nan
    return replace(line, i0=None, counts=counts)


@pytest.mark.parametrize("mode", list(IncidentMode))
@pytest.mark.parametrize("estimator", list(Estimator))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(data=st.data())
def test_a_look_helped_by_the_last_is_a_look_without_help(
    mode: IncidentMode, estimator: Estimator, data: st.DataObject
) -> None:
    gain = data.draw(st.sampled_from([1.0, float("nan")]), label="gain")
    known = data.draw(st.integers(0, len(LINES) - 9), label="lines before the first look")
    state = start(PLAN, library(), recipe_with(mode, estimator, gain))
    for line in LINES[:known]:
        state = step(state, line)
    # Then what may come: the next lines in any order, some of them again, some of an image long finished.
    coming = data.draw(st.permutations(range(known, known + 8)), label="order")
    again = data.draw(st.lists(st.sampled_from(coming), max_size=2), label="again")
    rewound = data.draw(st.lists(st.integers(max(known - PER_CYCLE, 0), known), max_size=2), label="rewound")
    without = data.draw(st.sets(st.sampled_from(coming), max_size=2), label="without I0")
    later = [
        replace(LINES[index], counts=LINES[index].counts * 0.97, time_s=LINES[-1].time_s + index)
        for index in rewound
    ]
    solved: Solved | None = None
    for line in [*(LINES[i] if i not in without else spoiled(LINES[i]) for i in [*coming, *again]), *later]:
        state = step(state, line)
        helped, solved = look_again(state, solved)
        assert_same_bits(helped, look(state))
        for cycle in due(state):
            state, _ = record(state, cycle)


def test_only_rows_near_the_line_are_solved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    state = start(PLAN, library(), recipe_with(IncidentMode.FILE, Estimator.TIMED))
    for line in LINES[: PER_CYCLE + 20]:
        state = step(state, line)
    _, solved = look_again(state, None)
    rows_solved: list[int] = []

    def counting(part: Composite, *arguments: object, **options: object) -> LithiationMap:
        rows_solved.append(part.od.shape[1])
        return solve(part, *arguments, **options)

    monkeypatch.setattr(increment, "solve", counting)
    state = step(state, LINES[PER_CYCLE + 20])
    helped, _ = look_again(state, solved)
    assert rows_solved == [4 * REACH + 1]
    assert_same_bits(helped, look(state))


def test_a_reading_that_has_no_i0_yet_is_noticed() -> None:
    state = start(PLAN, library(), recipe_with(IncidentMode.CHANNEL, Estimator.TIMED))
    for line in LINES[: 2 * 14]:
        state = step(state, line)
    before, solved = look_again(state, None)
    state = step(state, replace(LINES[2 * 14], i0=None))
    helped, _ = look_again(state, solved)
    assert_same_bits(helped, look(state))
    assert before.map is None
    assert helped.map is None
    assert solved.map.reason[0].tolist() == [Reason.UNSEEN] * 12
    assert look_again(state, solved)[1].map.reason[0].tolist() == [Reason.INVALID] * 12
