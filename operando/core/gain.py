"""How noisy the detector's counts are: the variance-to-mean ratio, from pixels without sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import Finding, FloatArray, MaskArray, Severity

__all__ = ["MIN_PAIRS", "GainEstimate", "chi2_excess", "estimate_gain", "gain_findings"]

MIN_PAIRS = 100
"""Fewer pairs than this in an image are no estimate: at 100 it is sure to 17 %."""

_ENOUGH = 20_000
"""Of larger blank regions every second, third… row is looked at: 20,000 pairs are sure to 1.2 %."""

_DISTANCE = 3
"""Pixels between the two of a pair. Fly scans and slow electronics smear a count over its neighbours: on a
real stack pairs 1, 2, 3 and 5 pixels apart gave 0.063, 0.079, 0.084 and 0.091, and pairs in different rows,
which share no electronics, 0.087. Beyond 3, what the difference gains is structure."""

_CUT = 3.5
"""Differences beyond this many standard deviations are dust, edges and jumps, not noise."""

_KEPT = 0.99389
"""Mean square of a normal deviate of unit variance cut at 3.5."""

_ODD_FACTOR = 1.25
"""A gain this far off makes σ wrong by 12 %: as much as one would notice in its coverage."""

_IQR = 1.3489795
"""Interquartile range of a normal deviate of unit variance."""


@dataclass(frozen=True, slots=True)
class GainEstimate:
    """What the data say about the counter.

    Attributes
    ----------
    gain
        Variance-to-mean ratio F of the counts; NaN where it cannot be told.
    error
        Its standard deviation.
    pairs
        How many pairs of pixels it rests on.
    """

    gain: float
    error: float
    pairs: int


def estimate_gain(counts: FloatArray, blank: MaskArray) -> GainEstimate:
    """Return the variance-to-mean ratio of the readings of blank pixels.

    The variance is half the mean square of the difference of two blank pixels three apart in a
    row about their median, divided by the mean of the blank readings of that image. So drift of the
    beam between rows and slopes of the lighting leave no trace, and what jumps further than 3.5
    standard deviations is left out. Images weigh by their pairs. Lithium content
    does not depend on F: it scales every variance, and so σ and χ² alone.

    Parameters
    ----------
    counts
        Readings, dark level included, shape (energy, ny, nx); NaN where unknown.
    blank
        Pixels without sample, shape (ny, nx).

    Returns
    -------
    GainEstimate
        NaN unless an image has `MIN_PAIRS`. The error is the larger of what counting allows,
        F √(3/n) for differences along a chain (von Neumann et al., Ann. Math. Stat. 12 (1941) 153),
        and the scatter between images.
    """
    stride = 1 + int(blank.sum()) // _ENOUGH
    per_image = [_of_image(image[::stride], blank[::stride]) for image in counts]
    known = [(gain, pairs) for gain, pairs in per_image if pairs >= MIN_PAIRS and gain > 0]
    if not known:
        return GainEstimate(float("nan"), float("nan"), 0)
    gains = np.array([gain for gain, _ in known])
    weights = np.array([pairs for _, pairs in known], dtype=np.float64)
    pairs = int(weights.sum())
    gain = float((weights * gains).sum() / pairs)
    by_counting = gain * float(np.sqrt(3.0 / pairs))
    by_scatter = float(gains.std(ddof=1) / np.sqrt(gains.size)) if gains.size > 1 else 0.0
    return GainEstimate(gain, max(by_counting, by_scatter), pairs)


def gain_findings(found: GainEstimate, gain: float, chi2: FloatArray, freedom: int) -> list[Finding]:
    """Return what is to be said about the gain in use, given what the data say.

    Blank pixels show the noise of counting alone. The residuals of the fit may need a larger gain, to
    hold images resampled when they were aligned or references that do not fit to the last digit.

    Parameters
    ----------
    found
        The estimate.
    gain
        The gain that the fit uses.
    chi2
        χ² per degree of freedom of the valid pixels, shape (n,).
    freedom
        Degrees of freedom of a pixel's fit.
    """
    # What the residuals need, counting and all else; no gain is too large that does not exceed it.
    excess = chi2_excess(chi2, freedom)
    needed = float(np.fmax(found.gain, gain * excess)) if gain > found.gain else found.gain
    factor = needed / gain
    is_odd = not 1 / _ODD_FACTOR <= factor <= _ODD_FACTOR
    if np.isnan(factor) or not is_odd or abs(found.gain - gain) <= 3 * found.error:
        return []
    how = f"{1 / factor**0.5:.2g} times too large" if factor < 1 else f"{factor**0.5:.2g} times too small"
    return [
        Finding(
            "gain",
            Severity.WARNING,
            f"counts of blank pixels vary by {found.gain:.2g} ± {found.error:.1g} of their mean, "
            f"but the detector's gain is set to {gain:g}, so σ(x) is stated {how}",
            f"set the gain to {needed:.2g}; x itself does not change",
        )
    ]


def chi2_excess(chi2: FloatArray, freedom: int) -> float:
    """Return the median χ² over what its distribution says; NaN where there is none.

    Parameters
    ----------
    chi2
        χ² per degree of freedom, shape (n,); NaN where unknown.
    freedom
        Degrees of freedom of each.
    """
    known = chi2[np.isfinite(chi2)]
    if freedom < 1 or not known.size:
        return float("nan")
    # Wilson and Hilferty, PNAS 17, 684 (1931): the median of χ² is about ν (1 - 2/9ν)³.
    return float(np.median(known)) / (1.0 - 2.0 / (9.0 * freedom)) ** 3


def _of_image(counts: FloatArray, blank: MaskArray) -> tuple[float, int]:
    """Return F of one image and the number of pairs."""
    usable = blank & np.isfinite(counts)
    paired = usable[:, _DISTANCE:] & usable[:, :-_DISTANCE]
    pairs = int(paired.sum())
    if pairs < MIN_PAIRS:
        return float("nan"), pairs
    mean = float(counts[usable].mean())
    if not mean > 0:
        return float("nan"), pairs
    differences = (counts[:, _DISTANCE:] - counts[:, :-_DISTANCE])[paired]
    low, middle, high = np.percentile(differences, (25.0, 50.0, 75.0))
    differences -= middle  # the slope of a field that is unevenly lit along its rows
    reach = _CUT * float(high - low) / _IQR
    # Readings of a few counts are so coarse that the quartiles may coincide; then all differences count.
    kept = differences[np.abs(differences) <= reach] if reach > 0 else differences
    correction = _KEPT if reach > 0 else 1.0
    return float(np.mean(kept**2)) / (2.0 * correction * mean), pairs
