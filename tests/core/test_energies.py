"""A run as if it had been taken at some of its energies only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.core.energies import SAME_ENERGY_EV, Selection, select
from operando.errors import ConfigurationError
from operando.types import FloatArray, ScanPlan
from scans import ENERGIES_EV, lines_of, plan_of, stack_of


def selected(plan: ScanPlan, energies_ev: FloatArray) -> tuple[ScanPlan, Selection]:
    found = select(plan, energies_ev)
    assert found is not None
    return found


@given(st.permutations(range(4)), st.integers(1, 4), st.floats(-0.05, 0.05))
def test_a_selection_keeps_the_order_of_acquisition_and_the_right_lines(
    order: list[int], count: int, off_ev: float
) -> None:
    plan = plan_of(shape=(2, 3))
    lines = lines_of(plan, stack_of(plan, np.random.default_rng(0)))
    chosen = sorted(order[:count])
    reduced, selection = selected(plan, ENERGIES_EV[order[:count]] + off_ev)
    np.testing.assert_array_equal(reduced.energies_ev, ENERGIES_EV[chosen])
    kept = [line for line in map(selection.line, lines) if line is not None]
    assert len(kept) == 2 * 2 * count
    for line in kept:
        original = next(one for one in lines if one.counts is line.counts)
        assert chosen[line.energy] == original.energy


@given(st.permutations(range(4)), st.integers(1, 4), st.permutations(range(4)))
def test_a_plan_that_learns_its_energies_ends_with_the_selection_of_the_whole(
    asked: list[int], count: int, order: list[int]
) -> None:
    energies_ev = ENERGIES_EV[order]
    wanted_ev = ENERGIES_EV[asked[:count]]
    before: list[float] = []
    for known in range(1, 5):
        plan = replace(plan_of(shape=(2, 3), energies_ev=energies_ev[:known]), is_open=True)
        found = select(plan, wanted_ev)
        now = [] if found is None else found[0].energies_ev.tolist()
        assert now == [energy_ev for energy_ev in plan.energies_ev if energy_ev in wanted_ev]
        assert now[: len(before)] == before, "lines that were taken would be of another energy"
        assert found is None or found[0].is_open
        before = now
    reduced, _ = selected(plan_of(shape=(2, 3), energies_ev=energies_ev), wanted_ev)
    assert reduced.energies_ev.tolist() == before


@pytest.mark.parametrize("energies", [[], [float("nan"), 708.0], [float("inf")]])
@pytest.mark.parametrize("is_open", [True, False])
def test_no_energies_and_what_is_no_energy_are_refused(energies: list[float], is_open: bool) -> None:
    with pytest.raises(ConfigurationError, match="expected numbers in eV"):
        select(replace(plan_of(), is_open=is_open), np.array(energies, dtype=np.float64))


def test_two_read_backs_of_one_set_point_are_the_same_energy() -> None:
    assert SAME_ENERGY_EV > 2 * 0.03


@pytest.mark.parametrize(
    ("energies", "words"),
    [
        ([709.0], "no energy 709.00"),
        ([708.0, 709.0], "no energy 709.00"),
        ([708.0, 708.01], "each once"),
    ],
)
def test_energies_that_are_not_in_the_run_are_refused(energies: list[float], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        select(plan_of(), np.array(energies))
