"""The spectrum of a region at one time: exact for steady motion, and no motion where pixels are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mean_truth import Mean, compared_means, corners_of
from operando.core.composite import compose
from operando.core.evolution import Images
from operando.core.fit import design_of
from operando.core.pipeline import record, start, step
from operando.core.region import lithium_of_region, spectrum_of_region
from operando.core.shared_errors import SharedErrors
from operando.core.simultaneous import parts_of, spectrum_at
from operando.core.stack import Estimator
from scans import library, lines_of, plan_of, recipe, stack_of
from strange_cells import cell_of

ENERGIES, NY, NX = 4, 6, 5
CYCLE_S = 90.0
EVERYWHERE = np.ones((NY, NX), np.bool_)
NOTHING_COMMON = np.zeros(ENERGIES)


def images_of(place: np.ndarray, speed: np.ndarray, variance: float) -> tuple[Images, ...]:
    """Return three images an energy of what moves steadily, `place` at time 0, the newest first."""
    lag_s = np.linspace(-40.0, 40.0, ENERGIES)[:, None] + np.linspace(-8.0, 8.0, NY)
    return tuple(
        Images(
            place + speed * time_s[..., None],
            np.full(place.shape, variance),
            time_s,
        )
        for time_s in (lag_s - age * CYCLE_S for age in range(3))
    )


def steady(seed: int, variance: float = 1e-12) -> tuple[np.ndarray, tuple[Images, ...]]:
    rng = np.random.default_rng(seed)
    place = rng.uniform(0.3, 1.2, (ENERGIES, NY, NX))
    # Of one pixel as of another: a mean over rows taken at other times is then that of a mean time.
    speed = np.broadcast_to(rng.uniform(1e-4, 1e-3, (ENERGIES, 1, 1)), place.shape)
    return place, images_of(place, speed, variance)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), region=st.integers(1, NY * NX))
def test_what_moves_steadily_is_brought_to_one_time_exactly(seed: int, region: int) -> None:
    place, images = steady(seed)
    pixels = np.random.default_rng(seed).permutation(NY * NX).reshape(NY, NX) < region
    found = spectrum_at(parts_of(images, pixels), NOTHING_COMMON, 0.0)
    # Noise of 1e-6 leaves Wiener's weight 1e-6 short of one.
    np.testing.assert_allclose(found.od, place[:, pixels].mean(axis=1), atol=1e-6)
    assert found.pixels == region


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), missing=st.integers(0, NY * NX // 2))
def test_pixels_that_an_older_image_lacks_are_compared_in_neither(seed: int, missing: int) -> None:
    """A mean over other pixels is no motion, however unlike they are."""
    place, (newest, before, first) = steady(seed)
    od = before.od.copy()
    od[:, np.random.default_rng(seed).permutation(NY * NX).reshape(NY, NX) < missing] = np.nan
    parts = parts_of((newest, replace(before, od=od), first), EVERYWHERE)
    found = spectrum_at(parts, NOTHING_COMMON, 0.0)
    np.testing.assert_allclose(found.od, place.mean(axis=(1, 2)), atol=1e-6)
    assert found.pixels == NY * NX


def test_an_older_image_that_knows_less_than_half_says_nothing() -> None:
    _, (newest, before, first) = steady(1)
    od = before.od.copy()
    od[:, :4] = np.nan
    found = spectrum_at(parts_of((newest, replace(before, od=od), first), EVERYWHERE), NOTHING_COMMON, 0.0)
    flat = [each.reshape(ENERGIES, -1) for each in (newest.od, newest.variance)]
    plain = spectrum_of_region(flat[0], flat[1], NOTHING_COMMON)
    assert found.od.tobytes() == plain.od.tobytes()
    assert found.variance.tobytes() == plain.variance.tobytes()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_to_be_moved_costs_certainty(seed: int) -> None:
    _, images = steady(seed, variance=1e-4)
    rng = np.random.default_rng(seed)
    noisy = tuple(replace(one, od=one.od + rng.normal(0, 1e-2, one.od.shape)) for one in images)
    parts = parts_of(noisy, EVERYWHERE)
    # Images taken before the time of the map are carried on beyond what was seen.
    early = np.arange(ENERGIES) < ENERGIES // 2
    moved, alone = (spectrum_at(given, NOTHING_COMMON, 0.0) for given in (parts, parts[:1]))
    assert np.all(moved.variance[early] >= alone.variance[early])


@pytest.fixture(scope="module", params=[("lixv2o5", 1.0), ("lixfepo4", 1.0)], ids=["v", "fe"])
def means(request: pytest.FixtureRequest) -> list[tuple[Mean, ...]]:
    material, rate = request.param
    cell = cell_of(material, rate, 1, cycles=7, peak_od=(0.5, 1.3), counts=3000.0)
    return list(compared_means(cell, corners_of(cell)))


def test_the_mean_of_a_reacting_field_holds_to_the_truth(means: list[tuple[Mean, ...]]) -> None:
    """The table of `bench/field_mean_table.py` in short; as measured it was 0.009 and 0.013 off."""
    field = [whole for whole, *_ in means]
    assert len(field) == 5
    assert np.sqrt(np.mean([mean.error**2 for mean in field])) < 0.005
    assert max(abs(mean.pull) for mean in field) < 3


def test_means_of_regions_are_as_sure_as_they_say(means: list[tuple[Mean, ...]]) -> None:
    quarters = [part for _, *parts in means for part in parts]
    pull = np.abs([mean.pull for mean in quarters])
    assert np.sqrt(np.mean([mean.error**2 for mean in quarters])) < 0.008
    # 68 and 95 %, less three times what 20 points leave open; as measured one after the other 33 and 54 %.
    assert np.mean(pull < 1) > 0.38
    assert np.mean(pull < 2) > 0.8


def test_the_latest_images_alone_give_what_they_gave() -> None:
    """Without older images there is nothing to be brought to one time."""
    plan = plan_of(shape=(8, 9), cycles=3)
    state = start(plan, library(), replace(recipe(), estimator=Estimator.LATEST))
    for line in lines_of(plan, stack_of(plan, np.random.default_rng(4), cycles=3)):
        state = step(state, line)
    composite = compose(state.stack, state.recipe, 2)
    _, snapshot = record(state, 2)
    assert snapshot.map is not None
    valid, phases = snapshot.map.valid, state.phases
    expected = lithium_of_region(
        composite.od[:, valid],
        composite.variance[:, valid],
        composite.shared_variance,
        design_of(phases.at_energies, phases.lithium, plan.energies_ev, state.recipe.background),
        SharedErrors.of(phases, state.recipe.incident.error),
        composite.own_share,
    )
    assert float(snapshot.curve.lithium[-1]) == expected.lithium
    assert float(snapshot.curve.lithium_error[-1]) == expected.lithium_error
