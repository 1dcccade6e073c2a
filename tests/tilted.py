"""Simulated tilt series, from counts to a volume, and how far that is from the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from operando.core.absorption import Detector, optical_density, without_fit_bias
from operando.core.fit import Background, design_of, fit
from operando.core.tomography import TiltSeries, Volume, reconstructed
from operando.types import FloatArray
from operando_sim import material_named, od_per_um
from operando_sim.volume import Grain, amounts_along_rays, composition_at, make_grains

__all__ = ["Score", "score_of", "series_of_grains", "wedge"]

_HALF_FIELD_UM = 1.1
_DENSITY = 0.1
"""Of the model spectra, those of L edges: as at a K edge, optical densities stay below 1.3 along the longest
ray."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good a volume is.

    Attributes
    ----------
    rmse, bias
        Of x in voxels that are wholly inside a particle.
    inside, told
        How many these are, and for how many x was given.
    """

    rmse: float
    bias: float
    inside: int
    told: int


def wedge(count: int, reach_deg: float) -> FloatArray:
    """Return angles evenly over ± reach; those of a whole turn's half do not repeat the first."""
    return np.linspace(-reach_deg, reach_deg, count, endpoint=reach_deg < 90)


def series_of_grains(
    grains: tuple[Grain, ...],
    material: str,
    angles_deg: FloatArray,
    counts: float,
    pixels: int,
    rng: np.random.Generator,
) -> TiltSeries:
    """Measure grains from many sides and fit every map."""
    axis_um = np.linspace(-_HALF_FIELD_UM, _HALF_FIELD_UM, pixels)
    rows_um = axis_um[(axis_um > -0.75) & (axis_um < 0.75)]
    model = material_named(material)
    energies_ev = np.array(model.energies_ev)
    per_um = _DENSITY * 0.1 * np.stack([od_per_um(phase, energies_ev) for phase in model.phases], axis=1)
    design = design_of(per_um, model.lithium, energies_ev, Background.NONE)
    thickness, lithium = [], []
    for angle_deg in angles_deg.tolist():
        amounts = 10 * amounts_along_rays(grains, angle_deg, axis_um, rows_um)
        readings = rng.poisson(counts * np.exp(-np.einsum("es,syx->eyx", per_um, amounts))).astype(float)
        od, variance = optical_density(readings, np.array(counts), np.array(0.0), Detector())
        od = without_fit_bias(od, variance, per_um.shape[1] / per_um.shape[0])
        result = fit(od.reshape(len(od), -1), variance.reshape(len(od), -1), design)
        thickness.append(result.thickness.reshape(rows_um.size, pixels))
        lithium.append(result.lithium.reshape(rows_um.size, pixels))
    return TiltSeries(angles_deg, np.array(thickness), np.array(lithium))


def score_of(material: str, angles_deg: FloatArray, counts: float, pixels: int, seed: int) -> Score:
    """Return how good the volume of a sample is."""
    rng = np.random.default_rng(seed)
    grains = make_grains(rng)
    volume = reconstructed(series_of_grains(grains, material, angles_deg, counts, pixels, rng))
    return compared(volume, grains, material, pixels)


def compared(volume: Volume, grains: tuple[Grain, ...], material: str, pixels: int) -> Score:
    """Compare a volume with the truth in voxels that are wholly inside a particle."""
    axis_um = np.linspace(-_HALF_FIELD_UM, _HALF_FIELD_UM, pixels)
    rows_um = axis_um[(axis_um > -0.75) & (axis_um < 0.75)]
    share = composition_at(grains, axis_um[None, None, :], rows_um[:, None, None], axis_um[None, :, None])
    inside = ndimage.binary_erosion(share.sum(axis=0) > 0)
    x = np.einsum("s,syzx->yzx", material_named(material).lithium, share)
    error = (volume.lithium - x)[inside & volume.solid]
    return Score(float(np.sqrt(np.mean(error**2))), float(error.mean()), int(inside.sum()), error.size)
