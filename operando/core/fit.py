"""The fit: per pixel, weighted, phase amounts non-negative, with the uncertainty of x.

Minimises Σ_e (y_e - Σ_k a_ek t_k)² / var_e over the energies e that a pixel has, with t_k ≥ 0
for the phases and background coefficients free of sign, and Σ t fixed where it is given.

Every pixel is computed on its own, in a fixed order of operations, so that the bits of the result
depend neither on which pixels are computed together nor on where the search began. `plain` says
the same in twenty lines; `kernel` runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeVar

from operando.core.pieces import Answer, Problem, Spread, in_double, replace_pixels, solve_pixels
from operando.core.shape import Shape
from operando.types import FloatArray

__all__ = ["MAX_PHASES", "Background", "Design", "Fit", "Real", "Spread", "design_of", "fit", "make_ready"]

Real = TypeVar("Real", np.float32, np.float64, default=np.float64)
"""The precision of a fit: float64 for records, float32 for pictures."""

MAX_PHASES = 10
"""All sets of so many phases can be gone through where nothing faster ends."""


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """What counts as zero in the unit-length problem.

    Attributes
    ----------
    slope
        Largest slope that rounding alone may give.
    pivot
        Smallest pivot of columns that can be told apart; its inverse bounds from below the
        squared condition number.
    trusted_pivot, trusted_margin, trusted_size
        At or below them a pixel is solved again in double precision from the standard start: its
        smallest pivot, its distance from another set times that pivot, its largest amount.
    """

    slope: float
    pivot: float
    trusted_pivot: float
    trusted_margin: float
    trusted_size: float

    def with_lithium(self, lithium: FloatArray, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the constants of a fit in the order of `pixel`."""
        limits = [self.slope, self.pivot, self.trusted_pivot, self.trusted_margin, self.trusted_size]
        return np.array([*limits, *lithium], dtype)


# Rounding errors are some units of the last place, 1e-16 and 6e-8, over the pivot.
_DOUBLE = _Thresholds(1e-12, 1e-10, -np.inf, -np.inf, 0.0)
_DOUBLE_FROM_START = _Thresholds(1e-12, 1e-10, 1e-10, 1e-11, 0.0)
_SINGLE = _Thresholds(1e-6, 1e-30, 1e-3, 2e-6, 0.02)


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
class Fit(Generic[Real]):
    """What the fit says per pixel; NaN where it says nothing.

    Attributes
    ----------
    lithium, lithium_error
        x = Σ t_s x_s / Σ t_s and its standard deviation, shape (pixel,).
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
    active
        Which phases are not held at zero, as a sum of 2^phase, shape (pixel,); a later fit of the
        same pixels can start from it.
    """

    lithium: NDArray[Real]
    lithium_error: NDArray[Real]
    fraction: NDArray[Real]
    fraction_error: NDArray[Real]
    thickness: NDArray[Real]
    thickness_error: NDArray[Real]
    background: NDArray[Real]
    chi2: NDArray[Real]
    r_factor: NDArray[Real]
    energies_used: NDArray[np.uint16]
    is_solved: NDArray[np.bool_]
    active: NDArray[np.uint16]


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


