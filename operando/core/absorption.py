"""Counts to optical density and its variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray

__all__ = ["Detector", "below_ceiling", "optical_density", "without_fit_bias"]


@dataclass(frozen=True, slots=True)
class Detector:
    """How a counter turns photons into numbers.

    Attributes
    ----------
    gain
        Variance-to-mean ratio F of the counts: 1 for counted photons, 0.2 to 0.9 on many
        real detectors, whose "counts" are scaled sums. NaN where it is to be estimated from the
        blank pixels of the images.
    dark_counts
        Reading with the shutter closed, at the dwell of the scan.
    saturation_counts
        Readings at or above this say nothing.
    """

    gain: float = 1.0
    dark_counts: float = 0.0
    saturation_counts: float = float("inf")


def below_ceiling(counts: FloatArray, detector: Detector) -> FloatArray:
    """Return the readings, any shape, with NaN where the detector was at its ceiling."""
    if np.isinf(detector.saturation_counts):
        return counts
    return np.where(counts < detector.saturation_counts, counts, np.nan)


def optical_density(
    counts: FloatArray,
    i0: FloatArray,
    i0_variance: FloatArray,
    detector: Detector,
    spread: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return the optical density and its variance, both with the shape of `counts`.

    Parameters
    ----------
    counts
        Readings, any shape.
    i0, i0_variance
        Incident reading and its variance, broadcast against `counts`.
    detector
        Gain, dark level and ceiling.
    spread
        Times the gain, it is the variance of `counts`, where that is not theirs: they are sums over
        pixels, with weights.

    Returns
    -------
    tuple
        OD = ln((I0 - dark) / (I - dark)), and by error propagation
        var(OD) = F I / (I - dark)² + var(I0) / (I0 - dark)²; both NaN where the reading is not
        finite, not above dark, at the detector's ceiling, or without I0.
    """
    usable = (counts > detector.dark_counts) & (counts < detector.saturation_counts)
    signal = np.where(usable, counts - detector.dark_counts, np.nan)
    incident = np.where(i0 > detector.dark_counts, i0 - detector.dark_counts, np.nan)
    od = np.log(incident / signal)
    counted = signal + detector.dark_counts if spread is None else spread
    variance = detector.gain * counted / signal**2 + i0_variance / incident**2
    return od, np.where(np.isnan(od), np.nan, variance)


def without_fit_bias(od: FloatArray, variance: FloatArray, leverage: float) -> FloatArray:
    """Return the optical density whose weighted least squares are free of bias to first order.

    The logarithm of few counts is too low by var/2, and a weight taken from the same counts is
    large where they happen to be high; the fit's own pull on each energy gives part of that back.
    With N = μ + ε, weight N / F and h_e the leverage of energy e in the fit, the expected normal
    equations are those of an optical density that is off by (h_e - 1/2) F / μ_e (expand
    Σ a_e N_e (ln(I0/N_e) - a_e·t) to ε², and the inverse of the normal matrix to ε). The leverages
    of a fit sum to its number of columns. At one column for two energies nothing is left to
    correct; the textbook's ln(N + F/2) is right only where nothing is left to fit.

    Parameters
    ----------
    od, variance
        Optical density and its variance, same shape.
    leverage
        Mean leverage: columns of the fit divided by energies, 0 to 1.
    """
    return od - (leverage - 0.5) * variance
