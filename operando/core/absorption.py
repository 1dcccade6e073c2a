"""Counts to optical density and its variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray

__all__ = ["Detector", "optical_density"]


@dataclass(frozen=True, slots=True)
class Detector:
    """How a counter turns photons into numbers.

    Attributes
    ----------
    gain
        Variance-to-mean ratio F of the counts: 1 for counted photons, 0.2 to 0.9 on many
        real detectors, whose "counts" are scaled sums.
    dark_counts
        Reading with the shutter closed, at the dwell of the scan.
    saturation_counts
        Readings at or above this say nothing.
    """

    gain: float = 1.0
    dark_counts: float = 0.0
    saturation_counts: float = float("inf")


def optical_density(
    counts: FloatArray, i0: FloatArray, i0_variance: FloatArray, detector: Detector
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
    variance = detector.gain * (signal + detector.dark_counts) / signal**2 + i0_variance / incident**2
    return od, np.where(np.isnan(od), np.nan, variance)
