"""What older cycles still say, brought to the time of the newest, as a few more rows of the fit.

While a cycle is measured, and from one to the next, lithium moves and the host stays. So the phase
amounts of a pixel have directions that are still (the sum over the phases, the background) and
directions that move. An older cycle is condensed into one number per direction. How far a moving
one went since, and how fast it goes now, is pooled over the neighbours, because a front is wider
than a pixel; what the neighbours do not explain, beyond noise, becomes variance (process noise in the
language of Kalman, J. Basic Eng. 82 (1960) 35, doi:10.1115/1.3662552, measured here rather than
guessed). Where nothing moves the older cycles count in full; where a front passes only their host
does. `docs/decisions/0012-time.md` compares it with other ways.

Sums run in a fixed order over a fixed neighbourhood, so that the bits of a pixel depend on nothing
further off than `REACH` pixels, and on no order of arrival.
"""

# Numba infers the types of the kernels below, and takes arrays one by one, not dataclasses.
# ruff: noqa: ANN001, ANN202, PLR0913, PLR0917
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from operando.core.fit import Design
from operando.types import FloatArray

__all__ = ["REACH", "Directions", "Evidence", "Images", "brought_to_now", "directions_of"]

_MEAN_REACH = 1
"""Displacement and rate are means over 3 × 3 pixels: a front seen at 60 nm is that wide."""

_POWER_REACH = 2
"""How much moves is a mean over 5 × 5 pixels: a variance needs more of them than a mean."""

REACH = max(_MEAN_REACH, _POWER_REACH)
"""How far off, in pixels, others can matter to a pixel."""

_OWN_WAY = 0.25
"""Share of the local power of displacement that a pixel may have against its neighbours' mean,
even where none is measured: the square of 0.5, at which coverage in motion equals that at rest."""

_WORST_CONDITION = 1e4
"""Columns that are more alike than this are not told apart by an older cycle either."""


@dataclass(frozen=True, slots=True)
class Images:
    """One image per energy.

    Attributes
    ----------
    od, variance
        Shape (energy, ny, nx); NaN where unknown.
    row_time_s
        Shape (energy, ny).
    """

    od: FloatArray
    variance: FloatArray
    row_time_s: FloatArray


