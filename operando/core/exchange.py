"""Finding a good set of energies and the dwell of each.

Sets are improved by exchange: each energy in turn is replaced by the best candidate that keeps its
distance from the others, until nothing improves (Fedorov, Theory of Optimal Experiments, 1972;
Atkinson, Donev and Tobias, Optimum Experimental Designs, with SAS, 2007, ch. 12). All candidates of one
place are computed together.
"""

# Numba infers the types of the kernel below, and takes arrays one by one, not dataclasses.
# ruff: noqa: ANN001, ANN202, PLR0912, PLR0913, PLR0917
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from operando.core.prediction import RIDGE, Problem, value_and_slope
from operando.errors import ConfigurationError
from operando.types import FloatArray

__all__ = ["Plan", "Rules", "best_plan", "mean_squares", "share_dwell"]

_SWEEPS = 30
_SHARE_STEPS = 60
_IMPROVEMENT = 1e-6
_POLISHED = 4
"""How many of the best sets at equal dwell get their dwells shared out and are exchanged again."""

_COARSE = 100
"""Starts are exchanged among this many candidates to twice as many; only the best sets among all."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Some candidates and their dwell.

    Attributes
    ----------
    index
        Into the candidates, ascending, shape (energy,).
    share
        Share of the total dwell, shape (energy,).
    value
        The criterion: mean square error of x.
    """

    index: NDArray[np.intp]
    share: FloatArray
    value: float


@dataclass(frozen=True, slots=True)
class Rules:
    """What a set must keep to: fixed candidates, least distance in eV, least share of the mean dwell."""

    fixed: NDArray[np.intp]
    separation_ev: float
    least_dwell: float


