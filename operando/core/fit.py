"""The fit: per pixel, weighted, phase amounts non-negative, with the uncertainty of x.

Minimises Σ_e (y_e - Σ_k a_ek t_k)² / var_e over the energies e that a pixel has, with t_k ≥ 0
for the phases and background coefficients free of sign. The active-set method of Lawson and
Hanson (Solving Least Squares Problems, 1974, ch. 23) runs on the normal equations, which is
exact enough because columns are brought to unit size first and hopeless conditioning is refused.

Every pixel is computed on its own, in a fixed order of operations, so that the bits of the
result do not depend on which pixels are computed together.
"""

# Numba infers the types of the kernels below, and takes arrays one by one, not dataclasses.
# ruff: noqa: ANN001, ANN202, PLR0912, PLR0913, PLR0917
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numba
import numpy as np
from numpy.typing import NDArray

from operando.types import FloatArray

__all__ = ["Background", "Design", "Fit", "design_of", "fit"]

_PIVOT_FLOOR = 1e-10
"""Smallest Cholesky pivot of the unit-diagonal normal matrix: a condition number of about 1e5."""


class Background(IntEnum):
    """Number of background columns: none, a constant, a line in energy."""

    NONE = 0
    CONSTANT = 1
    LINEAR = 2


@dataclass(frozen=True, slots=True)
class Design:
    """The linear model of one set of energies.

    Attributes
    ----------
    matrix
        Phases, then background columns, each scaled to a largest magnitude of 1,
        shape (energy, column).
    scale
        What each column was divided by, shape (column,).
    lithium
        Lithium content of each phase, shape (phase,).
    """

    matrix: FloatArray
    scale: FloatArray
    lithium: FloatArray

    @property
    def phases(self) -> int:
        """Number of phases; the other columns are background."""
        return self.lithium.size


@dataclass(frozen=True, slots=True)
class Fit:
    """What the fit says per pixel; NaN where it says nothing.

    Attributes
    ----------
    lithium, lithium_error
        x = Σ t_s x_s / Σ t_s and its standard deviation over the active set, shape (pixel,).
    fraction, fraction_error
        t_s / Σ t, shape (phase, pixel).
    thickness, thickness_error
        Σ t_s, shape (pixel,).
    background
        Background coefficients, shape (background column, pixel); the line is zero in the
        middle of the energy range, so that the first is its mean.
    chi2
        χ² per degree of freedom (energies less active columns), shape (pixel,).
    r_factor
        Σ residual² / Σ OD², shape (pixel,).
    energies_used
        Shape (pixel,).
    is_solved
        False where there were fewer energies than columns or the columns could not be told apart.
    """

    lithium: FloatArray
    lithium_error: FloatArray
    fraction: FloatArray
    fraction_error: FloatArray
    thickness: FloatArray
    thickness_error: FloatArray
    background: FloatArray
    chi2: FloatArray
    r_factor: FloatArray
    energies_used: NDArray[np.uint16]
    is_solved: NDArray[np.bool_]


def design_of(
    at_energies: FloatArray, lithium: FloatArray, energies_ev: FloatArray, background: Background
) -> Design:
    """Return the linear model for references at the energies of a scan.

    Parameters
    ----------
    at_energies
        References, shape (energy, phase).
    lithium
        Lithium content of each phase, shape (phase,).
    energies_ev
        Shape (energy,).
    background
        Which background columns to add.
    """
    half_range = max(float(np.ptp(energies_ev)) / 2, 1e-9)
    centred = (energies_ev - (energies_ev.max() + energies_ev.min()) / 2) / half_range
    columns = [*at_energies.T, *[centred**power for power in range(background)]]
    matrix = np.stack(columns, axis=1).astype(np.float64)
    scale = np.abs(matrix).max(axis=0)
    scale[scale == 0] = 1.0
    return Design(
        np.ascontiguousarray(matrix / scale), scale, np.ascontiguousarray(lithium, dtype=np.float64)
    )


