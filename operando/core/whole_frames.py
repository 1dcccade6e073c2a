"""Images that bring their I0 as an image: full-field frames with flat ones, and amplitudes of ptychography.

In a full-field microscope every pixel has a beam of its own, read in a separate image without the sample.
Ptychography gives the amplitude that the sample leaves of the wave, relative to an unknown constant. Either
becomes an optical density and its variance per frame (`FrameDensity`), and from there all is as in a scan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from operando.core.absorption import Detector
from operando.core.incident import MIN_BLANK_PIXELS
from operando.errors import FrameRejected
from operando.types import FloatArray, MaskArray

__all__ = [
    "Flat",
    "FrameDensity",
    "amplitude_density",
    "density_by_amplitude",
    "density_by_flats",
    "flat_density",
]

FrameDensity = Callable[[FloatArray, int], tuple[FloatArray, FloatArray]]
"""From a frame, shape (ny, nx), and the index of its energy to optical density and variance, same shape."""


@dataclass(frozen=True, slots=True)
class Flat:
    """The beam without the sample, as the same detector saw it.

    Attributes
    ----------
    counts
        Mean of some images, shape (ny, nx).
    images
        How many.
    dark
        Mean of images without light at the same exposure, shape (ny, nx), or a number for all pixels.
    exposure_ratio
        Exposure of a sample frame, in time and beam, over that of a flat one.
    """

    counts: FloatArray
    images: int = 1
    dark: FloatArray | float = 0.0
    exposure_ratio: float = 1.0


def flat_density(counts: FloatArray, flat: Flat, detector: Detector) -> tuple[FloatArray, FloatArray]:
    """Return the optical density of a full-field frame and its variance, shape (ny, nx).

    OD = ln(r (I0 - d) / (I - d)), var(OD) = F I / (I - d)² + F I0 / (n (I0 - d)²) for n flat images and an
    exposure ratio r; both NaN where a reading is not finite, not above dark or at the ceiling.

    Parameters
    ----------
    counts
        The frame, shape (ny, nx).
    flat
        The beam.
    detector
        Gain and ceiling; the dark level is that of the flat.

    Raises
    ------
    FrameRejected
        Frame and flat have different shapes.
    """
    if counts.shape != flat.counts.shape:
        msg = (
            f"the frame has shape {counts.shape} and its flat frame {flat.counts.shape}; take both with the "
            "same region and binning"
        )
        raise FrameRejected(msg)
    ceiling = detector.saturation_counts
    usable = (counts > flat.dark) & (counts < ceiling) & (flat.counts > flat.dark) & (flat.counts < ceiling)
    signal = np.where(usable, counts - flat.dark, np.nan)
    incident = np.where(usable, flat.counts - flat.dark, np.nan)
    od = np.log(flat.exposure_ratio * incident / signal)
    own = detector.gain * counts / signal**2
    return od, own + detector.gain * flat.counts / (flat.images * incident**2)


def amplitude_density(amplitude: FloatArray, blank: MaskArray) -> tuple[FloatArray, FloatArray]:
    """Return the optical density of a ptychographic reconstruction and its variance, shape (ny, nx).

    OD = 2 ln(A0 / A), since intensity is the square of amplitude. A0 and the noise of the amplitude, which no
    counting rule gives after a reconstruction, are those of blank pixels:
    var(OD) = 4 σ² (1 / A² + 1 / (n A0²)).

    Parameters
    ----------
    amplitude
        Modulus of the object, shape (ny, nx).
    blank
        Pixels without sample, shape (ny, nx).

    Raises
    ------
    FrameRejected
        Too few of the blank pixels have an amplitude.
    """
    readings = amplitude[blank & np.isfinite(amplitude) & (amplitude > 0)]
    if readings.size < MIN_BLANK_PIXELS:
        msg = (
            f"{readings.size} blank pixels have an amplitude; at least {MIN_BLANK_PIXELS} are needed, since "
            "a reconstruction has no scale of its own"
        )
        raise FrameRejected(msg)
    mean, variance = float(readings.mean()), float(readings.var(ddof=1))
    seen = np.where(amplitude > 0, amplitude, np.nan)
    return 2 * np.log(mean / seen), 4 * variance * (1 / seen**2 + 1 / (readings.size * mean**2))


def density_by_flats(flats: Mapping[int, Flat], detector: Detector) -> FrameDensity:
    """Return what turns full-field frames into optical densities.

    Parameters
    ----------
    flats
        The newest flat of each energy, by its index.
    detector
        Gain and ceiling.
    """

    def density(counts: FloatArray, energy: int) -> tuple[FloatArray, FloatArray]:
        if energy not in flats:
            msg = f"energy {energy} has no flat frame; take one without the sample before the first frame"
            raise FrameRejected(msg)
        return flat_density(counts, flats[energy], detector)

    return density


def density_by_amplitude(blank: MaskArray) -> FrameDensity:
    """Return what turns ptychographic amplitudes into optical densities, given their blank pixels."""

    def density(amplitude: FloatArray, energy: int) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
        return amplitude_density(amplitude, blank)

    return density