@dataclass(frozen=True, slots=True)
class Directions:
    """The phase amounts in other coordinates: first those that are still, then those that move.

    At equal variance of all energies the coordinates of a fitted pixel are independent, each with
    that same variance, and the lithium's motion in them is independent too.

    Attributes
    ----------
    matrix
        Coordinates from the columns of the design, shape (direction, column).
    projection
        Coordinates from optical densities by least squares, shape (direction, energy).
    spectra
        Optical densities from coordinates, shape (energy, direction).
    still
        How many directions are still: the host, and each background column.
    """

    matrix: FloatArray
    projection: FloatArray
    spectra: FloatArray
    still: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the fit is to be given.

    Attributes
    ----------
    od, variance
        The newest images moved to one time, then one row per direction from older cycles, NaN where
        there are none; shape (energy + direction, ny, nx).
    design
        The model of these rows.
    """

    od: FloatArray
    variance: FloatArray
    design: Design


def directions_of(design: Design) -> Directions | None:
    """Return the coordinates for a design, or None if its columns can hardly be told apart.

    The generalised eigenvectors of the covariance of a least-squares fit and of any motion that
    conserves Σt (Golub and Van Loan, Matrix Computations, section 8.7).
    """
    energies, columns = design.matrix.shape
    if energies < columns or np.linalg.cond(design.matrix) > _WORST_CONDITION:
        return None
    phases = design.phases
    motion = np.zeros((columns, columns))
    scale = design.scale[:phases]
    motion[:phases, :phases] = np.diag(scale**2) - np.outer(scale, scale) / phases
    root = np.linalg.cholesky(design.matrix.T @ design.matrix)
    _, vectors = np.linalg.eigh(root.T @ motion @ root)
    matrix = vectors.T @ root.T
    projection = np.linalg.solve(root, design.matrix.T)
    return Directions(
        matrix=np.ascontiguousarray(matrix, np.float64),
        projection=np.ascontiguousarray(vectors.T @ projection, np.float64),
        spectra=np.ascontiguousarray(projection.T @ vectors, np.float64),
        still=columns - phases + 1,
    )


def brought_to_now(
    newest: Images, older: Sequence[Images], directions: Directions, design: Design, time_s: float
) -> Evidence:
    """Return the newest images and what older ones say, all as of one time.

    Parameters
    ----------
    newest
        The newest image of every energy.
    older
        The second newest, the third newest, … A pixel that lacks an energy in one of them has no
        history in it.
    directions
        Of `design`.
    design
        The model of the newest images.
    time_s
        The time that the result speaks for.
    """
    energies, ny, nx = newest.od.shape
    offset_s = newest.row_time_s - time_s
    count = len(directions.matrix)
    shape = (count, ny, nx)
    place, noise = _condensed(newest, directions)
    weighted, weight = np.zeros(shape), np.zeros(shape)
    rate = np.zeros((count - directions.still, ny, nx))
    rate_variance = np.zeros_like(rate)
    for age, past in enumerate(older):
        past_place, past_noise = _condensed(past, directions)
        step, power, known = np.empty(shape), np.empty(shape), np.empty((1, ny, nx))
        _compare(place, noise, past_place, past_noise, step, power, known[0])
        power = _mean(power, known, _POWER_REACH)
        mean = _mean(step[directions.still :], known, _MEAN_REACH)
        span_s = (newest.row_time_s - past.row_time_s).mean(axis=0)
        if age == 0:
            slope, slope_noise = _slopes(newest, past_place, past_noise, directions)
            slope = _mean(np.where(known > 0.0, slope, 0.0), known, _MEAN_REACH)
            _estimate_rate(
                mean, power, noise, past_noise, slope, slope_noise, span_s, rate, rate_variance
            )  # fmt: skip
        _move(known[0], mean, power, noise, past_place, past_noise, span_s, weighted, weight)
    skew = np.einsum(
        "ke,ej,er->kjr", directions.projection, directions.spectra[:, directions.still :], offset_s
    )
    od, variance = np.empty((energies + count, ny, nx)), np.empty((energies + count, ny, nx))
    moving = np.ascontiguousarray(directions.spectra[:, directions.still :])
    _settle(
        newest.od, newest.variance, offset_s, moving, np.ascontiguousarray(skew),
        rate, rate_variance, weighted, weight, od, variance,
    )  # fmt: skip
    matrix = np.ascontiguousarray(np.concatenate([design.matrix, directions.matrix]))
    return Evidence(od, variance, Design(matrix, design.scale, design.lithium))


def _condensed(images: Images, directions: Directions) -> tuple[FloatArray, FloatArray]:
    """Return the coordinates of every pixel by least squares, and their variances."""
    shape = (len(directions.matrix), *images.od.shape[1:])
    place, noise = np.zeros(shape), np.zeros(shape)
    _condense(images.od, images.variance, directions.projection, place, noise)
    return place, noise


def _slopes(
    newest: Images, still_place: FloatArray, still_noise: FloatArray, directions: Directions
) -> tuple[FloatArray, FloatArray]:
    """Return the rates that the newest images show by themselves, and their variances.

    Images taken one after the other of something that moves do not fit the references; given
    enough energies, and the host's amount from before, that tells how it moves. Only the times between
    the energies of a row matter, so that rows with nearly the same share an operator.
    """
    still, count = directions.still, len(directions.matrix)
    lag, unit_s = _lags(newest.row_time_s)
    shape = (count - still, *newest.od.shape[1:])
    rate, variance = np.zeros(shape), np.full(shape, np.inf)
    images = np.concatenate([newest.od - 0.5 * newest.variance, still_place[:still]])
    noise = np.concatenate([newest.variance, still_noise[:still]])
    patterns, pattern_of_row = np.unique(lag, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        operator = _rate_operator(directions, pattern)
        if operator is not None:
            rows = pattern_of_row == number
            per_unit_s = unit_s[rows, np.newaxis]
            rate[:, rows] = _combined(images[:, rows], operator) / per_unit_s
            variance[:, rows] = _combined(noise[:, rows], operator**2) / per_unit_s**2
    return rate, variance


def _lags(row_time_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how far each energy of a row is from the row's mean time, in units of the furthest, and these.

    Shapes (energy, ny) and (ny,). Rounded to 1/256, which a rate that is an estimate does not notice.
    """
    known = ~np.isnan(row_time_s)
    mean_s = np.where(known, row_time_s, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    lag_s = np.where(known, row_time_s - mean_s, 0.0)
    unit_s = np.maximum(np.abs(lag_s).max(axis=0), 1e-9)
    return np.round(lag_s / unit_s * 256) / 256, unit_s


def _rate_operator(directions: Directions, lag: FloatArray) -> FloatArray | None:
    """Return rates from images and still places by least squares; None if they cannot be told."""
    still, count = directions.still, len(directions.matrix)
    moving = directions.spectra[:, still:]
    model = np.block(
        [
            [directions.spectra, moving * lag[:, np.newaxis]],
            [np.eye(still, count), np.zeros((still, count - still))],
        ]
    )
    if model.shape[0] < model.shape[1] or np.linalg.cond(model) > _WORST_CONDITION:
        return None
    return np.ascontiguousarray(np.linalg.pinv(model)[count:], np.float64)


def _mean(values: FloatArray, known: FloatArray, reach: int) -> FloatArray:
    """Return means over squares of 2 reach + 1 pixels, of what is known there; `values` is 0 elsewhere."""
    return _summed(values, reach) / np.maximum(_summed(known, reach), 1.0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _combined(values, weights):
    """Weighted sums over the first axis, in its order."""
    outputs, inputs = weights.shape
    _, ny, nx = values.shape
    result = np.zeros((outputs, ny, nx))
    for y in range(ny):
        for e in range(inputs):
            for k in range(outputs):
                weight = weights[k, e]
                for x in range(nx):
                    result[k, y, x] += weight * values[e, y, x]
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _condense(od, variance, projection, place, noise):
    """Fill in weighted sums over the energies, in their order, of logarithms freed of their bias.

    Here it is that of the logarithm alone, var/2: the weights do not come from the counts.
    """
    count, ny, nx = place.shape
    for y in range(ny):
        for e in range(len(od)):
            for k in range(count):
                share = projection[k, e]
                for x in range(nx):
                    place[k, y, x] += share * (od[e, y, x] - 0.5 * variance[e, y, x])
                    noise[k, y, x] += share * share * variance[e, y, x]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _compare(place, noise, past_place, past_noise, step, power, known):
    """Fill in the displacement, its square beyond noise (0 where unknown), and where it is known."""
    count, ny, nx = place.shape
    for y in range(ny):
        for x in range(nx):
            known[y, x] = 1.0
        for k in range(count):
            for x in range(nx):
                difference = place[k, y, x] - past_place[k, y, x]
                beyond = difference * difference - noise[k, y, x] - past_noise[k, y, x]
                if not np.isfinite(beyond):
                    known[y, x] = 0.0
                step[k, y, x] = difference
                power[k, y, x] = beyond
        for k in range(count):
            for x in range(nx):
                if known[y, x] == 0.0:
                    step[k, y, x] = 0.0
                    power[k, y, x] = 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _summed(values, reach):
    """Return sums over squares of 2 reach + 1 pixels."""
    fields, ny, nx = values.shape
    result = np.zeros_like(values)
    total = np.empty(nx)
    for f in range(fields):
        for y in range(ny):
            total[:] = 0.0
            for row in range(max(y - reach, 0), min(y + reach + 1, ny)):
                for x in range(nx):
                    total[x] += values[f, row, x]
            for shift in range(-reach, reach + 1):
                for x in range(max(-shift, 0), min(nx, nx - shift)):
                    result[f, y, x] += total[x + shift]
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _share_of_signal(power, variance):
    """Wiener's weight of a pooled mean against the guess that nothing moved."""
    pool = (2 * _MEAN_REACH + 1) ** 2
    return power / (power + variance / pool) if power > 0.0 else 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _common_power(power, mean, variance):
    """Power of displacement: what single pixels show beyond noise, or their mean beyond its noise."""
    pool = (2 * _MEAN_REACH + 1) ** 2
    return max(power, mean * mean - variance / pool, 0.0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _estimate_rate(
    mean, power, noise, past_noise, slope, slope_noise, span_s, rate, rate_variance
):  # fmt: skip
    """Fill in the rate now: that since the cycle before, corrected by what this cycle shows."""
    moving, ny, nx = mean.shape
    still = power.shape[0] - moving
    for y in range(ny):
        if not span_s[y] > 0.0:
            continue
        for j in range(moving):
            k = still + j
            for x in range(nx):
                both = noise[k, y, x] + past_noise[k, y, x]
                if not np.isfinite(both):
                    continue
                here = _common_power(power[k, y, x], mean[j, y, x], both)
                since = _share_of_signal(here, both) * mean[j, y, x]
                since /= span_s[y]
                prior = here / (span_s[y] * span_s[y])
                gain = _share_of_signal(prior, slope_noise[j, y, x])
                rate[j, y, x] = since + gain * (slope[j, y, x] - since) if gain > 0.0 else since
                rate_variance[j, y, x] = prior * (1.0 - gain)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _move(known, mean, power, noise, past_place, past_noise, span_s, weighted, weight):
    """Add an older cycle, moved by its pooled displacement, to the weighted mean of the past."""
    count, ny, nx = past_place.shape
    still = count - mean.shape[0]
    for y in range(ny):
        if not span_s[y] > 0.0:
            continue
        for x in range(nx):
            if known[y, x] == 0.0:
                continue
            for k in range(count):
                here = max(power[k, y, x], 0.0)
                way = 0.0
                unexplained = here
                if k >= still:
                    both = noise[k, y, x] + past_noise[k, y, x]
                    pooled = mean[k - still, y, x]
                    here = _common_power(here, pooled, both)
                    share = _share_of_signal(here, both)
                    way = share * pooled
                    unexplained = max(here - share * (2.0 - share) * pooled * pooled, 0.0)
                variance = past_noise[k, y, x] + unexplained + _OWN_WAY * here
                weighted[k, y, x] += (past_place[k, y, x] + way) / variance
                weight[k, y, x] += 1.0 / variance


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _settle(
    newest, newest_variance, offset_s, moving, skew, rate, rate_variance, weighted, weight, od, variance
):  # fmt: skip
    """Fill in the rows of the fit: all moved at the rate now to the time that is asked for."""
    energies, ny, nx = newest.shape
    count = weight.shape[0]
    rates = rate.shape[0]
    for y in range(ny):
        for e in range(energies):
            for x in range(nx):
                od[e, y, x] = newest[e, y, x]
                variance[e, y, x] = newest_variance[e, y, x]
            for j in range(rates):
                lever = moving[e, j] * offset_s[e, y]
                for x in range(nx):
                    od[e, y, x] -= lever * rate[j, y, x]
                    variance[e, y, x] += lever * lever * rate_variance[j, y, x]
        for k in range(count):
            for x in range(nx):
                total = weight[k, y, x]
                od[energies + k, y, x] = weighted[k, y, x] / total if total > 0.0 else np.nan
                variance[energies + k, y, x] = 1.0 / total if total > 0.0 else np.nan
            for j in range(rates):
                for x in range(nx):
                    od[energies + k, y, x] -= skew[k, j, y] * rate[j, y, x]
