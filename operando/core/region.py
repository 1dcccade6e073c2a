"""The lithium content of many pixels together: a fit of their mean, not a mean of their fits.

Fractions cannot be negative, so noise moves every nearly pure pixel the same way, by up to 0.4 σ. In
one pixel that is less than its error; in the mean of a thousand it is many times the error. Optical
densities may be added first: the model is linear, Σ_p OD_e(p) = Σ_s (Σ_p t_s(p)) μ_s(E_e), and the noise
of the sum is so small that the bound hardly touches it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.core.fit import Design, Fit, fit
from operando.core.shared_errors import SharedErrors, with_shared_errors
from operando.types import FloatArray

__all__ = [
    "RegionFit",
    "RegionLithium",
    "RegionSpectrum",
    "fit_region",
    "fit_spectrum",
    "lithium_of_region",
    "lithium_of_spectrum",
    "spectrum_of_region",
]


@dataclass(frozen=True, slots=True)
class RegionLithium:
    """The lithium content of all the material in a region.

    Attributes
    ----------
    lithium, lithium_error
        x = Σ t_s x_s / Σ t_s over all pixels, and its standard deviation; NaN where undetermined.
    thickness
        Mean amount of material per pixel, in units of the references.
    chi2
        χ² per degree of freedom of the mean; large where pixels differ from the references
        alike, by less than the noise of one pixel.
    pixels
        How many pixels were taken: those that have every energy.
    """

    lithium: float
    lithium_error: float
    thickness: float
    chi2: float
    pixels: int


@dataclass(frozen=True, slots=True)
class RegionSpectrum:
    """The mean optical density of the pixels of a region, free of the bias of the logarithm.

    Attributes
    ----------
    od, variance
        Shape (energy,); NaN without pixels.
    pixels
        How many were taken: those that have every energy.
    """

    od: FloatArray
    variance: FloatArray
    pixels: int


@dataclass(frozen=True, slots=True)
class RegionFit:
    """The mean of the pixels of a region, and its fit.

    Attributes
    ----------
    od, variance
        Mean optical density and its variance, shape (energy,).
    fit
        Of that mean, as of a single pixel.
    pixels
        How many pixels were taken: those that have every energy.
    """

    od: FloatArray
    variance: FloatArray
    fit: Fit
    pixels: int


def lithium_of_region(
    od: FloatArray,
    variance: FloatArray,
    common_variance: FloatArray,
    design: Design,
    shared: SharedErrors,
    own_share: FloatArray | None = None,
) -> RegionLithium:
    """Return the lithium content of the material in some pixels, with the error of the whole.

    Parameters are those of `fit_region`.
    """
    return lithium_of_spectrum(spectrum_of_region(od, variance, common_variance, own_share), design, shared)


def lithium_of_spectrum(spectrum: RegionSpectrum, design: Design, shared: SharedErrors) -> RegionLithium:
    """Return the lithium content of a region from its mean spectrum.

    Parameters
    ----------
    spectrum
        Of the region.
    design, shared
        As for `fit_region`.
    """
    found = fit_spectrum(spectrum, design, shared)
    if found is None:
        nan = float("nan")
        return RegionLithium(nan, nan, nan, nan, 0)
    whole = found.fit
    return RegionLithium(
        float(whole.lithium[0]),
        float(whole.lithium_error[0]),
        float(whole.thickness[0]),
        float(whole.chi2[0]),
        found.pixels,
    )


def fit_region(
    od: FloatArray,
    variance: FloatArray,
    common_variance: FloatArray,
    design: Design,
    shared: SharedErrors,
    own_share: FloatArray | None = None,
) -> RegionFit | None:
    """Fit the mean of some pixels; None if none of them has every energy.

    Parameters
    ----------
    od, variance, common_variance, own_share
        As for `spectrum_of_region`.
    design
        The model for these energies.
    shared
        What is uncertain beside the counts; it does not average out either.
    """
    return fit_spectrum(spectrum_of_region(od, variance, common_variance, own_share), design, shared)


def spectrum_of_region(
    od: FloatArray,
    variance: FloatArray,
    common_variance: FloatArray,
    own_share: FloatArray | None = None,
) -> RegionSpectrum:
    """Return the mean spectrum of some pixels.

    Parameters
    ----------
    od
        Optical density ln(I0 / I) of the pixels of the region, shape (energy, pixel).
    variance
        Its variance, same shape.
    common_variance
        The part of the variance that all pixels of an image share: that of I0 where it is read
        from blank pixels. It does not average out. Shape (energy,).
    own_share
        What moving an image left each pixel of its variance, shape (energy,); 1 if left out. Neighbours share
        the rest: each is surer than before, and their mean is not.
    """
    known = (np.isfinite(od) & np.isfinite(variance) & (variance > 0)).all(axis=0)
    pixels = int(known.sum())
    if pixels == 0:
        unknown = np.full(len(od), np.nan)
        return RegionSpectrum(unknown, unknown, 0)
    own = np.maximum(variance[:, known] - common_variance[:, None], 0.0)
    # The logarithm of few counts is too low by half its variance; a plain mean has no weights that
    # would make up for it, as those of a pixel's fit do.
    mean = (od[:, known] - own / 2).mean(axis=1)
    of_mean = own.sum(axis=1) / pixels**2
    if own_share is not None:
        of_mean /= own_share
    return RegionSpectrum(mean, of_mean + common_variance, pixels)


def fit_spectrum(spectrum: RegionSpectrum, design: Design, shared: SharedErrors) -> RegionFit | None:
    """Fit the mean spectrum of a region; None if it has no pixel. Parameters as for `lithium_of_spectrum`."""
    if spectrum.pixels == 0:
        return None
    mean, spread = spectrum.od[:, None], spectrum.variance[:, None]
    whole = with_shared_errors(fit(mean, spread, design), mean, spread, design, shared)
    return RegionFit(spectrum.od, spectrum.variance, whole, spectrum.pixels)
