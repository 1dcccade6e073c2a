"""A recipe without a gain takes it from the blank pixels of the images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.absorption import Detector
from operando.core.composite import Composite, blank_of, compose, gain_of
from operando.core.incident import IncidentRule
from operando.core.stack import Recipe, add, empty_stack
from operando.types import Line
from scans import lines_of, plan_of, recipe

GAIN = 0.4
UNKNOWN = Detector(float("nan"))


def scan(seed: int) -> tuple[Recipe, list[Line]]:
    """Return a recipe without a gain and the lines of a field that is blank in its left half."""
    plan = plan_of((24, 40), cycles=1)
    od = np.where(np.arange(40) < 24, 0.0, 0.8) * np.array([0.4, 1.0, 0.8, 0.6])[:, None, None]
    mean = np.broadcast_to(5000.0 * np.exp(-od), plan.stack_shape)
    counts = GAIN * np.random.default_rng(seed).poisson(mean / GAIN)
    return replace(recipe(), detector=UNKNOWN), lines_of(plan, counts[None].astype(np.float64))


def composed(lines: list[Line], with_recipe: Recipe) -> Composite:
    state = empty_stack(plan_of((24, 40), cycles=1), with_recipe)
    for line in lines:
        state = add(state, line)
    return compose(state, with_recipe, 0)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), order=st.randoms(use_true_random=False))
def test_the_gain_found_does_not_depend_on_the_order_of_lines(seed: int, order) -> None:
    unknown, lines = scan(seed)
    first = composed(lines, unknown)
    order.shuffle(lines)
    np.testing.assert_array_equal(composed(lines, unknown).variance, first.variance)


@pytest.mark.parametrize("incident", [recipe().incident, IncidentRule()])
def test_the_variance_is_that_of_the_gain_found(incident: IncidentRule) -> None:
    unknown, lines = scan(1)
    unknown = replace(unknown, incident=incident)
    known = replace(unknown, detector=Detector(GAIN))
    ratio = composed(lines, unknown).variance / composed(lines, known).variance
    # About 2,000 pairs: sure to 4 %; and one gain for all pixels.
    assert ratio.min() == pytest.approx(1.0, abs=0.16)
    assert np.ptp(ratio) < 1e-9
    np.testing.assert_array_equal(composed(lines, unknown).od, composed(lines, known).od)


def test_without_blank_pixels_the_counts_are_taken_for_photons() -> None:
    unknown, lines = scan(2)
    photons = replace(unknown, detector=Detector(1.0))
    few = lines[:1]
    np.testing.assert_array_equal(composed(few, unknown).variance, composed(few, photons).variance)
    state = empty_stack(plan_of((24, 40), cycles=1), unknown)
    assert np.isnan(gain_of(state, 0, blank_of(state, unknown, 0)).gain)
