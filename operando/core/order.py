"""The order of the energies in a cycle that a reaction going on meanwhile disturbs least."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from operando.core.exchange import Plan
from operando.core.prediction import Problem, lift
from operando.types import FloatArray

__all__ = ["best_order", "drift_error"]

_IMPROVEMENT = 1e-6
_STARTS = 20

_ALL_ORDERS = 7
"""Up to this many energies all orders are tried: 5,040."""

_NEARLY = 0.01
"""Orders whose drift error differs by less than this, of the change of x in a cycle, count as equal."""


def best_order(
    problem: Problem, plan: Plan, overhead: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], float]:
    """Return the order in a cycle that a steady drift of x disturbs least, and what it still does.

    Images are taken at times τ_e, the middle of their dwell, and x grows as r (τ - τ̄) about the mean
    time τ̄ of the images, which is the time a map speaks for. The fit then errs by
    r (Σ_e K_e (dOD_e/dx) τ_e - τ̄), and the order makes the root mean square of this over compositions
    and ways least. Among orders that are nearly as good the one wins in which the
    monochromator travels least.

    Parameters
    ----------
    problem, plan
        The energies and their dwell.
    overhead
        Time between images, in units of the mean dwell.
    rng
        Source of the first orders where there are too many to try them all.

    Returns
    -------
    tuple
        Positions in the plan in the order of acquisition, shape (energy,), and the error of x per
        change of x in a cycle.
    """
    count = plan.index.size
    if count <= _ALL_ORDERS:
        orders = np.array(list(permutations(range(count))), dtype=np.intp)
    else:
        orders = _swapped_orders(problem, plan, overhead, rng)
    errors = drift_error(problem, plan, orders, overhead)
    nearly = errors <= errors.min() + _NEARLY
    travel = np.abs(np.diff(problem.energy_ev[plan.index][orders[nearly]], axis=1)).sum(axis=1)
    winner = int(np.flatnonzero(nearly)[np.argmin(travel)])
    return orders[winner], float(errors[winner])


def drift_error(problem: Problem, plan: Plan, orders: NDArray[np.intp], overhead: float) -> FloatArray:
    """Return the error of x per change of x in a cycle, for some orders, shape (order,).

    Parameters
    ----------
    problem, plan
        The energies and their dwell.
    orders
        Positions in the plan in the order of acquisition, shape (order, energy).
    overhead
        Time between images, in units of the mean dwell.
    """
    length = plan.share[orders] + overhead / plan.index.size
    end = np.cumsum(length, axis=1)
    middle = (end - length / 2) / end[:, -1:]
    time = np.empty_like(middle)
    np.put_along_axis(time, orders, middle - middle.mean(axis=1, keepdims=True), axis=1)
    told = lift(problem, plan.index, plan.share)
    # NaN marks ways a composition does not move; the mean runs over the others.
    error2 = np.einsum("wce,oe->owc", told, time) ** 2
    weight = np.where(np.isnan(told[..., 0]), 0.0, problem.share.sum(axis=0))
    return np.sqrt(np.sum(np.nan_to_num(error2) * weight, axis=(1, 2)) / weight.sum())


def _swapped_orders(
    problem: Problem, plan: Plan, overhead: float, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Orders that no swap of two images improves, from ascending and from random ones."""
    count = plan.index.size
    found: list[NDArray[np.intp]] = [np.arange(count, dtype=np.intp)]
    first, second = np.triu_indices(count, 1)
    rows = np.arange(first.size)
    for start in [found[0], *[rng.permutation(count).astype(np.intp) for _ in range(_STARTS)]]:
        order = start
        error = float(drift_error(problem, plan, order[None, :], overhead)[0])
        while True:
            trials = np.repeat(order[None, :], first.size, axis=0)
            trials[rows, first], trials[rows, second] = order[second], order[first]
            errors = drift_error(problem, plan, trials, overhead)
            best = int(np.argmin(errors))
            if errors[best] >= error * (1 - _IMPROVEMENT):
                break
            order, error = trials[best], float(errors[best])
        found.append(order)
    return np.stack(found)
