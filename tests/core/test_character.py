"""Fronts: what is put in comes out within its error, flat fronts and rings, and none where none is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from operando.core.character import Character, Places, character_of
from operando.core.trends import trend_of
from operando_sim.particles import Particle, own_coordinates
from operando_sim.reaction import ParticleReaction, arrival_s, passing_s, phase_fractions

PITCH_UM = 0.05
AXIS_UM = PITCH_UM * np.arange(-30, 31)
Y_UM, X_UM = np.meshgrid(AXIS_UM, AXIS_UM, indexing="ij")
NEVER_S = 1e12
RANGE = (0.0, 1.0)


def places_in(pixels: np.ndarray) -> Places:
    depth = ndimage.distance_transform_edt(np.pad(pixels, 1), sampling=PITCH_UM)[1:-1, 1:-1]
    away = np.stack([Y_UM[pixels], X_UM[pixels]])
    return Places(away - away.mean(axis=1, keepdims=True), depth[pixels], PITCH_UM)


def disc(radius_um: float = 0.9, squash: float = 1.0) -> np.ndarray:
    return (Y_UM / squash) ** 2 + X_UM**2 <= radius_um**2


@settings(max_examples=25, deadline=None)
@given(
    angle=st.floats(0, 2 * np.pi),
    position_um=st.floats(-0.5, 0.5),
    scale_um=st.floats(0.04, 0.12),
    sides=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    seed=st.integers(0, 999),
)
def test_a_flat_front_comes_out_where_it_was_put(
    angle: float, position_um: float, scale_um: float, sides: tuple[float, float], seed: int
) -> None:
    assume(abs(sides[1] - sides[0]) > 0.4)
    pixels, rng, sigma = disc(squash=0.7), np.random.default_rng(seed), 0.04
    places = places_in(pixels)
    direction = np.array([np.sin(angle), np.cos(angle)])
    x = sides[0] + (sides[1] - sides[0]) / (
        1 + np.exp(-(direction @ places.away_um - position_um) / scale_um)
    )
    character, front = character_of(places, x + rng.normal(0, sigma, x.size), np.full(x.size, sigma), RANGE)
    assert character is Character.SIDE_ON
    assert front is not None
    assert front.direction is not None
    turned = float(np.array(front.direction) @ direction)
    # x rises or falls along the direction found; it is that of the slope.
    assert abs(turned) > 0.98
    assert abs(np.sign(turned) * front.position_um - position_um) < 5 * front.position_error_um + 0.02
    assert abs(front.width_um - 4 * scale_um) < 5 * front.width_error_um + 0.03


@settings(max_examples=25, deadline=None)
@given(
    depth_um=st.floats(0.15, 0.5),
    scale_um=st.floats(0.03, 0.08),
    inside=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 999),
)
def test_a_ring_comes_out_at_its_depth(depth_um: float, scale_um: float, inside: float, seed: int) -> None:
    rng, sigma = np.random.default_rng(seed), 0.04
    places = places_in(disc())
    x = inside + (1 - 2 * inside) / (1 + np.exp((places.depth_um - depth_um) / scale_um))
    character, front = character_of(places, x + rng.normal(0, sigma, x.size), np.full(x.size, sigma), RANGE)
    assert character is Character.CORE_SHELL
    assert front is not None
    assert front.direction is None
    assert abs(front.position_um - depth_um) < 5 * front.position_error_um + 0.01
    assert abs(front.width_um - 4 * scale_um) < 5 * front.width_error_um + 0.03
    assert front.lithium_sides[1] == pytest.approx(inside, abs=0.15)


@settings(max_examples=40, deadline=None)
@given(mean=st.floats(0.0, 1.0), sigma=st.floats(0.01, 0.2), seed=st.integers(0, 999))
def test_in_noise_there_is_no_front(mean: float, sigma: float, seed: int) -> None:
    places = places_in(disc())
    x = mean + np.random.default_rng(seed).normal(0, sigma, places.depth_um.size)
    character, front = character_of(places, x, np.full(x.size, sigma), RANGE)
    assert front is None
    assert character in (Character.UNIFORM, Character.MIXED)


def test_of_a_few_pixels_nothing_is_said() -> None:
    places = Places(np.zeros((2, 10)), np.zeros(10), PITCH_UM)
    assert character_of(places, np.linspace(0, 1, 10), np.full(10, 0.01), RANGE) == (Character.MIXED, None)


def particle_of(*, is_core_shell: bool) -> tuple[Particle, ParticleReaction]:
    """Return a plate of 1.8 µm crossed by one front; the second transformation never comes."""
    plate = Particle(0, 0, 0.4, 0.9, 0.9 if is_core_shell else 0.6, 2.0, 0.1, 12.0, 0.0, 0.0, 0.0)
    reaction = ParticleReaction(
        is_core_shell=is_core_shell,
        direction_rad=0.0,
        start_s=(0.0, NEVER_S),
        velocity_um_per_s=(0.002, 1.0),
        front_um=(0.3, 0.3),
    )
    return plate, reaction


@pytest.mark.parametrize("is_core_shell", [True, False])
def test_fronts_of_the_simulator_are_followed(is_core_shell: bool) -> None:
    particle, reaction = particle_of(is_core_shell=is_core_shell)
    pixels = own_coordinates(particle, X_UM, Y_UM)[2] < 1
    places = places_in(pixels)
    arrival = arrival_s(particle, reaction, X_UM, Y_UM)[:, pixels]
    passing = np.array(passing_s(reaction))[:, None]
    rng, sigma = np.random.default_rng(1), 0.03
    times_s = np.linspace(200.0, 350.0, 6) if is_core_shell else np.linspace(300.0, 700.0, 6)
    found: list[tuple[float, float]] = []
    for time_s in times_s:
        fraction = phase_fractions(float(time_s), arrival, passing)
        x = fraction[1] + fraction[2] + rng.normal(0, sigma, fraction.shape[1])
        character, front = character_of(places, x, np.full(x.size, sigma), RANGE)
        assert character is (Character.CORE_SHELL if is_core_shell else Character.SIDE_ON)
        assert front is not None
        # Half of the reaction is done in the middle of the front.
        way_um = 0.002 * time_s - 0.15
        at_um = way_um if is_core_shell else way_um - particle.half_length_um
        sign = 1.0 if is_core_shell or front.direction is None else np.sign(front.direction[1])
        # Depth is measured from the middle of the outermost pixels' far side: up to a pixel.
        assert abs(sign * front.position_um - at_um) < 5 * front.position_error_um + PITCH_UM
        # From 12 to 88 % of 3u² - 2u³ is 0.57 of the whole; a logistic curve is not quite that shape.
        assert front.width_um == pytest.approx(0.57 * 0.3, rel=0.35)
        found.append((float(sign * front.position_um), front.position_error_um))
    position_um, error_um = np.array(found).T
    velocity = trend_of(times_s, position_um, error_um)
    assert abs(velocity.per_s - 0.002) < 5 * velocity.per_s_error + 1e-4