def fit(od: FloatArray, variance: FloatArray, design: Design) -> Fit:
    """Fit every pixel.

    Parameters
    ----------
    od
        Optical density, shape (energy, pixel); NaN where unknown.
    variance
        Its variance, same shape; an energy with a variance that is not positive and finite
        is not used.
    design
        The model for these energies.

    Raises
    ------
    ValueError
        The shapes do not agree.
    """
    energies, columns = design.matrix.shape
    if od.ndim != 2 or od.shape[0] != energies or od.shape != variance.shape:
        msg = (
            f"od {od.shape} and variance {variance.shape} must both have shape ({energies}, pixels): "
            "one row for each energy of the design"
        )
        raise ValueError(msg)
    pixels = od.shape[1]
    phases = design.phases
    result = Fit(
        lithium=np.full(pixels, np.nan),
        lithium_error=np.full(pixels, np.nan),
        fraction=np.full((phases, pixels), np.nan),
        fraction_error=np.full((phases, pixels), np.nan),
        thickness=np.full(pixels, np.nan),
        thickness_error=np.full(pixels, np.nan),
        background=np.full((columns - phases, pixels), np.nan),
        chi2=np.full(pixels, np.nan),
        r_factor=np.full(pixels, np.nan),
        energies_used=np.zeros(pixels, dtype=np.uint16),
        is_solved=np.zeros(pixels, dtype=np.bool_),
    )
    _fit_pixels(
        np.ascontiguousarray(od, dtype=np.float64),
        np.ascontiguousarray(variance, dtype=np.float64),
        design.matrix,
        design.scale,
        design.lithium,
        result.lithium,
        result.lithium_error,
        result.fraction,
        result.fraction_error,
        result.thickness,
        result.thickness_error,
        result.background,
        result.chi2,
        result.r_factor,
        result.energies_used,
        result.is_solved,
    )
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fit_pixels(
    od, variance, matrix, scale, lithium,
    out_x, out_x_error, out_fraction, out_fraction_error, out_thickness, out_thickness_error,
    out_background, out_chi2, out_r, out_used, out_solved,
):  # fmt: skip
    energies, pixels = od.shape
    columns = matrix.shape[1]
    phases = lithium.size
    weight = np.empty(energies)
    normal = np.empty((columns, columns))
    right = np.empty(columns)
    size = np.empty(columns)
    amount = np.empty(columns)
    active = np.empty(columns, dtype=np.bool_)
    covariance = np.empty((columns, columns))
    work = _workspace(columns)
    for p in range(pixels):
        used = 0
        for e in range(energies):
            good = np.isfinite(od[e, p]) and variance[e, p] > 0.0 and np.isfinite(variance[e, p])
            weight[e] = 1.0 / variance[e, p] if good else 0.0
            used += good
        out_used[p] = used
        if used < columns:
            continue
        _normal_equations(od, weight, matrix, p, normal, right, size)
        if not _solve_nonnegative(normal, right, phases, amount, active, work):
            continue
        # Over all columns: a phase at its bound is not known to be absent, only not to be negative.
        everything = np.ones(columns, dtype=np.bool_)
        if not _invert_active(normal, everything, covariance, work):
            continue
        for k in range(columns):
            amount[k] /= size[k] * scale[k]
            for m in range(columns):
                covariance[k, m] /= size[k] * scale[k] * size[m] * scale[m]
        out_solved[p] = True
        _judge(od, weight, matrix, scale, p, amount, active, used, out_chi2, out_r)
        for k in range(phases, columns):
            out_background[k - phases, p] = amount[k]
        _propagate(
            amount, covariance, lithium, p,
            out_x, out_x_error, out_fraction, out_fraction_error, out_thickness, out_thickness_error,
        )  # fmt: skip


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _workspace(columns):
    return np.empty((columns, columns)), np.empty(columns), np.empty(columns, dtype=np.int64)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _normal_equations(od, weight, matrix, p, normal, right, size):
    """Fill AᵀWA at unit diagonal, AᵀWy scaled alike, and the scaling."""
    energies, columns = matrix.shape
    for k in range(columns):
        right[k] = 0.0
        for m in range(k + 1):
            normal[k, m] = 0.0
    for e in range(energies):
        if weight[e] == 0.0:
            continue
        for k in range(columns):
            weighted = weight[e] * matrix[e, k]
            right[k] += weighted * od[e, p]
            for m in range(k + 1):
                normal[k, m] += weighted * matrix[e, m]
    for k in range(columns):
        size[k] = np.sqrt(normal[k, k]) if normal[k, k] > 0.0 else 1.0
    for k in range(columns):
        right[k] /= size[k]
        for m in range(k + 1):
            normal[k, m] /= size[k] * size[m]
            normal[m, k] = normal[k, m]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _solve_nonnegative(normal, right, phases, amount, active, work):
    """Lawson and Hanson's active set; returns False if the columns cannot be told apart."""
    columns = right.size
    factor, trial, index = work
    largest = 0.0
    for k in range(columns):
        active[k] = k >= phases
        amount[k] = 0.0
        largest = max(largest, abs(right[k]))
    # The gradient of a unit-diagonal problem carries rounding of this size.
    tolerance = 1e-13 * columns * largest
    if phases < columns and not _solve_active(normal, right, active, amount, factor, index):
        return False
    for _ in range(10 * columns):
        best = -1
        steepest = tolerance
        for k in range(phases):
            if not active[k]:
                gradient = right[k]
                for m in range(columns):
                    gradient -= normal[k, m] * amount[m]
                if gradient > steepest:
                    steepest = gradient
                    best = k
        if best < 0:
            return True
        active[best] = True
        while True:
            if not _solve_active(normal, right, active, trial, factor, index):
                return False
            step = 1.0
            for k in range(phases):
                if active[k] and trial[k] <= 0.0:
                    step = min(step, amount[k] / (amount[k] - trial[k]) if amount[k] > 0.0 else 0.0)
            if step == 1.0:
                for k in range(columns):
                    amount[k] = trial[k]
                break
            for k in range(columns):
                amount[k] += step * (trial[k] - amount[k])
            for k in range(phases):
                if active[k] and trial[k] <= 0.0 and amount[k] <= 1e-15 * largest:
                    active[k] = False
                    amount[k] = 0.0
            if not active[best]:
                # Rounding alone asked for this column; without it the point is optimal.
                return True
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _solve_active(normal, right, active, solution, factor, index):
    """Solve the normal equations over the active columns; inactive ones get zero."""
    count = _factorise(normal, active, factor, index)
    if count < 0:
        return False
    for k in range(right.size):
        solution[k] = 0.0
    for i in range(count):
        value = right[index[i]]
        for j in range(i):
            value -= factor[i, j] * solution[index[j]]
        solution[index[i]] = value / factor[i, i]
    for i in range(count - 1, -1, -1):
        value = solution[index[i]]
        for j in range(i + 1, count):
            value -= factor[j, i] * solution[index[j]]
        solution[index[i]] = value / factor[i, i]
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _factorise(normal, active, factor, index):
    """Cholesky over the active columns; returns their number, or -1 if they are dependent."""
    count = 0
    for k in range(active.size):
        if active[k]:
            index[count] = k
            count += 1
    for i in range(count):
        for j in range(i + 1):
            value = normal[index[i], index[j]]
            for m in range(j):
                value -= factor[i, m] * factor[j, m]
            if i == j:
                if value < _PIVOT_FLOOR:
                    return -1
                factor[i, i] = np.sqrt(value)
            else:
                factor[i, j] = value / factor[j, j]
    return count


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _invert_active(normal, active, covariance, work):
    """Inverse of the normal matrix over the active columns; zero elsewhere."""
    factor, column, index = work
    count = _factorise(normal, active, factor, index)
    if count < 0:
        return False
    covariance[:, :] = 0.0
    for c in range(count):
        for i in range(count):
            value = 1.0 if i == c else 0.0
            for j in range(i):
                value -= factor[i, j] * column[j]
            column[i] = value / factor[i, i]
        for i in range(count - 1, -1, -1):
            value = column[i]
            for j in range(i + 1, count):
                value -= factor[j, i] * column[j]
            column[i] = value / factor[i, i]
            covariance[index[i], index[c]] = column[i]
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _judge(od, weight, matrix, scale, p, amount, active, used, out_chi2, out_r):
    """χ² per degree of freedom and R-factor, from the residuals themselves."""
    chi2 = 0.0
    residual2 = 0.0
    measured2 = 0.0
    for e in range(weight.size):
        if weight[e] == 0.0:
            continue
        residual = od[e, p]
        for k in range(amount.size):
            residual -= matrix[e, k] * scale[k] * amount[k]
        chi2 += weight[e] * residual * residual
        residual2 += residual * residual
        measured2 += od[e, p] * od[e, p]
    freedom = used
    for k in range(active.size):
        freedom -= active[k]
    if freedom > 0:
        out_chi2[p] = chi2 / freedom
    if measured2 > 0.0:
        out_r[p] = residual2 / measured2


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _propagate(
    amount, covariance, lithium, p,
    out_x, out_x_error, out_fraction, out_fraction_error, out_thickness, out_thickness_error,
):  # fmt: skip
    """x, fractions and thickness with their first-order errors: var(g) = ∇gᵀ C ∇g."""
    phases = lithium.size
    total = 0.0
    host_lithium = 0.0
    for s in range(phases):
        total += amount[s]
        host_lithium += amount[s] * lithium[s]
    thickness_variance = 0.0
    for s in range(phases):
        for r in range(phases):
            thickness_variance += covariance[s, r]
    out_thickness[p] = total
    out_thickness_error[p] = np.sqrt(thickness_variance)
    if total <= 0.0:
        return
    x = host_lithium / total
    x_variance = 0.0
    for s in range(phases):
        for r in range(phases):
            x_variance += (lithium[s] - x) * covariance[s, r] * (lithium[r] - x)
    out_x[p] = x
    out_x_error[p] = np.sqrt(max(x_variance, 0.0)) / total
    for f in range(phases):
        share = amount[f] / total
        # ∂f_f/∂t_s = (δ_fs - f_f) / Σt, so the variance needs one row and two sums of C.
        row = 0.0
        for s in range(phases):
            row += covariance[f, s]
        variance = covariance[f, f] - 2.0 * share * row + share * share * thickness_variance
        out_fraction[f, p] = share
        out_fraction_error[f, p] = np.sqrt(max(variance, 0.0)) / total
