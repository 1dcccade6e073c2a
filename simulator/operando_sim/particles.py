"""Particles of many sizes and shapes, and how thick each is at a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from operando_sim.settings import SampleSettings

__all__ = ["Particle", "make_particles", "own_coordinates", "thickness_um"]

# As many failures in a row mean that the field is full.
_ATTEMPTS = 300
_GAP_UM = 0.04


@dataclass(frozen=True, slots=True)
class Particle:
    """One particle, lying on the window.

    Attributes
    ----------
    x_um, y_um, angle_rad
        Centre, and the angle of its long axis to x.
    half_length_um, half_width_um
        Half axes of its outline.
    outline
        Exponent of the superellipse |u|ⁿ + |v|ⁿ = 1 of the outline: 2 is an ellipse, 4 nearly a rectangle.
    peak_um
        The most its thickness can be.
    flatness
        Thickness falls as (1 - rᵐ)^(1/2) with the distance r from the centre to the rim:
        2 is an ellipsoid, 12 a plate.
    wedge
        Relative change of thickness from the centre to the end of the long axis.
    lobes, lobe_angle_rad
        Three lobes, so that no outline is perfect: their relative height, and the angle of one of them.
    """

    x_um: float
    y_um: float
    angle_rad: float
    half_length_um: float
    half_width_um: float
    outline: float
    peak_um: float
    flatness: float
    wedge: float
    lobes: float
    lobe_angle_rad: float


def own_coordinates(
    particle: Particle, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (u, v, r) of points in the particle's own frame.

    u runs along the long axis and v along the short one, both -1 to 1 within the particle; r is 0
    in the centre and 1 on the outline. Shapes as of `x_um` and `y_um` (µm) broadcast.
    """
    cos, sin = np.cos(particle.angle_rad), np.sin(particle.angle_rad)
    dx, dy = x_um - particle.x_um, y_um - particle.y_um
    u = (cos * dx + sin * dy) / particle.half_length_um
    v = (cos * dy - sin * dx) / particle.half_width_um
    r = (np.abs(u) ** particle.outline + np.abs(v) ** particle.outline) ** (1.0 / particle.outline)
    return u, v, r / _lobes(particle, np.arctan2(v, u))


def thickness_um(
    particle: Particle, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the thickness in µm at points given in µm; 0 outside."""
    u, _, r = own_coordinates(particle, x_um, y_um)
    cap = np.sqrt(np.clip(1.0 - r**particle.flatness, 0.0, None))
    tilt = (1.0 + particle.wedge * np.clip(u, -1.0, 1.0)) / (1.0 + abs(particle.wedge))
    return particle.peak_um * cap * tilt


def make_particles(
    settings: SampleSettings, peak_od_per_um: float, rng: np.random.Generator
) -> tuple[Particle, ...]:
    """Return particles strewn over the field without overlap until it is covered as wished.

    Parameters
    ----------
    settings
        Sizes, shapes, field and cover.
    peak_od_per_um
        Absorption at the strongest peak, 1/µm, by which optical density becomes thickness.
    rng
        Source of chance.

    Raises
    ------
    ValueError
        If the longest particle is longer than the field.
    """
    half_field = 0.5 * settings.field_um
    shortest, longest = settings.length_um
    if longest + 2.0 * _GAP_UM > settings.field_um:
        raise ValueError(
            f"particles of {longest:g} µm do not fit a field of {settings.field_um:g} µm; "
            "make field_um larger or length_um shorter"
        )
    particles: list[Particle] = []
    covered_um2, failures = 0.0, 0
    while covered_um2 < settings.cover * settings.field_um**2 and failures < _ATTEMPTS:
        # Large ones preferred: later on only small ones find room.
        length = shortest * (longest / shortest) ** rng.beta(2.2, 1.1)
        is_plate = rng.random() < settings.platelets
        aspect = rng.uniform(1.4, 2.4) if is_plate else rng.uniform(1.0, 1.7)
        reach = half_field - 0.5 * length - _GAP_UM
        candidate = Particle(
            x_um=rng.uniform(-reach, reach),
            y_um=rng.uniform(-reach, reach),
            angle_rad=rng.uniform(0.0, np.pi),
            half_length_um=0.5 * length,
            half_width_um=0.5 * length / aspect,
            outline=rng.uniform(2.6, 4.0) if is_plate else rng.uniform(2.0, 2.8),
            peak_um=rng.uniform(*settings.peak_od) / peak_od_per_um,
            flatness=rng.uniform(8.0, 14.0) if is_plate else rng.uniform(2.0, 3.5),
            wedge=rng.uniform(-0.15, 0.15),
            lobes=rng.uniform(0.0, 0.03) if is_plate else rng.uniform(0.0, 0.12),
            lobe_angle_rad=rng.uniform(0.0, 2.0 * np.pi),
        )
        if any(_touch(candidate, other) for other in particles):
            failures += 1
            continue
        particles.append(candidate)
        covered_um2, failures = covered_um2 + _area_um2(candidate), 0
    return tuple(particles)


def _lobes(particle: Particle, angle_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 + particle.lobes * np.cos(3.0 * (angle_rad - particle.lobe_angle_rad))


def _area_um2(particle: Particle) -> float:
    # Between the ellipse (π a b) and the rectangle (4 a b); used only to know when to stop.
    return 3.5 * particle.half_length_um * particle.half_width_um


def _touch(one: Particle, other: Particle) -> bool:
    """Say whether two outlines come closer than the gap; tried on the rim of each."""
    distance = np.hypot(one.x_um - other.x_um, one.y_um - other.y_um)
    # Corners and lobes of an outline reach beyond its half axes, by less than a half.
    if distance > 1.5 * (one.half_length_um + other.half_length_um) + _GAP_UM:
        return False
    # No outline is nearer to its centre than this: no need to try the rims.
    if distance < 0.85 * (one.half_width_um + other.half_width_um):
        return True
    return _reaches_into(one, other) or _reaches_into(other, one)


def _reaches_into(one: Particle, other: Particle) -> bool:
    angle = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    rim = (np.abs(cos) ** one.outline + np.abs(sin) ** one.outline) ** (-1.0 / one.outline)
    rim = rim * _lobes(one, angle)
    u = rim * cos * one.half_length_um
    v = rim * sin * one.half_width_um
    cos_a, sin_a = np.cos(one.angle_rad), np.sin(one.angle_rad)
    grown = 1.0 + _GAP_UM / other.half_width_um
    _, _, r = own_coordinates(other, one.x_um + cos_a * u - sin_a * v, one.y_um + sin_a * u + cos_a * v)
    return bool((r < grown).any())
