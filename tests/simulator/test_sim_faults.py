"""Laws of the world's faults: they do what they say, when they say, and touch nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando_sim import (
    BadReadings,
    BeamLoss,
    DeadPixels,
    EnergyOffset,
    IncidentJump,
    MonitorMissing,
    Refill,
    SampleSettings,
    TopUps,
    World,
    WorldSettings,
    make_stxm,
)

SETTINGS = WorldSettings(sample=SampleSettings(field_um=3.0, length_um=(0.4, 1.4)))
X_UM = np.linspace(-1.5, 1.5, 32)
DARK = 4.0 * SETTINGS.detector.dark_per_ms
ALL_FAULTS = (
    BeamLoss(1.0, 2.0),
    Refill(3.0, 4.0),
    TopUps(5.0, 0.1),
    IncidentJump(2.5, 0.8),
    EnergyOffset(1.5, 0.4),
    BadReadings(0.0, 9.0, 0.3, float("nan")),
    DeadPixels((3, 31)),
    MonitorMissing(0.5, 0.7),
)
moments = st.floats(0.0, 3.0)


def lines_of(world, count=6):
    return [world.expose_line(X_UM, 0.1 * row, 4.0) for row in range(count)]


def elapsed_s(exposure):
    return exposure.time_s - SETTINGS.start_time_s


@settings(max_examples=15, deadline=None)
@given(moments, moments)
def test_a_beam_loss_darkens_the_pixels_of_its_time_and_no_others(first, second):
    low, high = sorted((first, second))
    faulty = lines_of(World(SETTINGS, 3, faults=[BeamLoss(low, high)]))
    good = lines_of(World(SETTINGS, 3))
    for line, reference in zip(faulty, good, strict=True):
        is_lost = (elapsed_s(line) >= low) & (elapsed_s(line) < high)
        assert line.counts[is_lost].max(initial=0.0) < 10 * DARK
        assert line.i0[is_lost].max(initial=0.0) < 10 * DARK
        assert line.i0[~is_lost].min(initial=np.inf) > 100 * DARK
        assert np.array_equal(line.time_s, reference.time_s)


def test_faults_that_never_come_leave_every_bit_alone():
    faults = [BeamLoss(1e6, 2e6), Refill(1e6, 2e6), IncidentJump(1e6, 0.5), EnergyOffset(1e6, 1.0)]
    faults += [BadReadings(1e6, 2e6, 1.0, 0.0), MonitorMissing(1e6, 2e6), DeadPixels((99,))]
    for line, reference in zip(
        lines_of(World(SETTINGS, 3, faults=faults)), lines_of(World(SETTINGS, 3)), strict=True
    ):
        assert line.counts.tobytes() == reference.counts.tobytes()
        assert line.i0.tobytes() == reference.i0.tobytes()


def test_the_same_seed_has_the_same_faults():
    first, second = (lines_of(World(SETTINGS, 3, faults=ALL_FAULTS)) for _ in range(2))
    for line, other in zip(first, second, strict=True):
        assert line.counts.tobytes() == other.counts.tobytes()
        assert line.i0.tobytes() == other.i0.tobytes()


@pytest.mark.parametrize("reading", [float("nan"), -3.0, 0.0, 1e6])
def test_bad_readings_replace_their_share_of_the_pixels_and_leave_the_monitor(reading):
    world, clean = World(SETTINGS, 3, faults=[BadReadings(0.0, 1e9, 0.25, reading)]), World(SETTINGS, 3)
    lines, references = lines_of(world, 40), lines_of(clean, 40)
    counts = np.array([line.counts for line in lines])
    expected = np.array([line.counts for line in references])
    is_hit = np.isnan(counts) if np.isnan(reading) else counts == reading
    # 1,280 draws: five standard deviations of a share of a quarter are 0.06.
    assert abs(is_hit.mean() - 0.25) < 0.06
    assert np.array_equal(counts[~is_hit], expected[~is_hit])
    assert all(np.array_equal(a.i0, b.i0) for a, b in zip(lines, references, strict=True))


def test_dead_pixels_never_count_and_a_missing_monitor_says_nan():
    world = World(SETTINGS, 3, faults=[DeadPixels((0, 7)), MonitorMissing(0.0, 1e9)])
    for line in lines_of(world):
        assert set(np.flatnonzero(line.counts == 0.0)) == {0, 7}
        assert np.isnan(line.i0).all()


def test_top_ups_and_jumps_change_light_but_not_the_ring_current():
    world = World(SETTINGS, 3, faults=[TopUps(10.0, 1.0, 0.5), IncidentJump(20.0, 0.25)])
    clean = World(SETTINGS, 3)
    times = SETTINGS.start_time_s + np.array([0.5, 5.0, 10.5, 15.0, 20.5, 25.0])
    share = world.incident_counts(times, 1.0) / clean.incident_counts(times, 1.0)
    # Products of three factors near 1: rounding.
    np.testing.assert_allclose(share, [0.5, 1.0, 0.5, 1.0, 0.125, 0.25], rtol=1e-12)
    world.wait(20.5)
    clean.wait(20.5)
    assert world.ring_current_ma == clean.ring_current_ma


def test_a_refill_shows_a_rising_current_and_no_light():
    world = World(SETTINGS, 3, faults=[Refill(10.0, 20.0, 0.4)])
    world.wait(15.0)
    full = SETTINGS.beam.ring_current_ma
    # The decay of the current itself in 15 s is below 0.1 %.
    assert world.ring_current_ma == pytest.approx(0.7 * full, rel=2e-3)
    assert not world.has_beam
    world.wait(5.0)
    assert world.has_beam
    assert world.ring_current_ma == pytest.approx(full, rel=2e-3)


def test_an_offset_is_that_of_the_settings_from_its_time_on():
    slipped = World(SETTINGS, 3, faults=[EnergyOffset(10.0, 0.5)])
    clean = World(SETTINGS, 3)
    before = [world.expose_line(X_UM, 0.0, 4.0).counts for world in (slipped, clean)]
    assert np.array_equal(*before)
    for world in (slipped, clean):
        world.set_energy(world.sample.material.energies_ev[2])
        world.wait(10.0)
    assert slipped.energy_ev == clean.energy_ev, "the monochromator does not know"
    after = [world.expose_line(X_UM, 0.0, 4.0).counts for world in (slipped, clean)]
    assert not np.array_equal(*after)


def test_a_beam_lost_by_hand_reads_dark_until_it_is_returned():
    world = World(SETTINGS, 3)
    full = world.expose_line(X_UM, 0.0, 4.0).i0.mean()
    world.lose_beam()
    assert (world.has_beam, world.ring_current_ma) == (False, 0.0)
    lost = world.expose_line(X_UM, 0.0, 4.0)
    assert max(lost.counts.max(), lost.i0.max()) < 10 * DARK
    world.return_beam()
    assert world.has_beam
    assert world.ring_current_ma > 0.99 * SETTINGS.beam.ring_current_ma
    assert world.expose_line(X_UM, 0.0, 4.0).i0.mean() == pytest.approx(full, rel=0.05)


def test_a_stuck_energy_keeps_its_read_back_and_its_move_fails():
    world = World(SETTINGS, 3)
    stxm = make_stxm(world)
    first, second = world.sample.material.energies_ev[:2]
    stxm.energy.set(first).wait()
    world.stick("energy")
    before_s = world.time_s
    with pytest.raises(TimeoutError, match=r"energy.*stuck"):
        stxm.energy.set(second).wait()
    assert world.time_s > before_s, "it tried"
    assert world.is_stuck("energy")
    assert stxm.energy.read()["energy"]["value"] == first
    world.release("energy")
    assert world.energy_ev == first
    stxm.energy.set(second).wait()
    assert stxm.energy.read()["energy"]["value"] == second


@pytest.mark.parametrize(("axis", "place"), [("sample_x", 0), ("sample_y", 1)])
def test_a_stuck_stage_axis_stays_while_the_other_moves_and_lines_say_where_they_were(axis, place):
    world = World(SETTINGS, 3)
    world.move_stage(0.5, 0.25)
    world.stick(axis)
    world.move_stage(1.0, 1.0)
    assert world.position_um == tuple((0.5, 0.25)[i] if i == place else 1.0 for i in (0, 1))
    line = world.expose_line(X_UM, 0.75, 4.0)
    assert line.y_um == (0.25 if place else 0.75)
    assert np.array_equal(line.x_um, X_UM if place else np.full(32, 0.5))
    world.release(axis)
    world.move_stage(1.0, 1.0)
    assert world.position_um == (1.0, 1.0)


def test_only_axes_that_are_there_can_be_stuck():
    world = World(SETTINGS, 3)
    for call in (world.stick, world.release, world.is_stuck):
        with pytest.raises(ValueError, match="choose energy, sample_x, sample_y"):
            call("sample_z")
