"""A run as if it had been taken at some of its energies only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.core.energies import select
from operando.errors import ConfigurationError
from scans import ENERGIES_EV, lines_of, plan_of, stack_of


@given(st.permutations(range(4)), st.integers(1, 4), st.floats(-0.05, 0.05))
def test_a_selection_keeps_the_order_of_acquisition_and_the_right_lines(
    order: list[int], count: int, off_ev: float
) -> None:
    plan = plan_of(shape=(2, 3))
    lines = lines_of(plan, stack_of(plan, np.random.default_rng(0)))
    chosen = sorted(order[:count])
    reduced, selection = select(plan, ENERGIES_EV[order[:count]] + off_ev)
    np.testing.assert_array_equal(reduced.energies_ev, ENERGIES_EV[chosen])
    kept = [line for line in map(selection.line, lines) if line is not None]
    assert len(kept) == 2 * 2 * count
    for line in kept:
        original = next(one for one in lines if one.counts is line.counts)
        assert chosen[line.energy] == original.energy


@pytest.mark.parametrize(
    ("energies", "words"), [([709.0], "no energy 709.00"), ([708.0, 708.01], "each once")]
)
def test_energies_that_are_not_in_the_run_are_refused(energies: list[float], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        select(plan_of(), np.array(energies))
