"""The spectrum of a region as if all energies had been measured at once, by its images of cycles before.

The noise of a region is so small that what moved while the energies were measured one after the other is the
larger error. It is also small enough that the images of one energy tell how fast its optical density changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.core.evolution import Images
from operando.core.region import RegionSpectrum, spectrum_of_region
from operando.types import FloatArray, MaskArray

__all__ = ["Part", "parts_of", "spectrum_at"]

_UNKNOWN_CURVE = 0.5
"""With two images nobody knows how bent the way is: up to this share of the step is doubted."""
_SUDDEN = 2.0
"""A reaction that begins or ends within a cycle bends the way at once, and a parabola through three images
shows half of it."""
_LEAST_COMMON = 0.5
"""Share of the pixels that an older image must know, or it says too little of where the region was."""


@dataclass(frozen=True, slots=True)
class Part:
    """The pixels of a region in one image per energy.

    Attributes
    ----------
    od, variance
        Shape (energy, pixel); NaN where unknown.
    rows
        Row of each pixel, shape (pixel,).
    row_time_s
        Of all rows of the images, shape (energy, ny).
    """

    od: FloatArray
    variance: FloatArray
    rows: NDArray[np.intp]
    row_time_s: FloatArray

    @property
    def known(self) -> MaskArray:
        """Which pixels have every energy, shape (pixel,)."""
        usable = np.isfinite(self.od) & np.isfinite(self.variance) & (self.variance > 0)
        return np.logical_and.reduce(usable, axis=0)

    def taken_s(self, pixels: MaskArray) -> FloatArray:
        """Return the mean time of some of the pixels, shape (energy,)."""
        count = np.bincount(self.rows[pixels], minlength=self.row_time_s.shape[1])
        used = count > 0
        return np.average(self.row_time_s[:, used], axis=1, weights=count[used])

    def spectrum(
        self, pixels: MaskArray, common_variance: FloatArray, own_share: FloatArray | None
    ) -> RegionSpectrum:
        """Return the mean spectrum of some of the pixels."""
        if pixels.all():  # spares a copy of a whole field
            return spectrum_of_region(self.od, self.variance, common_variance, own_share)
        return spectrum_of_region(self.od[:, pixels], self.variance[:, pixels], common_variance, own_share)


def parts_of(images: Sequence[Images], pixels: MaskArray) -> tuple[Part, ...]:
    """Return the pixels of a region in the newest image of every energy, and in those before it.

    Parameters
    ----------
    images
        In this order; at least one.
    pixels
        The region, shape (ny, nx).
    """
    rows = np.nonzero(pixels)[0]
    return tuple(
        Part(image.od[:, pixels], image.variance[:, pixels], rows, image.row_time_s) for image in images
    )


def spectrum_at(
    parts: Sequence[Part],
    common_variance: FloatArray,
    time_s: float,
    own_share: FloatArray | None = None,
) -> RegionSpectrum:
    """Return the mean spectrum of a region at a time.

    Each energy goes along the line through its two newest images, as far as their difference is more than
    noise (Wiener's weight 1 - σ²/d²); twice what the third newest says about the bend of the way is an error.

    Parameters
    ----------
    parts
        The region in the newest image of every energy, the second newest, …; at least one. They are compared
        in the pixels that all of them know; one that knows less than half is left out, with those before it.
    common_variance
        The part of the variance that all pixels of an image share, shape (energy,).
    time_s
        Near that of the newest images.
    own_share
        As for `spectrum_of_region`, of the newest images; older ones hardly count.
    """
    everywhere = parts[0].known
    whole = parts[0].spectrum(everywhere, common_variance, own_share)
    if whole.pixels == 0:
        return whole
    parts, known = _comparable(parts[:3])
    if len(parts) < 2:
        return whole
    spectra = [part.spectrum(known, common_variance, own_share) for part in parts[1:]]
    same = known.sum() == whole.pixels
    spectra.insert(0, whole if same else parts[0].spectrum(known, common_variance, own_share))
    times_s = [part.taken_s(known) for part in parts]
    newest, before = spectra[0], spectra[1]
    span_s = times_s[0] - times_s[1]
    way = (time_s - parts[0].taken_s(everywhere)) / span_s
    step, noise = newest.od - before.od, newest.variance + before.variance
    share = way * np.maximum(1 - noise / np.maximum(step**2, 1e-300), 0.0)
    variance = (1 + share) ** 2 * whole.variance + share**2 * before.variance
    guess = (_UNKNOWN_CURVE * share * step) ** 2
    doubt = guess if len(spectra) == 2 else _SUDDEN**2 * _bend(spectra, times_s, time_s)
    return RegionSpectrum(whole.od + share * step, variance + doubt, whole.pixels)


def _comparable(parts: Sequence[Part]) -> tuple[Sequence[Part], MaskArray]:
    """Return the images that can be compared, and the pixels that all of them know, shape (pixel,)."""
    known = parts[0].known
    least = _LEAST_COMMON * known.sum()
    for number, (part, newer) in enumerate(zip(parts[1:], parts, strict=False), 1):
        common = known & part.known
        has_enough = common.any() and common.sum() >= least
        if not has_enough or not (newer.taken_s(common) > part.taken_s(common)).all():
            return parts[:number], known
        known = common
    return parts, known


def _bend(spectra: Sequence[RegionSpectrum], times_s: Sequence[FloatArray], time_s: float) -> FloatArray:
    """Return the square of the parabola's part, beyond what noise makes of it, shape (energy,)."""
    newest_s, before_s, first_s = times_s
    one, other = newest_s - before_s, before_s - first_s
    lever = (time_s - newest_s) * (time_s - before_s) / (newest_s - first_s)
    weights = np.stack([1 / one, -1 / one - 1 / other, 1 / other]) * lever
    bend = sum(weight * spectrum.od for weight, spectrum in zip(weights, spectra, strict=True))
    noise = sum(weight**2 * spectrum.variance for weight, spectrum in zip(weights, spectra, strict=True))
    return np.maximum(np.asarray(bend) ** 2 - noise, 0.0)
