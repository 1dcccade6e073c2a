"""I0 without a monitor: find the pixels that hold no sample, and read the beam there.

Most microscopes have no incident-beam channel; the reading of empty pixels in the same image
takes its place, and divides out whatever the ring current did between images.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import ndimage

from operando.types import FloatArray, MaskArray

__all__ = ["KEPT", "MIN_BLANK_PIXELS", "IncidentMode", "IncidentRule", "blank_pixels", "blank_reading"]

MIN_BLANK_PIXELS = 16
"""Fewer blank pixels than this are no I0: at 16 the mean is 4 times as sure as one pixel."""

_BINS = 256
_MIN_SHARE = 0.01


class IncidentMode(StrEnum):
    """Where I0 comes from."""

    BLANK = "blank"
    CHANNEL = "channel"
    FILE = "file"
    REFERENCES = "references"


KEPT = frozenset({IncidentMode.CHANNEL, IncidentMode.REFERENCES})
"""Modes that take I0 of each pixel from what came beside its counts."""


@dataclass(frozen=True, slots=True)
class IncidentRule:
    """How I0 is found.

    Attributes
    ----------
    mode
        Blank pixels of the same image, a channel recorded with it, a spectrum from a file, or reference
        frames of the run, which no recipe asks for: see `operando.core.light`.
    scale
        Factor from the channel's or file's reading to what the detector would read in that
        beam, its dark level included.
    error
        Relative standard deviation of I0 less the dark level, beside that of counting it; one error for
        all pixels of an image, independent from energy to energy.
    energy_ev, counts_per_ms
        The spectrum, shape (n,), for mode `FILE`; empty otherwise.
    """

    mode: IncidentMode = IncidentMode.BLANK
    scale: float = 1.0
    energy_ev: FloatArray | None = None
    counts_per_ms: FloatArray | None = None
    error: float = 0.0


def blank_pixels(counts: FloatArray) -> MaskArray:
    """Return the pixels that hold no sample, shape (ny, nx).

    Blank pixels are equally bright, and brighter than everything else at the sum of all energies.
    So they are the uppermost peak in the histogram of the mean log counts: the highest local
    maximum that at least one pixel in a hundred belongs to. Pixels are taken symmetrically about
    it, as far as the upper flank of the peak reaches (its lower flank is shared with thin
    material), so that their mean is not biased by the selection. The mask is eroded by one pixel
    where that leaves enough, to keep off particle edges.

    Parameters
    ----------
    counts
        Readings, shape (energy, ny, nx), NaN where unknown. A pixel counts with the energies
        that all compared pixels have.

    Returns
    -------
    ndarray of bool
        All False if no such peak is found.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        brightness = np.log(np.where(counts > 0, counts, np.nan)).mean(axis=0)
    known = np.isfinite(brightness)
    if known.sum() < MIN_BLANK_PIXELS:
        return np.zeros(known.shape, dtype=bool)
    smooth = _local_mean(brightness, known)
    low, high = np.percentile(smooth[known], (1.0, 99.9))
    if not high > low:
        return known
    step = (high - low) / _BINS
    edges = low - 8 * step + step * np.arange(_BINS + 24)
    histogram = ndimage.gaussian_filter1d(np.histogram(smooth[known], bins=edges)[0].astype(float), 2.0)
    peak = _uppermost_peak(histogram, int(known.sum()))
    if peak is None:
        return np.zeros(known.shape, dtype=bool)
    centre = edges[peak] + step / 2
    above = smooth[known & (smooth > centre)]
    reach = max(2.0 * float(np.sqrt(np.mean((above - centre) ** 2))) if above.size else 0.0, 1.5 * step)
    blank = np.asarray(known & (np.abs(smooth - centre) <= reach), dtype=np.bool_)
    inner = np.asarray(ndimage.binary_erosion(blank, border_value=1), dtype=np.bool_)
    return inner if inner.sum() >= max(MIN_BLANK_PIXELS, blank.sum() // 4) else blank


def blank_reading(counts: FloatArray, blank: MaskArray, gain: float) -> tuple[float, float]:
    """Return mean reading of the blank pixels of one image and the variance of that mean.

    Parameters
    ----------
    counts
        Shape (ny, nx), NaN where unknown.
    blank
        Pixels without sample, shape (ny, nx).
    gain
        Variance-to-mean ratio F of the counter; the variance of the mean is F I0 / n.

    Returns
    -------
    tuple of float
        NaN, NaN with fewer than `MIN_BLANK_PIXELS` readings.
    """
    readings = counts[blank & np.isfinite(counts)]
    if readings.size < MIN_BLANK_PIXELS:
        return float("nan"), float("nan")
    mean = float(readings.mean())
    return mean, gain * mean / readings.size


def _local_mean(values: FloatArray, known: MaskArray) -> FloatArray:
    """Mean over 3 × 3 known pixels: less noise, so that thin material stands apart from blank."""
    total = ndimage.uniform_filter(np.where(known, values, 0.0), size=3, mode="nearest")
    weight = ndimage.uniform_filter(known.astype(float), size=3, mode="nearest")
    return np.where(known, total / np.where(known, weight, 1.0), np.nan)


def _uppermost_peak(histogram: FloatArray, pixels: int) -> int | None:
    """Return the bin of the highest-valued peak that holds a fair share of the pixels."""
    for bin_ in range(histogram.size - 2, 0, -1):
        is_peak = histogram[bin_] >= histogram[bin_ - 1] and histogram[bin_] > histogram[bin_ + 1]
        if is_peak and histogram[max(bin_ - 4, 0) : bin_ + 5].sum() >= _MIN_SHARE * pixels:
            return bin_
    return None
