"""The fit of one pixel in its plainest form: every set of phases tried, the best one kept.

This is what `fit` computes, without anything that makes it fast; the tests hold one against the other.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.linalg import null_space

from operando.types import FloatArray, MaskArray

__all__ = ["plain_fit"]


def plain_fit(
    od: FloatArray, variance: FloatArray, model: FloatArray, phases: int, total: float | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return the amounts t and their covariance.

    Parameters
    ----------
    od, variance
        Shape (energy,); energies that are not finite, or have no positive variance, are left out.
    model
        Phases, then background, shape (energy, column).
    phases
        How many columns must not be negative.
    total
        Sum of the phase amounts, where it is given.
    """
    usable = np.isfinite(od) & np.isfinite(variance) & (variance > 0)
    weight = 1 / np.sqrt(variance[usable])
    a, y = model[usable] * weight[:, np.newaxis], od[usable] * weight
    is_phase = np.arange(model.shape[1]) < phases
    least, best = np.inf, np.full(is_phase.size, np.nan)
    for inside in product([True, False], repeat=phases):
        free = np.append(inside, ~is_phase[phases:])
        if total is not None and not any(inside):
            continue
        # Any t with this total is one of them and a move along the directions that keep it.
        start = np.zeros(free.size) if total is None else total * (free & is_phase) / sum(inside)
        moves = _moves(free, is_phase, total)
        t = start + moves @ np.linalg.lstsq(a @ moves, y - a @ start)[0]
        chi2 = float(np.sum((y - a @ t) ** 2))
        if (t[:phases] >= 0).all() and chi2 < least:
            least, best = chi2, t
    moves = _moves(np.ones_like(is_phase), is_phase, total)
    return best, moves @ np.linalg.inv(moves.T @ a.T @ a @ moves) @ moves.T


def _moves(free: MaskArray, is_phase: MaskArray, total: float | None) -> FloatArray:
    """Return the directions in which t may move, as columns: the free ones, keeping Σt if it is given."""
    moves = np.eye(free.size)[:, free]
    return moves if total is None else moves @ null_space(is_phase[np.newaxis, free].astype(float))
