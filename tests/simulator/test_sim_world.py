"""Laws of the world: measurements follow from the truth, noise is as stated, time is accounted for."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando_sim import (
    MATERIALS,
    BeamSettings,
    DetectorSettings,
    OpticsSettings,
    ReactionSettings,
    SampleSettings,
    TimingSettings,
    World,
    WorldSettings,
    demo_settings,
    od_per_um,
    static_settings,
)

SMALL = SampleSettings(field_um=3.0, length_um=(0.4, 1.4))
# The variance is this small a share of the mean: the relative noise of 8000 counts is below 1e-6.
NOISELESS = DetectorSettings(variance_to_mean=1e-8, dark_per_ms=0.0, saturation=np.inf)
POINT = OpticsSettings(spot_um=0.0)
X_UM = np.linspace(-1.5, 1.5, 31)
minutes = st.floats(0.0, 60.0)


@cache
def small_world():
    """A world that tests only look at."""
    return World(WorldSettings(sample=SMALL), seed=5)


def noiseless(optics=POINT, seed=5, **parts):
    return World(WorldSettings(sample=SMALL, detector=NOISELESS, optics=optics, **parts), seed=seed)


def expected_od(world, truth):
    per_um = [od_per_um(phase, world.energy_ev) for phase in world.sample.material.phases]
    return truth.thickness_um * np.tensordot(per_um, np.nan_to_num(truth.fraction), axes=1)


@settings(max_examples=20, deadline=None)
@given(minutes, minutes)
def test_fractions_sum_to_one_and_lithium_only_rises(minute, later):
    world = small_world()
    start = world.settings.start_time_s
    now, then = (world.truth(X_UM, X_UM, start + 60 * t) for t in sorted((minute, later)))
    has_material = now.thickness_um > 0.001
    assert 0.1 < has_material.mean() < 0.75
    assert np.array_equal(np.isnan(now.lithium), ~has_material)
    # Sums of 25 weighted points.
    np.testing.assert_allclose(now.fraction.sum(axis=0)[has_material], 1.0, atol=1e-12)
    assert (then.lithium - now.lithium)[has_material].min() >= -1e-12
    assert np.array_equal(now.thickness_um, then.thickness_um), "the host moved"


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(MATERIALS), minutes, st.floats(-1.0, 1.0), st.sampled_from([-0.2, 0.0, 0.3]))
def test_mean_counts_are_those_of_the_law_of_absorption(material, minute, y_um, offset_ev):
    world = World(
        WorldSettings(
            sample=replace(SMALL, material=material.name),
            detector=NOISELESS,
            optics=POINT,
            beam=BeamSettings(energy_offset_ev=offset_ev),
        ),
        seed=11,
    )
    world.wait(60 * minute)
    world.set_energy(material.energies_ev[2])
    exposure = world.expose_line(X_UM, y_um, 1.0)
    truth = world.truth(X_UM, [y_um], exposure.time_s[None, :])
    per_um = [od_per_um(phase, world.energy_ev + offset_ev) for phase in material.phases]
    od = (truth.thickness_um * np.tensordot(per_um, np.nan_to_num(truth.fraction), axes=1))[0]
    measured = np.log(exposure.i0 / exposure.counts)
    # The noise left over, more than six standard deviations of either reading.
    np.testing.assert_allclose(measured[od > 0], od[od > 0], atol=3e-5)
    # A trace of material, below a nanometre, is in the light but not in the truth.
    assert (np.abs(measured[od == 0]) < 0.012).all()


def test_each_pixel_of_a_line_is_measured_at_its_own_time():
    # 20 s a pixel: the line takes ten minutes, in which fronts go far.
    world = noiseless()
    world.set_energy(518.8)
    world.wait(300.0)
    exposure = world.expose_line(X_UM, 0.2, 20_000.0)
    measured = np.log(exposure.i0 / exposure.counts)
    own = expected_od(world, world.truth(X_UM, [0.2], exposure.time_s[None, :]))[0]
    at_the_end = expected_od(world, world.truth(X_UM, [0.2], world.time_s))[0]
    # The noise of 1.6e8 counts is far below; a trace of material that the truth leaves out is not.
    np.testing.assert_allclose(measured, own, atol=0.012)
    assert np.abs(measured - at_the_end).max() > 0.05


def test_a_line_equals_the_same_pixels_one_by_one():
    # A stage that takes no time between pixels.
    at_once = TimingSettings(stage_um_per_s=1e12)
    line, single = noiseless(timing=at_once), noiseless(timing=at_once)
    for world in (line, single):
        world.wait(600.0)
    exposure = line.expose_line(X_UM, 0.2, 1000.0)
    single.wait(1e-3 * single.settings.timing.line_overhead_ms)
    points = []
    for x in X_UM:
        single.move_stage(x, 0.2)
        points.append(single.expose_point(1000.0))
    # The clock is added up in another order: microseconds at most.
    np.testing.assert_allclose(np.concatenate([p.time_s for p in points]), exposure.time_s, atol=1e-5, rtol=0)
    np.testing.assert_allclose(np.concatenate([p.counts for p in points]), exposure.counts, rtol=1e-5)


@settings(max_examples=6, deadline=None)
@given(st.sampled_from([0.2, 0.6, 1.0]), st.sampled_from([20.0, 8000.0]))
def test_variance_over_mean_is_as_stated(gain, counts_per_ms):
    world = World(
        WorldSettings(
            sample=SMALL,
            beam=BeamSettings(counts_per_ms=counts_per_ms, top_up_s=1e9, lifetime_h=1e9),
            detector=DetectorSettings(variance_to_mean=gain),
            optics=POINT,
        ),
        seed=3,
    )
    beside = np.full(20_000, 10.0)
    for counts in (world.expose_line(beside, 10.0, 1.0).counts, world.expose_line(beside, 10.0, 1.0).i0):
        mean = world.incident_counts(world.time_s, 1.0) + world.settings.detector.dark_per_ms
        # Five standard errors of the mean and of the variance of 20,000 readings.
        assert counts.mean() == pytest.approx(mean, abs=5 * np.sqrt(gain * mean / 20_000))
        assert counts.var() / mean == pytest.approx(gain, rel=5 * np.sqrt((2 + gain / mean) / 20_000) + 1e-3)


def test_a_closed_shutter_leaves_the_dark_counts_and_nothing_else():
    world = World(WorldSettings(sample=SMALL, detector=DetectorSettings(dark_per_ms=3.0)), seed=3)
    world.close_shutter()
    exposure = world.expose_line(np.zeros(5000), 0.0, 2.0)
    # Five standard errors.
    tolerance = 5 * np.sqrt(0.8 * 6.0 / 5000)
    assert exposure.counts.mean() == pytest.approx(6.0, abs=tolerance)
    assert exposure.i0.mean() == pytest.approx(6.0, abs=tolerance)
    world.open_shutter()
    assert world.expose_line([10.0], 10.0, 2.0).counts[0] > 1000


def test_readings_end_at_saturation():
    world = World(WorldSettings(sample=SMALL, detector=DetectorSettings(saturation=5000.0)), seed=3)
    exposure = world.expose_line(np.full(50, 10.0), 10.0, 1.0)
    assert (exposure.counts == 5000.0).all()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(seed):
    def bytes_of(number):
        world = World(WorldSettings(sample=SMALL), seed=number)
        exposure = world.expose_line(X_UM, 0.1, 1.0)
        truth = world.truth(X_UM, X_UM, world.time_s)
        return exposure.counts.tobytes(), exposure.i0.tobytes(), truth.thickness_um.tobytes()

    assert bytes_of(seed) == bytes_of(seed)
    assert all(one != other for one, other in zip(bytes_of(seed), bytes_of(seed + 1), strict=True))


@settings(max_examples=15, deadline=None)
@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(0, 20))
def test_drift_moves_the_field_by_what_is_stated(x_nm_per_min, y_nm_per_min, minute):
    optics = OpticsSettings(drift_x_nm_per_min=x_nm_per_min, drift_y_nm_per_min=y_nm_per_min)
    drifting = World(WorldSettings(sample=SMALL, optics=optics), seed=5)
    moment = drifting.settings.start_time_s + 60 * minute
    moved = drifting.truth(X_UM + 1e-3 * x_nm_per_min * minute, X_UM + 1e-3 * y_nm_per_min * minute, moment)
    still = small_world().truth(X_UM, X_UM, moment)
    # Coordinates are rounded on another way, 1e-7 s of the epoch times the drift: far below a picometre.
    np.testing.assert_allclose(moved.thickness_um, still.thickness_um, atol=1e-8)


def test_blur_averages_intensity_and_keeps_the_amount_of_material():
    sharp = small_world().truth(X_UM, X_UM, 1.79e9).thickness_um
    wide = World(WorldSettings(sample=SMALL, optics=OpticsSettings(spot_um=0.15)), seed=5)
    blurred = wide.truth(X_UM, X_UM, 1.79e9).thickness_um
    assert blurred.max() < sharp.max() + 1e-12
    # The field is empty around, so the sum over pixels of 0.1 µm is kept but for what lies beyond the edge.
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=0.02)

    world = noiseless(optics=OpticsSettings(spot_um=0.15))
    world.set_energy(518.8)
    exposure = world.expose_line(X_UM, 0.2, 1.0)
    measured = np.log(exposure.i0 / exposure.counts)
    averaged = expected_od(world, world.truth(X_UM, [0.2], exposure.time_s[None, :]))[0]
    # Jensen: the logarithm of averaged intensity is never more than the averaged optical density.
    assert (measured <= averaged + 0.012).all()
    assert (averaged - measured).max() > 0.001


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.floats(0.1, 50.0))
def test_a_line_takes_its_overhead_and_its_dwells(pixels, dwell_ms):
    world = small_world_for_timing()
    before = world.time_s
    exposure = world.expose_line(np.linspace(1, -1, pixels), 0.0, dwell_ms)
    overhead_s = 1e-3 * world.settings.timing.line_overhead_ms
    # The clock counts from the epoch, where a double resolves a quarter of a microsecond.
    assert world.time_s - before == pytest.approx(overhead_s + 1e-3 * dwell_ms * pixels, abs=1e-6)
    assert exposure.time_s[0] - before == pytest.approx(overhead_s + 0.5e-3 * dwell_ms, abs=1e-6)
    np.testing.assert_allclose(np.diff(exposure.time_s), 1e-3 * dwell_ms, atol=1e-6)
    assert world.position_um == (-1.0 if pixels > 1 else 1.0, 0.0)


@cache
def small_world_for_timing():
    return World(WorldSettings(sample=SMALL), seed=6)


def test_moves_take_time_and_staying_takes_none():
    world = World(WorldSettings(sample=SMALL), seed=5)
    start = world.settings.start_time_s
    world.set_energy(world.energy_ev)
    world.open_shutter()
    world.move_stage(0.0, 0.0)
    assert world.time_s == start
    world.set_energy(520.0)
    assert world.time_s - start == pytest.approx(1.0)
    world.move_stage(-2.0, 1.0)
    assert world.time_s - start == pytest.approx(1.1)
    world.close_shutter()
    assert world.time_s - start == pytest.approx(1.15)


def test_pace_sleeps_what_world_time_passes():
    slept: list[float] = []
    world = World(WorldSettings(sample=SMALL), seed=5, pace=0.01, sleep=slept.append)
    world.wait(60.0)
    world.expose_line(X_UM, 0.0, 2.0)
    passed = world.time_s - world.settings.start_time_s
    assert sum(slept) == pytest.approx(0.01 * passed, rel=1e-6)


@given(st.floats(0, 1e5))
def test_ring_current_decays_and_is_topped_up(elapsed_s):
    world = World(WorldSettings(sample=SampleSettings(cover=0.0)), seed=1)
    world.wait(elapsed_s)
    beam = world.settings.beam
    lowest = beam.ring_current_ma * np.exp(-beam.top_up_s / 3600 / beam.lifetime_h)
    assert lowest <= world.ring_current_ma <= beam.ring_current_ma


def test_incident_beam_follows_the_ring_current_and_the_energy_smoothly():
    world = World(demo_settings(), seed=1)
    at = world.settings.start_time_s + np.array([0.0, 100.0])
    by_energy = []
    for energy in np.arange(505.0, 540.0, 0.5):
        world.set_energy(float(energy))
        by_energy.append(world.incident_counts(at, 1.0))
    counts = np.array(by_energy)
    assert ((counts > 5000) & (counts < 10_000)).all()
    np.testing.assert_allclose(counts[:, 1] / counts[:, 0], np.exp(-100 / 3600 / 8), rtol=1e-12)
    assert np.abs(np.diff(counts[:, 0]) / counts[:-1, 0]).max() < 0.02


@pytest.mark.parametrize("seed", range(3))
def test_the_stopped_cell_shows_every_phase_and_stands_still(seed):
    world = World(static_settings(), seed=seed)
    x = np.linspace(-3, 3, 61)
    now, later = (world.truth(x, x, world.settings.start_time_s + t) for t in (0.0, 86_400.0))
    np.testing.assert_array_equal(now.lithium, later.lithium)
    pure = np.nansum(now.fraction > 0.99, axis=(1, 2)) / np.sum(~np.isnan(now.lithium))
    assert (pure > 0.03).all()
    mixed = np.mean(now.fraction.max(axis=0)[~np.isnan(now.lithium)] < 0.8)
    assert mixed > 0.03


@pytest.mark.parametrize("seed", range(3))
def test_the_demo_cell_reacts_from_empty_to_full(seed):
    world = World(demo_settings(), seed=seed)
    x = np.linspace(-3, 3, 61)
    start = world.settings.start_time_s
    assert np.nanmax(world.truth(x, x, start).lithium) == 0.0
    assert np.nanmin(world.truth(x, x, start + 45 * 60).lithium) > 0.99
    half = np.nanmean(world.truth(x, x, start + 15 * 60).lithium)
    assert 0.2 < half < 0.8


def test_a_reaction_can_go_back():
    back = replace(demo_settings(), reaction=ReactionSettings(rate=-1.0, elapsed_s=3600.0))
    world = World(back, seed=1)
    x = np.linspace(-3, 3, 31)
    start = world.settings.start_time_s
    assert np.nanmin(world.truth(x, x, start).lithium) > 0.99
    assert np.nanmax(world.truth(x, x, start + 3600).lithium) == 0.0


def test_a_field_without_particles_is_blank():
    world = World(WorldSettings(sample=SampleSettings(cover=0.0)), seed=1)
    truth = world.truth(X_UM, X_UM, world.time_s)
    assert np.isnan(truth.lithium).all()
    assert (truth.thickness_um == 0).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda w: w.expose_line([], 0.0, 1.0), "at least one pixel"),
        (lambda w: w.expose_line([[1.0]], 0.0, 1.0), "at least one pixel"),
        (lambda w: w.expose_line([1.0], 0.0, 0.0), "more than 0"),
        (lambda w: w.expose_point(float("nan")), "more than 0"),
        (lambda w: w.set_energy(400.0), "505 to 540"),
    ],
)
def test_nonsense_is_refused_and_takes_no_time(call, words):
    world = small_world()
    before = world.time_s
    with pytest.raises(ValueError, match=words):
        call(world)
    assert world.time_s == before
