"""The spectrum of a region as if all energies had been measured at once, by its images of cycles before.

The noise of a region is so small that what moved while the energies were measured one after the other is the
larger error. It is also small enough that the images of one energy tell how fast its optical density changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from operando.core.evolution import Images
from operando.core.region import RegionSpectrum, spectrum_of_region
from operando.types import FloatArray, MaskArray

__all__ = ["spectrum_at"]

_UNKNOWN_CURVE = 0.5
"""With two images nobody knows how bent the way is: up to this share of the step is doubted."""


def spectrum_at(
    images: Sequence[Images],
    pixels: MaskArray,
    common_variance: FloatArray,
    time_s: float,
    own_share: FloatArray | None = None,
) -> RegionSpectrum:
    """Return the mean spectrum of a region at a time.

    Each energy goes along the line through its two newest images, as far as their difference is more than
    noise (Wiener's weight 1 - σ²/d²); what the third newest says about the bend of the way is an error.

    Parameters
    ----------
    images
        The newest image of every energy, the second newest, …; at least one. Of the older ones those count in
        which the region is known at every energy.
    pixels
        The region, shape (ny, nx).
    common_variance
        The part of the variance that all pixels of an image share, shape (energy,).
    time_s
        Near that of the newest images.
    own_share
        As for `spectrum_of_region`, of the newest images; older ones hardly count.
    """
    rows = np.nonzero(pixels)[0]
    spectra: list[RegionSpectrum] = []
    times_s: list[FloatArray] = []
    for image in images[:3]:
        spectrum = spectrum_of_region(
            image.od[:, pixels], image.variance[:, pixels], common_variance, own_share
        )
        taken_s = image.row_time_s[:, rows].mean(axis=1)
        is_older = not times_s or bool((times_s[-1] > taken_s).all())
        if spectrum.pixels == 0 or not is_older:
            break
        spectra.append(spectrum)
        times_s.append(taken_s)
    if len(spectra) < 2:
        return (
            spectra[0]
            if spectra
            else spectrum_of_region(images[0].od[:, :0], images[0].od[:, :0], common_variance)
        )
    newest, before = spectra[0], spectra[1]
    span_s = times_s[0] - times_s[1]
    way = (time_s - times_s[0]) / span_s
    step, noise = newest.od - before.od, newest.variance + before.variance
    share = way * np.maximum(1 - noise / np.maximum(step**2, 1e-300), 0.0)
    variance = (1 + share) ** 2 * newest.variance + share**2 * before.variance
    guess = (_UNKNOWN_CURVE * share * step) ** 2
    doubt = guess if len(spectra) == 2 else _bend(spectra, times_s, time_s)
    return RegionSpectrum(newest.od + share * step, variance + doubt, newest.pixels)


def _bend(spectra: Sequence[RegionSpectrum], times_s: Sequence[FloatArray], time_s: float) -> FloatArray:
    """Return the square of the parabola's part, beyond what noise makes of it, shape (energy,)."""
    newest_s, before_s, first_s = times_s
    one, other = newest_s - before_s, before_s - first_s
    lever = (time_s - newest_s) * (time_s - before_s) / (newest_s - first_s)
    weights = np.stack([1 / one, -1 / one - 1 / other, 1 / other]) * lever
    bend = sum(weight * spectrum.od for weight, spectrum in zip(weights, spectra, strict=True))
    noise = sum(weight**2 * spectrum.variance for weight, spectrum in zip(weights, spectra, strict=True))
    return np.maximum(np.asarray(bend) ** 2 - noise, 0.0)
