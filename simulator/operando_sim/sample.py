"""The sample: particles and their reaction stored on a fine raster, and looked up anywhere at any time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from operando_sim.particles import Particle, make_particles, thickness_um
from operando_sim.reaction import ParticleReaction, arrival_s, make_reactions, passing_s, phase_fractions
from operando_sim.spectra import Material, material_named, od_per_um

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from operando_sim.settings import WorldSettings

__all__ = ["Sample", "look_up", "make_sample", "mean_lithium"]

_SPECTRUM_STEP_EV = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """What stands in the beam.

    Attributes
    ----------
    material
        The spectra of its phases; an intruder is the last of them.
    particles, reactions
        What it was made from, one reaction per particle.
    low_um, pitch_um, side
        Coordinate of the first raster point (in x and in y), pitch, and points per side.
    maps
        Thickness (µm), arrival of the two fronts (s), their passing times (s) and, if there is one, the
        share of the intruder; shape (side², 5 or 6).
    material_maps
        The same of the points that hold material, shape (5, or 6, point).
    """

    material: Material
    particles: tuple[Particle, ...]
    reactions: tuple[ParticleReaction, ...]
    low_um: float
    pitch_um: float
    side: int
    maps: NDArray[np.float64]
    material_maps: NDArray[np.float64]


def make_sample(settings: WorldSettings, rng: np.random.Generator) -> Sample:
    """Return a sample drawn with `rng`."""
    material = material_named(settings.sample.material)
    particles = make_particles(settings.sample, _peak_od_per_um(material), rng)
    reactions = make_reactions(particles, settings.reaction, rng)
    pitch = settings.sample.raster_um
    # Two empty points around the field, so that every look-up outside it finds nothing.
    side = round(settings.sample.field_um / pitch) + 5
    low = -0.5 * (side - 1) * pitch
    maps = _rasterise(particles, reactions, low + pitch * np.arange(side, dtype=np.float64))
    if settings.sample.intruder > 0.0:
        material = replace(material, phases=(*material.phases, material.intruder))
        maps = np.column_stack(
            [maps, _intruded(maps[:, 0].reshape(side, side), settings.sample.intruder, rng)]
        )
    return Sample(
        material=material,
        particles=particles,
        reactions=reactions,
        low_um=low,
        pitch_um=pitch,
        side=side,
        maps=maps,
        material_maps=np.ascontiguousarray(maps[maps[:, 0] > 0.0].T),
    )


def look_up(
    sample: Sample,
    x_um: NDArray[np.float64],
    y_um: NDArray[np.float64],
    time_s: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return thickness in µm, shape (n,), and phase fractions, shape (phase, n).

    Parameters
    ----------
    sample
        The sample.
    x_um, y_um
        Points in the sample's own frame, shape (n,).
    time_s
        Reaction time at each, shape (n,).
    """
    maps = _interpolate(sample, x_um, y_um)
    return maps[0], _fractions(maps, time_s)


def _fractions(maps: NDArray[np.float64], time_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return phase fractions, shape (phase, n), where the maps have these values, shape (5 or 6, n)."""
    fractions = phase_fractions(time_s, maps[1:3], maps[3:5])
    return fractions if len(maps) == 5 else np.concatenate([fractions * (1.0 - maps[5]), maps[5:]])


def _intruded(thickness: NDArray[np.float64], share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return 1 at the points of material nearest to one of them, a share of all, shape (side²,)."""
    rows, columns = np.nonzero(thickness > 0.0)
    middle = rng.integers(rows.size)
    distance = np.hypot(rows - rows[middle], columns - columns[middle])
    nearest = np.argsort(distance, kind="stable")[: round(share * rows.size)]
    intruded = np.zeros_like(thickness)
    intruded[rows[nearest], columns[nearest]] = 1.0
    return intruded.ravel()


def mean_lithium(sample: Sample, time_s: float) -> float:
    """Return the lithium content of all material together at a reaction time; NaN without material."""
    thickness = sample.material_maps[0]
    if not thickness.size:
        return float("nan")
    fraction = _fractions(sample.material_maps, time_s)
    return float(sample.material.lithium @ (fraction @ thickness) / thickness.sum())


def _peak_od_per_um(material: Material) -> float:
    low, high = material.range_ev
    energy = np.arange(low, high, _SPECTRUM_STEP_EV)
    return max(float(od_per_um(phase, energy).max()) for phase in material.phases)


def _rasterise(
    particles: tuple[Particle, ...], reactions: tuple[ParticleReaction, ...], axis_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    maps = np.zeros((5, axis_um.size, axis_um.size))
    for particle, reaction in zip(particles, reactions, strict=True):
        # Twice the half length holds every outline with its corners and lobes.
        rows = np.flatnonzero(np.abs(axis_um - particle.y_um) < 2.0 * particle.half_length_um)
        columns = np.flatnonzero(np.abs(axis_um - particle.x_um) < 2.0 * particle.half_length_um)
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        y, x = axis_um[rows][:, None], axis_um[columns][None, :]
        thickness = thickness_um(particle, x, y)
        inside = thickness > maps[0][box]
        arrival = arrival_s(particle, reaction, x, y)
        passing = np.broadcast_to(np.array(passing_s(reaction))[:, None, None], arrival.shape)
        drawn = np.concatenate([thickness[None], arrival, passing])
        maps[:, *box] = np.where(inside, drawn, maps[:, *box])
    if particles:
        # Beyond a rim the reaction of the nearest material goes on, else interpolation would bend it there.
        nearest = distance_transform_edt(maps[0] <= 0.0, return_distances=False, return_indices=True)
        rows, columns = np.asarray(nearest)
        maps[1:] = maps[1:, rows, columns]
    else:
        maps[3:5] = 1.0
    return np.ascontiguousarray(maps.reshape(5, -1).T)


def _interpolate(sample: Sample, x_um: NDArray[np.float64], y_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the maps at points, bilinearly, shape (5 or 6, n)."""
    # The outermost points are empty, so a point outside may be looked up on the border.
    last = sample.side - 1.000001
    column = np.clip((x_um - sample.low_um) / sample.pitch_um, 0.0, last)
    row = np.clip((y_um - sample.low_um) / sample.pitch_um, 0.0, last)
    ix, iy = column.astype(np.intp), row.astype(np.intp)
    wx, wy = (column - ix)[:, None], (row - iy)[:, None]
    corner = iy * sample.side + ix
    near = sample.maps[corner]
    near += wx * (sample.maps[corner + 1] - near)
    far = sample.maps[corner + sample.side]
    far += wx * (sample.maps[corner + sample.side + 1] - far)
    near += wy * (far - near)
    return near.T