def fit(
    od: NDArray[Real],
    variance: NDArray[Real],
    design: Design,
    *,
    total: NDArray[Real] | None = None,
    start: NDArray[np.uint16] | None = None,
    spread: Spread = map,
) -> Fit[Real]:
    """Fit every pixel.

    Parameters
    ----------
    od
        Optical density, shape (energy, pixel); NaN where unknown. Its type, float32 or float64, is
        that of the result; anything else is taken as float64.
    variance
        Its variance, same shape; an energy with a variance that is not positive and finite
        is not used.
    design
        The model for these energies.
    total
        Σ t per pixel where it is known and not to be fitted (the host does not move, only lithium
        does), shape (pixel,). The errors are then those of the constrained problem. A total known
        with an uncertainty is better given as one more row of `od` and `design`.
    start
        `Fit.active` of an earlier fit of these pixels. It saves time, and changes no bit of the result.
    spread
        Runs a function over the pieces of the work; `ThreadPoolExecutor.map` of the caller makes use
        of several cores, since the compiled code does not hold the interpreter's lock.

    Raises
    ------
    ValueError
        The shapes do not agree, or there are more phases than `MAX_PHASES`.

    Notes
    -----
    Columns that cannot be told apart at a pixel's energies are refused, even if one of them would be
    held at zero: which one would be noise.

    In float32, amounts are within 1e-4 (on the recorded stack of the tests 1e-5) of the largest amount
    of the pixel, against the exact answer for the same numbers: t is corrected once by its own
    residual, and a pixel whose set is not clear in single precision, whose columns are nearly
    dependent or whose amounts nearly cancel is solved in double.
    """
    _check(od, variance, design, total, start)
    dtype = od.dtype if od.dtype == np.float32 else np.dtype(np.float64)
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite there, and not used
        given = Problem(
            np.ascontiguousarray(od, dtype),
            np.ascontiguousarray(variance, dtype),
            None if total is None else np.ascontiguousarray(total, dtype),
            None if start is None else np.ascontiguousarray(start, np.uint16),
        )
    wide = _DOUBLE if start is None else _DOUBLE_FROM_START
    thresholds = _SINGLE if dtype == np.float32 else wide
    answer = _solve(given, design, thresholds, spread)
    doubtful = np.flatnonzero(answer.is_doubtful)
    if doubtful.size:
        better = _solve(in_double(given, doubtful), design, _DOUBLE, spread)
        replace_pixels(answer, doubtful, better)
    return _fit_of(answer, design)


def make_ready(design: Design) -> None:
    """Compile what fits of this design need, or load it from numba's cache.

    Compiling takes seconds, once on a machine; a caller can say so before.
    """
    od = np.zeros((design.matrix.shape[0], 1))
    variance = np.ones_like(od)
    fit(od, variance, design)
    fit(od.astype(np.float32), variance.astype(np.float32), design)


def _check(
    od: NDArray[Any],
    variance: NDArray[Any],
    design: Design,
    total: NDArray[Any] | None,
    start: NDArray[np.uint16] | None,
) -> None:
    energies = design.matrix.shape[0]
    if od.ndim != 2 or od.shape[0] != energies or od.shape != variance.shape:
        msg = (
            f"od {od.shape} and variance {variance.shape} must both have shape ({energies}, pixels): "
            "one row for each energy of the design"
        )
        raise ValueError(msg)
    for name, values in (("total", total), ("start", start)):
        if values is not None and values.shape != od.shape[1:]:
            msg = f"{name} has shape {values.shape}; it must have one value for each of {od.shape[1]} pixels"
            raise ValueError(msg)
    if not 1 <= design.phases <= MAX_PHASES:
        msg = f"the design has {design.phases} phases; from 1 to {MAX_PHASES} can be fitted"
        raise ValueError(msg)


def _solve(given: Problem, design: Design, thresholds: _Thresholds, spread: Spread) -> Answer:
    columns = design.matrix.shape[1]
    shape = Shape(design.phases, columns - design.phases, int(given.total is not None))
    dtype = given.od.dtype
    matrix = np.ascontiguousarray(design.matrix * design.scale, dtype)
    return solve_pixels(given, shape, matrix, thresholds.with_lithium(design.lithium, dtype), spread)


def _fit_of(answer: Answer, design: Design) -> Fit[Any]:
    lithium, lithium_error, thickness, thickness_error, chi2, r_factor = answer.values[:6]
    fraction, fraction_error, background = np.split(answer.values[6:], [design.phases, 2 * design.phases])
    return Fit(
        lithium=lithium,
        lithium_error=lithium_error,
        fraction=fraction,
        fraction_error=fraction_error,
        thickness=thickness,
        thickness_error=thickness_error,
        background=background,
        chi2=chi2,
        r_factor=r_factor,
        energies_used=answer.energies_used,
        is_solved=answer.is_solved,
        active=answer.active,
    )
