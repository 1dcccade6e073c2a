"""Laws of the sample: particles lie apart with room around them, and phases share each place among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando_sim import ReactionSettings, SampleSettings
from operando_sim.particles import make_particles, own_coordinates, thickness_um
from operando_sim.reaction import arrival_s, make_reactions, passing_s, phase_fractions

PEAK_OD_PER_UM = 11.5
AXIS_UM = np.linspace(-3.0, 3.0, 151)
seeds = st.integers(0, 2**32 - 1)
times = st.floats(-1e4, 1e4)


ASKED = SampleSettings()


def particles_of(seed, sample=ASKED):
    return make_particles(sample, PEAK_OD_PER_UM, np.random.default_rng(seed))


def maps_of(particles):
    return np.array([thickness_um(p, AXIS_UM[None, :], AXIS_UM[:, None]) for p in particles])


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_particles_have_the_sizes_and_the_room_that_was_asked_for(seed):
    particles = particles_of(seed)
    assert len(particles) > 8
    maps = maps_of(particles)
    assert ((maps > 0).sum(axis=0) <= 1).all(), "particles overlap"
    blank = np.mean(maps.sum(axis=0) == 0)
    assert blank >= 0.25
    assert blank <= 0.75
    lengths = [2 * p.half_length_um for p in particles]
    assert min(lengths) >= ASKED.length_um[0]
    assert max(lengths) <= ASKED.length_um[1]
    assert all(ASKED.peak_od[0] <= p.peak_um * PEAK_OD_PER_UM <= ASKED.peak_od[1] for p in particles)
    assert maps.max() * PEAK_OD_PER_UM <= ASKED.peak_od[1]


@settings(max_examples=10, deadline=None)
@given(seeds, st.floats(0.0, 1.0), st.floats(0.0, 2 * np.pi))
def test_a_particle_has_material_inside_its_outline_only(seed, outward, angle):
    particle = particles_of(seed)[0]
    x = np.array([particle.x_um + 2 * outward * np.cos(angle)])
    y = np.array([particle.y_um + 2 * outward * np.sin(angle)])
    _, _, r = own_coordinates(particle, x, y)
    assert (thickness_um(particle, x, y)[0] > 0) == (r[0] < 1)


def test_a_particle_longer_than_the_field_is_refused():
    with pytest.raises(ValueError, match="do not fit a field"):
        particles_of(1, SampleSettings(field_um=1.5))


places = st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
durations = st.tuples(st.floats(0.1, 1e3), st.floats(0.1, 1e3))


@given(places, durations, times, st.floats(0.0, 1e4))
def test_fractions_share_a_place_and_lithium_never_goes_back(arrivals, passing, time_s, later_s):
    arrival, passing = np.array(arrivals), np.array(passing)
    now, then = (phase_fractions(t, arrival, passing) for t in (time_s, time_s + later_s))
    for fraction in (now, then):
        assert fraction.min() >= 0
        # A few roundings.
        assert fraction.sum() == pytest.approx(1.0, abs=1e-15)
    # Phases in the order of their lithium: never less of the later ones.
    assert then[1:].sum() >= now[1:].sum() - 1e-15
    assert then[2] >= now[2]


@settings(max_examples=6, deadline=None)
@given(seeds)
def test_fronts_start_in_phase_one_and_end_in_phase_three(seed):
    particles = particles_of(seed)[:6]
    asked = ReactionSettings()
    reactions = make_reactions(particles, asked, np.random.default_rng(seed))
    end_s = asked.start_spread_s + 2 * asked.crossing_s[1]
    for particle, reaction in zip(particles, reactions, strict=True):
        x, y = np.meshgrid(AXIS_UM, AXIS_UM)
        inside = thickness_um(particle, x, y) > 0
        arrival = arrival_s(particle, reaction, x[inside], y[inside])
        passing = np.array(passing_s(reaction))[:, None]
        assert (phase_fractions(0.0, arrival, passing)[0] == 1).all()
        # Corners of an outline are passed a little late: a third more of a crossing is allowed for.
        assert (phase_fractions(end_s + asked.crossing_s[1] / 3, arrival, passing)[2] == 1).all()


def test_some_particles_react_from_the_rim_and_some_from_a_side():
    particles = particles_of(3)
    reactions = make_reactions(particles, ReactionSettings(), np.random.default_rng(3))
    kinds = [r.is_core_shell for r in reactions]
    assert any(kinds)
    assert not all(kinds)
    for particle, reaction in zip(particles, reactions, strict=True):
        centre = arrival_s(particle, reaction, np.array([particle.x_um]), np.array([particle.y_um]))[0, 0]
        rim = particle.x_um + particle.half_length_um * np.cos(particle.angle_rad) * np.array([-1, 1])
        rim_y = particle.y_um + particle.half_length_um * np.sin(particle.angle_rad) * np.array([-1, 1])
        ends = arrival_s(particle, reaction, rim, rim_y)[0]
        if reaction.is_core_shell:
            assert (ends < centre).all()
        else:
            assert ends.min() <= centre <= ends.max()