def best_plan(
    problem: Problem,
    count: int,
    rules: Rules,
    starts: tuple[NDArray[np.intp], ...],
    rng: np.random.Generator,
    restarts: int,
) -> Plan:
    """Return the best plan that exchange finds from the given starts and some random ones.

    Parameters
    ----------
    problem
        The question at all candidates.
    count
        Number of energies.
    rules
        What every set must keep to.
    starts
        Sets to begin with; each is completed or cut to `count` and to the rules.
    rng
        Source of the random starts.
    restarts
        How many of these.

    Raises
    ------
    ConfigurationError
        The candidates have no room for so many energies at their distance.
    """
    found: dict[tuple[int, ...], float] = {}
    equal = np.full(count, 1 / count)
    coarse = np.arange(0, problem.energy_ev.size, max(problem.energy_ev.size // _COARSE, 1), dtype=np.intp)
    for number in range(len(starts) + restarts):
        start = starts[number] if number < len(starts) else np.array([], dtype=np.intp)
        places = _completed(problem, start, count, rules, rng)
        places, value = _exchange(problem, places, equal, rules, coarse)
        found[tuple(sorted(places.tolist()))] = value
    leaders = sorted(found, key=lambda key: found[key])[:_POLISHED]
    plans = [_polish(problem, np.array(leader, dtype=np.intp), rules) for leader in leaders]
    return min(plans, key=lambda plan: plan.value)


def mean_squares(problem: Problem, sets: NDArray[np.intp], share: FloatArray) -> FloatArray:
    """Return the criterion, the mean square error of x, of many sets of energies, shape (set,).

    Parameters
    ----------
    problem
        The question.
    sets
        Indices of candidates, shape (set, energy).
    share
        Dwell shares, shape (set, energy).
    """
    squares = np.empty((sets.shape[0], problem.active.shape[0]))
    _sum_squares(
        problem.columns, problem.active, problem.target, problem.noise, problem.blur, problem.shift,
        sets, share, squares,
    )  # fmt: skip
    return problem.mean(squares)


def share_dwell(
    problem: Problem, sets: NDArray[np.intp], least_dwell: float
) -> tuple[FloatArray, FloatArray]:
    """Return the dwell shares that make the criterion least for each set, and its value.

    A multiplicative algorithm: shares above the floor are multiplied by exp(-step × slope) and
    scaled to their sum, the step shrinking where it did not help. With counting noise alone the
    criterion is convex in the shares and this is its minimum; with other errors the weights of the
    fit follow the dwell, the criterion need not be convex, and it is a minimum near equal dwell.

    Parameters
    ----------
    problem
        The question.
    sets
        Indices of candidates, shape (set, energy).
    least_dwell
        Floor, in units of the mean dwell.

    Returns
    -------
    tuple
        Shares, shape (set, energy), and criterion, shape (set,).
    """
    count = sets.shape[1]
    free = np.full(sets.shape, 1 / count)
    floor = least_dwell / count
    scale = 1 - least_dwell
    step = np.ones(sets.shape[0])
    value, slope = value_and_slope(problem, sets, floor + scale * free)
    for _ in range(_SHARE_STEPS if scale > 0 else 0):
        push = slope * scale / value[:, None]
        push -= np.sum(free * push, axis=1, keepdims=True)
        # The clip keeps a share from vanishing in one step.
        trial = free * np.exp(np.clip(-step[:, None] * push, -3.0, 3.0))
        trial /= trial.sum(axis=1, keepdims=True)
        new_value, new_slope = value_and_slope(problem, sets, floor + scale * trial)
        better = new_value < value
        free = np.where(better[:, None], trial, free)
        slope = np.where(better[:, None], new_slope, slope)
        value = np.where(better, new_value, value)
        step = np.where(better, 1.3 * step, 0.4 * step)
        if not np.any(step > 1e-3):
            break
    return floor + scale * free, value


def _polish(problem: Problem, places: NDArray[np.intp], rules: Rules) -> Plan:
    """Share the dwell and exchange in turn until neither helps."""
    every = np.arange(problem.energy_ev.size, dtype=np.intp)
    places, _ = _exchange(problem, places, np.full(places.size, 1 / places.size), rules, every)
    shares, values = share_dwell(problem, places[None, :], rules.least_dwell)
    share, value = shares[0], float(values[0])
    for _ in range(_SWEEPS if rules.least_dwell < 1 else 0):
        moved, _ = _exchange(problem, places, share, rules, every)
        shares, values = share_dwell(problem, moved[None, :], rules.least_dwell)
        if values[0] >= value * (1 - _IMPROVEMENT):
            break
        places, share, value = moved, shares[0], float(values[0])
    order = np.argsort(places)
    return Plan(places[order], share[order], value)


def _exchange(
    problem: Problem, places: NDArray[np.intp], share: FloatArray, rules: Rules, among: NDArray[np.intp]
) -> tuple[NDArray[np.intp], float]:
    """Replace one energy at a time by the best of some candidates, keeping the dwell of its place."""
    places = places.copy()
    value = float(mean_squares(problem, places[None, :], share[None, :])[0])
    for _ in range(_SWEEPS):
        before = value
        for place in range(places.size):
            if places[place] in rules.fixed:
                continue
            allowed = _allowed(problem, np.delete(places, place), rules, among)
            if not allowed.size:
                continue
            trials = np.repeat(places[None, :], allowed.size, axis=0)
            trials[:, place] = allowed
            values = mean_squares(problem, trials, np.repeat(share[None, :], allowed.size, axis=0))
            best = int(np.argmin(values))
            if values[best] < value:
                places, value = trials[best], float(values[best])
        if value >= before * (1 - _IMPROVEMENT):
            break
    return places, value


def _allowed(
    problem: Problem, others: NDArray[np.intp], rules: Rules, among: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Those among some candidates that keep their distance from the others."""
    distance = np.abs(problem.energy_ev[among][:, None] - problem.energy_ev[others][None, :])
    # Half a milli-eV forgives the rounding of a grid.
    near = (distance < rules.separation_ev - 5e-4) | (distance == 0)
    return among[~near.any(axis=1)]


def _completed(
    problem: Problem, start: NDArray[np.intp], count: int, rules: Rules, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Take the fixed candidates, then those of the start that keep to the rules, then random ones."""
    every = np.arange(problem.energy_ev.size, dtype=np.intp)
    for _ in range(20):
        places = rules.fixed.copy()
        for candidate in start:
            if places.size < count and candidate in _allowed(problem, places, rules, every):
                places = np.append(places, candidate)
        while places.size < count:
            allowed = _allowed(problem, places, rules, every)
            if not allowed.size:
                break
            places = np.append(places, rng.choice(allowed))
        if places.size == count:
            return places
        start = np.array([], dtype=np.intp)
    msg = (
        f"{problem.energy_ev.size} candidate energies have no room for {count} energies "
        f"{rules.separation_ev:g} eV apart; allow a wider range, a smaller separation or fewer energies"
    )
    raise ConfigurationError(msg)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sum_squares(columns, active, target, noise, blur, shift, sets, share, out):
    """σ² of each set and case by Cholesky's method; the search calls this a million times."""
    count = sets.shape[1]
    most = columns.shape[1]
    index = np.empty(most, dtype=np.int64)
    size = np.empty(most)
    factor = np.empty((most, most))
    answer = np.empty(most)
    lever = np.empty(count)
    for case in range(active.shape[0]):
        used = 0
        for column in range(most):
            if active[case, column] > 0.0:
                index[used] = column
                used += 1
        for number in range(sets.shape[0]):
            for i in range(used):
                for j in range(i + 1):
                    total = 0.0
                    for e in range(count):
                        place = sets[number, e]
                        product = columns[place, index[i]] * columns[place, index[j]]
                        total += product * share[number, e] / noise[case, place]
                    factor[i, j] = total
            for i in range(used):
                size[i] = np.sqrt(factor[i, i]) if factor[i, i] > 0.0 else 1.0
                for j in range(i + 1):
                    factor[i, j] /= size[i] * size[j]
                factor[i, i] = 1.0 + RIDGE
                for j in range(i + 1):
                    total = factor[i, j]
                    for m in range(j):
                        total -= factor[i, m] * factor[j, m]
                    # Rounding can push the pivot of dependent columns below the ridge.
                    factor[i, j] = np.sqrt(max(total, RIDGE)) if i == j else total / factor[j, j]
                total = target[case, index[i]] / size[i]
                for m in range(i):
                    total -= factor[i, m] * answer[m]
                answer[i] = total / factor[i, i]
            for i in range(used - 1, -1, -1):
                for m in range(i + 1, used):
                    answer[i] -= factor[m, i] * answer[m]
                answer[i] /= factor[i, i]
            # cᵀM⁻¹c, not KᵀVK: where columns cannot be told apart the ridge lets K vanish, but not this.
            square = 0.0
            for i in range(used):
                square += answer[i] * target[case, index[i]] / size[i]
            for e in range(count):
                place = sets[number, e]
                reach = 0.0
                for i in range(used):
                    reach += columns[place, index[i]] * answer[i] / size[i]
                lever[e] = reach * share[number, e] / noise[case, place]
                square += lever[e] * lever[e] * blur[case, place]
            for node in range(shift.shape[0]):
                total = 0.0
                for e in range(count):
                    total += lever[e] * shift[node, case, sets[number, e]]
                square += total * total
            out[number, case] = square
