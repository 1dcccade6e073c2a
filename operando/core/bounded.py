"""The parameters, each within bounds, of a curve that is nearest to what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray

__all__ = ["Nearest", "nearest_within"]

Curve = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

_STEPS = 100
_ENOUGH = 1e-5
"""A search ends where χ² would change by less than this share of it."""
_DAMPING = 1e-3
_MOST_DAMPING = 1e6


@dataclass(frozen=True, slots=True)
class Nearest:
    """Where a search ended.

    Attributes
    ----------
    parameters
        Shape (parameter,).
    chi2
        Sum of the squares of what is left.
    normal
        Products of the slopes there, shape (parameter, parameter): its inverse is their covariance.
    """

    parameters: FloatArray
    chi2: float
    normal: FloatArray


def nearest_within(curve: Curve, start: FloatArray, lower: FloatArray, upper: FloatArray) -> Nearest:
    """Return the parameters within bounds at which what is left is least, from `start` downhill.

    Levenberg's and Marquardt's steps (SIAM J. Appl. Math. 11 (1963) 431) in those parameters that do not
    stand at a bound and press against it, cut off at the bounds. For a handful of parameters: a general
    solver spends most of its time on what these do not need.

    Parameters
    ----------
    curve
        Returns for parameters what is left, in standard deviations, shape (point,), and its slopes, shape
        (parameter, point).
    start, lower, upper
        Shape (parameter,).
    """
    here = np.clip(start, lower, upper)
    left, slopes = curve(here)
    chi2, damping = float(left @ left), _DAMPING
    normal, downhill = _products(left, slopes)
    for _ in range(_STEPS):
        is_stuck = ((here <= lower) & (downhill < 0)) | ((here >= upper) & (downhill > 0))
        free = np.flatnonzero(~is_stuck & (np.diag(normal) > 0))
        if not free.size or damping > _MOST_DAMPING:
            break
        part = normal[np.ix_(free, free)]
        step = np.zeros_like(here)
        step[free] = np.linalg.solve(part + damping * np.diag(np.diag(part)), downhill[free])
        there = np.clip(here + step, lower, upper)
        left, slopes = curve(there)
        gained = chi2 - float(left @ left)
        if gained < 0:
            damping *= 10
            continue
        here, chi2, damping = there, chi2 - gained, damping / 10
        normal, downhill = _products(left, slopes)
        if gained <= _ENOUGH * chi2:
            break
    return Nearest(here, chi2, normal)


def _products(left: FloatArray, slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the products of the slopes, and the way downhill."""
    # By numpy itself: in products so narrow threads of BLAS only wait for each other.
    return np.einsum("ip,jp->ij", slopes, slopes), -np.einsum("ip,p->i", slopes, left)
