"""Particles against the simulator's truth: mean, active fraction and character, within what is stated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.character import Character
from operando.core.distribution import distribution_of
from operando.core.identities import Identities, identify
from operando.core.particles import HISTOGRAM_BINS, measure
from operando.core.segments import segments
from operando.core.trends import trend_of
from particle_truth import Compared, compared_particles, field_of
from seen_cycles import seen_cycles
from strange_cells import cell_of


@pytest.fixture(scope="module", params=[("lixv2o5", 1.0), ("lixfepo4", 2.0)], ids=["v", "fe"])
def compared(request: pytest.FixtureRequest) -> list[Compared]:
    material, rate = request.param
    series = cell_of(material, rate, 1, cycles=7, peak_od=(0.5, 1.3), counts=3000.0)
    return list(compared_particles(series))


def test_their_means_are_within_their_errors_while_they_react(compared: list[Compared]) -> None:
    """The table of `bench/particle_table.py` in short."""
    error = np.array([one.particle.lithium - one.lithium for one in compared])
    pull = error / np.array([one.particle.lithium_error for one in compared])
    assert error.size > 60
    assert np.sqrt(np.mean(error**2)) < 0.025
    # 68 and 95 % but for particles that start or end within the cycle: their way is bent.
    assert np.mean(np.abs(pull) < 1) > 0.5
    assert np.mean(np.abs(pull) < 2) > 0.8
    assert abs(np.median(pull)) < 0.7


def test_their_active_fractions_are_within_their_errors(compared: list[Compared]) -> None:
    error = np.array([one.particle.active - one.active for one in compared])
    sigma = np.array([one.particle.active_error for one in compared])
    assert np.sqrt(np.mean(error**2)) < 0.1
    assert abs(error.mean()) < 0.04
    # Shares of 0 and 1 are met to a percent where their stated error is 0.
    assert np.mean(np.abs(error) < 2 * sigma + 0.01) > 0.75


def test_no_particle_is_taken_for_one_of_the_other_kind(compared: list[Compared]) -> None:
    kinds = {True: Character.CORE_SHELL, False: Character.SIDE_ON}
    clear = [one for one in compared if one.is_core_shell is not None and one.spread > 0.1]
    assert len(clear) > 10
    for one in clear:
        assert one.particle.character is not kinds[not one.is_core_shell]
    named = [one for one in clear if one.particle.character is kinds[bool(one.is_core_shell)]]
    assert len(named) > 0.8 * len(clear)


def test_where_there_is_no_front_none_is_seen(compared: list[Compared]) -> None:
    uniform = [one for one in compared if one.spread < 0.01]
    assert all(one.particle.front is None for one in uniform)
    assert sum(one.particle.character is Character.UNIFORM for one in uniform) >= 0.95 * len(uniform)


def test_histograms_hold_all_the_material(compared: list[Compared]) -> None:
    for one in compared:
        assert one.particle.histogram.shape == (HISTOGRAM_BINS,)
        assert one.particle.histogram.sum() == pytest.approx(1.0)
        assert 0 <= one.particle.active <= 1
        assert one.particle.area_um2 > 0


def test_rates_of_particles_are_those_of_the_truth() -> None:
    series = cell_of("lixv2o5", 0.5, 2, cycles=8, peak_od=(0.5, 1.3), counts=3000.0)
    known = Identities()
    curves: dict[int, list[tuple[float, ...]]] = {}
    grid = series.plan.grid
    for seen in seen_cycles(series):
        known, now = identify(known, segments(seen.newest.thickness, seen.newest.valid))
        truth = series.world.truth(grid.x_um, grid.y_um, seen.newest.time_s)
        for particle in measure(field_of(series, seen), now.labels, now.at_edge):
            pixels = (now.labels == particle.number) & seen.newest.valid
            x = float(np.average(np.nan_to_num(truth.lithium[pixels]), weights=truth.thickness_um[pixels]))
            curves.setdefault(particle.number, []).append(
                (particle.time_s, particle.lithium, particle.lithium_error, x)
            )
    assert len(curves) == len(series.world.sample.particles)
    pulls: list[float] = []
    for rows in curves.values():
        time_s, lithium, error, x = np.array(rows[-4:]).T
        seen_rate, true_rate = trend_of(time_s, lithium, error), trend_of(time_s, x, error)
        pulls.append((seen_rate.per_s - true_rate.per_s) / seen_rate.per_s_error)
    assert np.mean(np.abs(pulls) < 2) > 0.85


@settings(max_examples=40, deadline=None)
@given(slope=st.floats(-1e-3, 1e-3), excess=st.floats(1.0, 5.0), seed=st.integers(0, 99))
def test_a_trend_is_the_slope_put_in_and_its_error_grows_with_the_scatter(
    slope: float, excess: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    time_s = np.sort(rng.uniform(0, 3000, 40))
    error = rng.uniform(0.005, 0.02, 40)
    value = 0.3 + slope * time_s + excess * error * rng.standard_normal(40)
    found, alone = trend_of(time_s, value, error), trend_of(time_s, 0.3 + slope * time_s, error)
    assert alone.per_s == pytest.approx(slope, abs=1e-12)
    assert abs(found.per_s - slope) < 5 * found.per_s_error
    assert found.per_s_error >= alone.per_s_error
    assert found.per_s_error < 2 * excess * alone.per_s_error


def test_a_trend_through_two_points_is_their_difference_and_through_one_unknown() -> None:
    two = trend_of(np.array([0.0, 10.0]), np.array([0.1, 0.3]), np.array([0.01, 0.01]))
    assert two.per_s == pytest.approx(0.02)
    assert two.per_s_error == pytest.approx(np.hypot(0.01, 0.01) / 10)
    for time_s, value in (([0.0], [1.0]), ([0.0, 0.0], [1.0, 2.0]), ([0.0, 1.0], [1.0, np.nan])):
        nothing = trend_of(np.array(time_s), np.array(value), np.full(len(value), 0.1))
        assert np.isnan(nothing.per_s)
        assert np.isnan(nothing.per_s_error)


@settings(max_examples=25, deadline=None)
@given(
    shares=st.tuples(st.floats(0.1, 1), st.floats(0.1, 1), st.floats(0.1, 1)),
    sigma=st.floats(0.01, 0.1),
    seed=st.integers(0, 99),
)
def test_noise_is_taken_off_a_distribution(shares: tuple[float, ...], sigma: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    share = np.array(shares) / sum(shares)
    truth = rng.choice([0.0, 0.5, 1.0], 2000, p=share)
    error = np.full(2000, sigma)
    # As a fit gives it: never outside the range of the phases.
    x = np.clip(truth + rng.normal(0, sigma, 2000), 0, 1)
    found = distribution_of(x, error, np.ones(2000), (0.0, 1.0))
    assert found.share.sum() == pytest.approx(1.0)
    assert found.between(0.2, 0.8) == pytest.approx(float((truth == 0.5).mean()), abs=0.02)
    assert found.lithium @ found.share == pytest.approx(float(x.mean()), abs=0.03)
