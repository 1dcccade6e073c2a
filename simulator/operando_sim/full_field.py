"""A full-field microscope that looks at grains from many sides: an uneven, fading beam, and a dark level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from operando_sim.spectra import od_per_um
from operando_sim.volume import amounts_along_rays, composition_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from operando_sim.spectra import Material
    from operando_sim.volume import Grain

__all__ = ["HALF_FIELD_UM", "FullField", "field_axes_um", "look_from", "true_lithium"]

HALF_FIELD_UM = 1.1
"""Three grains keep within it, whatever the tilt."""
_HALF_HEIGHT_UM = 0.75
_STRENGTH = 0.1
"""Of the model spectra, those of L edges, whose light a micrometre stops: as strong as at a K edge, where
optical densities stay below 1.3 along the longest ray."""
_DARK_COUNTS = 100.0
_EXPOSURE_S = 1.0
_FLATS = 20
"""Before the images of each energy, and as many after them."""
_DARKS = 20
_FADES = 0.03
"""The beam loses this share while an energy is measured from all sides."""
_UNEVEN = 0.3


@dataclass(frozen=True, slots=True)
class FullField:
    """Images as the detector gives them, and when they were taken.

    Attributes
    ----------
    images, flats
        Counts, shapes (image, ny, nx) and (flat, ny, nx): of each energy from all sides.
    darks
        Counts without light, shape (dark, ny, nx).
    energies_ev, theta_deg, times_s
        Of each image, shape (image,); the time from the start.
    flat_energies_ev, flat_times_s
        Of each flat one, shape (flat,).
    exposure_s
        Of each image.
    x_um, y_um
        Pixel centres; the tilt axis is at x = 0.
    """

    images: NDArray[np.uint16]
    flats: NDArray[np.uint16]
    darks: NDArray[np.uint16]
    energies_ev: NDArray[np.float64]
    theta_deg: NDArray[np.float64]
    times_s: NDArray[np.float64]
    flat_energies_ev: NDArray[np.float64]
    flat_times_s: NDArray[np.float64]
    exposure_s: float
    x_um: NDArray[np.float64]
    y_um: NDArray[np.float64]


def field_axes_um(pixels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pixel centres x and y of a field with so many columns."""
    pitch_um = 2 * HALF_FIELD_UM / (pixels - 1)
    x_um = pitch_um * (np.arange(pixels, dtype=np.float64) - pixels // 2)
    half = int(_HALF_HEIGHT_UM / pitch_um)
    return x_um, pitch_um * np.arange(-half, half + 1.0)


def look_from(
    grains: tuple[Grain, ...],
    material: Material,
    angles_deg: NDArray[np.float64],
    counts: float,
    pixels: int,
    rng: np.random.Generator,
) -> FullField:
    """Return what the detector sees of grains from many sides, one energy after the other.

    Parameters
    ----------
    grains, material
        The sample.
    angles_deg
        Shape (angle,).
    counts
        Mean of a pixel without sample, less the dark level, when an energy is begun.
    pixels
        Columns.
    rng
        Of the noise.
    """
    x_um, y_um = field_axes_um(pixels)
    energies_ev = np.array(material.energies_ev)
    amounts = [amounts_along_rays(grains, angle, x_um, y_um) for angle in angles_deg.tolist()]
    per_um = _STRENGTH * np.stack([od_per_um(phase, energies_ev) for phase in material.phases], axis=1)
    duration_s = _EXPOSURE_S * (angles_deg.size + 2 * _FLATS)
    images: list[NDArray[np.uint16]] = []
    flats: list[NDArray[np.uint16]] = []
    times_s: list[float] = []
    flat_times_s: list[float] = []
    for energy, absorbed_per_um in enumerate(per_um):
        beam = counts * _profile(x_um, y_um, energy)
        begun_s = energy * duration_s
        for number in range(angles_deg.size + 2 * _FLATS):
            fading = 1.0 - _FADES * number * _EXPOSURE_S / duration_s
            side = number - _FLATS
            if 0 <= side < angles_deg.size:
                od = np.einsum("s,syx->yx", absorbed_per_um, amounts[side])
                images.append(_read(fading * beam * np.exp(-od), rng))
                times_s.append(begun_s + (number + 1) * _EXPOSURE_S)
            else:
                flats.append(_read(fading * beam, rng))
                flat_times_s.append(begun_s + (number + 1) * _EXPOSURE_S)
    nothing = np.zeros((y_um.size, x_um.size))
    return FullField(
        images=np.stack(images),
        flats=np.stack(flats),
        darks=np.stack([_read(nothing, rng) for _ in range(_DARKS)]),
        energies_ev=np.repeat(energies_ev, angles_deg.size),
        theta_deg=np.tile(angles_deg, energies_ev.size),
        times_s=np.array(times_s),
        flat_energies_ev=np.repeat(energies_ev, 2 * _FLATS),
        flat_times_s=np.array(flat_times_s),
        exposure_s=_EXPOSURE_S,
        x_um=x_um,
        y_um=y_um,
    )


def true_lithium(grains: tuple[Grain, ...], material: Material, pixels: int) -> NDArray[np.float64]:
    """Return x in the voxels of the field, shape (y, z, x), z as x; NaN where there is no grain."""
    x_um, y_um = field_axes_um(pixels)
    share = composition_at(grains, x_um[None, None, :], y_um[:, None, None], x_um[None, :, None])
    lithium = np.einsum("s,syzx->yzx", np.array(material.lithium), share)
    return np.where(share.sum(axis=0) > 0, lithium, np.nan)


def _profile(x_um: NDArray[np.float64], y_um: NDArray[np.float64], energy: int) -> NDArray[np.float64]:
    """Return the beam over the field, of mean 1: the condenser's, another one at each energy."""
    wave = np.sin(4.0 * x_um[None, :] + energy) * np.cos(3.0 * y_um[:, None])
    profile = 1.0 + _UNEVEN * wave
    return profile / profile.mean()


def _read(light: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint16]:
    return np.minimum(rng.poisson(light + _DARK_COUNTS), np.iinfo(np.uint16).max).astype(np.uint16)
