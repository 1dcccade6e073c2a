"""How fast something changes: a weighted line through its last points, with the error of its slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray

__all__ = ["Trend", "trend_of"]


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope of a line.

    Attributes
    ----------
    per_s, per_s_error
        Change per second and its standard deviation; NaN where fewer than two points are known.
    """

    per_s: float
    per_s_error: float


def trend_of(time_s: FloatArray, value: FloatArray, error: FloatArray) -> Trend:
    """Return the slope of the weighted line through points, and its standard deviation.

    Where the points scatter more than their errors say, the slope's error grows with them
    (Birge's ratio); with two points there is nothing to tell that from.

    Parameters
    ----------
    time_s, value, error
        Shape (n,); points with something unknown are left out.
    """
    known = np.isfinite(time_s) & np.isfinite(value) & (error > 0)
    if known.sum() < 2 or np.ptp(time_s[known]) == 0:
        return Trend(float("nan"), float("nan"))
    weight = error[known] ** -2.0
    at = time_s[known] - np.average(time_s[known], weights=weight)
    spread = float((weight * at**2).sum())
    slope = float((weight * at * value[known]).sum()) / spread
    left = value[known] - np.average(value[known], weights=weight) - slope * at
    freedom = int(known.sum()) - 2
    excess = float((weight * left**2).sum()) / freedom if freedom else 1.0
    return Trend(slope, float(np.sqrt(max(excess, 1.0) / spread)))
