"""The search within bounds: as good as a general solver's, never outside, never uphill."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from operando.core.bounded import nearest_within

PLACE = np.linspace(-1.0, 1.0, 60)
LOWER = np.array([-0.1, -0.1, -1.5, 0.02])
UPPER = np.array([1.1, 1.1, 1.5, 2.0])
NOISE = 0.03

Curve = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def step_through(x: np.ndarray) -> Curve:
    """Return what a step leaves of some points, and its slopes."""

    def curve(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        before, behind, position, scale = parameters
        away = (PLACE - position) / scale
        passed = special.expit(away)
        turn = (behind - before) / scale * passed * (1 - passed)
        left = before + (behind - before) * passed - x
        return left / NOISE, np.stack([1 - passed, passed, -turn, -turn * away]) / NOISE

    return curve


@given(
    seed=st.integers(0, 2**32 - 1),
    sides=st.tuples(st.floats(0.0, 0.3), st.floats(0.7, 1.0)),
    is_rising=st.booleans(),
    position=st.floats(-0.8, 0.8),
    scale=st.floats(0.03, 0.5),
)
def test_as_near_as_a_general_solver_comes_and_within_the_bounds(
    seed: int, sides: tuple[float, float], is_rising: bool, position: float, scale: float
) -> None:
    truth = np.array([*(sides if is_rising else sides[::-1]), position, scale])
    exact, _ = step_through(np.zeros_like(PLACE))(truth)
    x = exact * NOISE + np.random.default_rng(seed).normal(0, NOISE, PLACE.size)
    curve = step_through(x)
    start = np.array([x[:6].mean(), x[-6:].mean(), 0.0, 0.25])
    found = nearest_within(curve, start, LOWER, UPPER)
    assert ((found.parameters >= LOWER) & (found.parameters <= UPPER)).all()
    assert np.isclose(found.chi2, (curve(found.parameters)[0] ** 2).sum())
    general = optimize.least_squares(
        lambda p: curve(p)[0], start, jac=lambda p: curve(p)[1].T, bounds=(LOWER, UPPER)
    )
    assert found.chi2 <= 2 * general.cost + 0.1


@given(start=st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=2))
def test_a_plane_is_fitted_at_once_and_a_bound_holds(start: list[float]) -> None:
    slopes = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]])

    def curve(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return parameters @ slopes - np.array([1.0, 3.0, 5.0]), slopes

    free = nearest_within(curve, np.array(start), np.full(2, -9.0), np.full(2, 9.0))
    assert np.allclose(free.parameters, [1.0, 2.0], atol=1e-2)
    held = nearest_within(curve, np.array(start), np.full(2, -9.0), np.array([9.0, 1.5]))
    # With a slope of 1.5 the mean of what is left of 1, 3, 5 is 1.5.
    assert np.allclose(held.parameters, [1.5, 1.5], atol=1e-2)


def test_a_parameter_without_effect_stays_where_it_was() -> None:
    found = nearest_within(
        lambda p: (np.array([p[0] - 2.0]), np.array([[1.0], [0.0]])),
        np.array([0.0, 0.7]),
        np.full(2, -9.0),
        np.full(2, 9.0),
    )
    assert np.isclose(found.parameters[0], 2.0, atol=1e-2)
    assert found.parameters[1] == 0.7
