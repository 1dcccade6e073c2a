"""Segmentation: particles that touch are parted, those that do not are whole, and numbers mean size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.segments import segments
from operando_sim import World, demo_settings


def discs(*places: tuple[float, float, float], shape: tuple[int, int] = (60, 70)) -> np.ndarray:
    """Thickness of caps: centre y, x and radius."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    caps = [np.maximum(1 - ((y - a) ** 2 + (x - b) ** 2) / radius**2, 0.0) for a, b, radius in places]
    return np.max(caps, axis=0)


@settings(max_examples=30, deadline=None)
@given(
    radius=st.floats(6, 12),
    other=st.floats(6, 12),
    overlap=st.floats(0.0, 0.15),
    flips=st.sampled_from([(1, 1), (1, -1), (-1, 1), (-1, -1)]),
)
def test_two_that_touch_are_two_however_the_field_is_turned(
    radius: float, other: float, overlap: float, flips: tuple[int, int]
) -> None:
    apart = radius + other - overlap * min(radius, other)
    thickness = discs((30, 20, radius), (30, 20 + apart, other))
    labels = segments(thickness[:: flips[0], :: flips[1]], thickness[:: flips[0], :: flips[1]] > 0.02)
    assert labels.max() == 2
    sizes = np.bincount(labels.ravel())[1:]
    assert sizes[0] >= sizes[1]
    # All the material, and the notches between the two, which closing fills.
    assert 0 <= sizes.sum() - (thickness > 0.02).sum() < 20


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_plate_and_a_cap_are_one_particle_each(power: float) -> None:
    thickness = discs((30, 35, 20)) ** power
    material = discs((30, 35, 20)) > 0.02
    assert segments(np.where(material, thickness, 0.0), material).max() == 1


def test_a_bad_reading_is_no_window_and_a_speck_no_particle() -> None:
    thickness = discs((30, 35, 15))
    material = thickness > 0.02
    material[30, 35] = False
    material[5, 5] = True
    thickness[30, 35] = np.nan
    labels = segments(thickness, material)
    assert labels.max() == 1
    assert labels[30, 35] == 1
    assert labels[5, 5] == 0


def test_an_empty_field_has_none() -> None:
    assert segments(np.zeros((20, 20)), np.zeros((20, 20), bool)).max() == 0
    assert segments(np.full((20, 20), np.nan), np.zeros((20, 20), bool)).max() == 0


def test_the_particles_of_the_simulator_are_found() -> None:
    found = true = 0
    axis_um = np.linspace(-3, 3, 96)
    settings_ = demo_settings()
    for seed in range(6):
        world = World(replace(settings_), seed=seed)
        thickness = np.nan_to_num(world.truth(axis_um, axis_um, world.time_s).thickness_um) * 10
        noisy = thickness + np.random.default_rng(seed).normal(0, 0.03, thickness.shape)
        found += segments(noisy, noisy > 0.1).max()
        true += len(world.sample.particles)
    assert abs(found - true) <= 0.04 * true
