"""The compiled fit: blocks of pixels in lock-step through the programs of `pixel`.

Per block: read it, sum the normal equations over the energies, find each pixel's set of columns,
solve once on that set, say what follows. Pixels whose set is found drop out of the search and the
rest move together. The last solution starts afresh from the set alone, so that the way to a set
leaves no trace in the bits.
"""

# Numba infers the types of the functions below, and takes arrays one by one, not dataclasses.
# ruff: noqa: ANN001, ANN202, ANN401, PLR0912, PLR0913, PLR0915, PLR0917
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from operando.core import lanes, pixel
from operando.core import shape as shapes
from operando.core.lanes import BLOCK, compiled
from operando.core.shape import Shape

__all__ = ["kernel_for"]

_accumulate = compiled(pixel.accumulate, "gram right norm", "gram right norm")
_normalise = compiled(pixel.normalise, "gram right norm total", "scale norm normal inside")
_survey = compiled(pixel.survey, "normal inside scale", "inside verdict covariance")
_propose = compiled(pixel.propose, "normal inside", "inside verdict")
_solution = compiled(pixel.solution, "normal inside scale norm", "amount inverse")
_add_slope = compiled(pixel.add_slope, "amount slope", "slope")
_correct = compiled(pixel.correct, "inverse slope amount", "amount")
_judge = compiled(pixel.judge, "amount sums", "sums")
_answer = compiled(pixel.answer, "energies is_solved inside amount covariance sums", "answer")


def _sources() -> str:
    """Return a hash of what the compiled code is made of; numba's cache looks at this file only."""
    files = [Path(module.__file__ or "") for module in (lanes, pixel, shapes)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@cache
def kernel_for(code: int) -> Any:
    """Return the compiled function for a `Shape.code`.

    It is called as `kernel(od, variance, total, start, matrix, lithium, thresholds, first, last,
    values, active, energies_used, is_solved, is_doubtful)`: for the pixels from `first` to before
    `last` it reads `od` and `variance`, both (energy, pixel), `total` and `start`, both (pixel,) or
    None, and fills the last five, which are (row, pixel) in the order of `pixel.answer`, then
    (pixel,). `thresholds` are: largest slope taken as zero, smallest pivot, and the pivot and
    nearest change times pivot below which a pixel is doubtful.
    """
    shape = Shape.of(code)
    sources = _sources()
    rows_needed, columns, phases, has_total = shape.rows, shape.columns, shape.phases, shape.has_total
    sums_end = shape.groups["sums"].stop
    energies_row = shape.groups["energies"].start
    total_row = shape.groups["total"].start
    normal_row = shape.groups["normal"].start
    inside_row = shape.groups["inside"].start
    verdict_row = shape.groups["verdict"].start
    solved_row = shape.groups["is_solved"].start
    answer_row = shape.groups["answer"].start
    answers = len(shape.groups["answer"])
    exchanges = 2 * columns
    """Rounds of exchanging all wrong columns, which nearly always ends within four; it can cycle,
    and then all sets are gone through in order."""

    @numba.njit(cache=True, nogil=True, error_model="numpy")
    def kernel(
        od, variance, total, start, matrix, lithium, thresholds, first, last,
        values, active, energies_used, is_solved, is_doubtful,
    ):  # fmt: skip
        _ = sources
        energies = od.shape[0]
        rows = np.zeros((rows_needed, BLOCK), dtype=od.dtype)
        search = np.zeros((rows_needed, BLOCK), dtype=od.dtype)
        measured = np.zeros((energies, 2, BLOCK), dtype=od.dtype)
        lane_of = np.zeros(BLOCK, dtype=np.int64)
        for begin in range(first, last, BLOCK):
            pixels = min(BLOCK, last - begin)
            _read(od, variance, begin, pixels, measured, rows[energies_row])
            rows[:sums_end] = 0.0
            if total is not None:
                rows[total_row, :pixels] = total[begin : begin + pixels]

            for e in range(energies):
                _accumulate(code, matrix[e], measured[e], rows, BLOCK)
            _normalise(code, matrix[0], measured[0], rows, BLOCK)

            _survey(code, thresholds, measured[0], rows, BLOCK)
            open_pixels = 0
            for lane in range(pixels):
                is_enough = rows[energies_row, lane] + has_total >= columns
                pivot = rows[verdict_row + 2, lane]
                is_distinct = is_enough and pivot > thresholds[1]
                is_found = is_distinct and rows[verdict_row, lane] == 0.0
                rows[solved_row, lane] = is_found
                is_doubtful[begin + lane] = is_enough and _is_doubtful(
                    is_found, rows[verdict_row + 1, lane], pivot, thresholds
                )
                if is_distinct and not is_found:
                    lane_of[open_pixels] = lane
                    open_pixels += 1
                    if start is not None:
                        _set_inside(rows, inside_row, phases, lane, start[begin + lane])

            for turn in range(exchanges + 2**phases):
                if open_pixels == 0:
                    break
                _gather(rows, search, normal_row, verdict_row, lane_of, open_pixels)
                _propose(code, thresholds, measured[0], search, open_pixels)
                still_open = 0
                for i in range(open_pixels):
                    lane = lane_of[i]
                    for k in range(phases):
                        rows[inside_row + k, lane] = search[inside_row + k, i]
                    if search[verdict_row, i] == 0.0:
                        rows[solved_row, lane] = 1.0
                        is_doubtful[begin + lane] = _is_doubtful(
                            True, search[verdict_row + 1, i], rows[verdict_row + 2, lane], thresholds
                        )
                    else:
                        lane_of[still_open] = lane
                        still_open += 1
                        if turn >= exchanges - 1:
                            _set_inside(rows, inside_row, phases, lane, turn - exchanges + 1)
                open_pixels = still_open

            _solution(code, matrix[0], measured[0], rows, BLOCK)
            for e in range(energies):
                _add_slope(code, matrix[e], measured[e], rows, BLOCK)
            _correct(code, matrix[0], measured[0], rows, BLOCK)
            for e in range(energies):
                _judge(code, matrix[e], measured[e], rows, BLOCK)
            _answer(code, lithium, measured[0], rows, BLOCK)

            for lane in range(pixels):
                energies_used[begin + lane] = np.uint16(rows[energies_row, lane])
                is_solved[begin + lane] = rows[solved_row, lane] > 0.0
                active[begin + lane] = np.uint16(rows[answer_row + 6, lane])
            for i in range(answers):
                for lane in range(pixels):
                    values[i, begin + lane] = rows[answer_row + i, lane]

    return kernel


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _read(od, variance, begin, pixels, measured, energies):
    """Take a block's optical density and weight, both zero where either is not usable."""
    for lane in range(BLOCK):
        energies[lane] = 0.0
    for e in range(od.shape[0]):
        for lane in range(pixels):
            y = od[e, begin + lane]
            v = variance[e, begin + lane]
            is_usable = (abs(y) < np.inf) & (v > 0.0) & (v < np.inf)
            measured[e, 0, lane] = y if is_usable else od.dtype.type(0.0)
            measured[e, 1, lane] = od.dtype.type(1.0) / v if is_usable else od.dtype.type(0.0)
            energies[lane] += is_usable


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _gather(rows, search, begin, end, lane_of, pixels):
    """Move the open pixels next to each other."""
    for row in range(begin, end):
        for i in range(pixels):
            search[row, i] = rows[row, lane_of[i]]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _set_inside(rows, inside_row, phases, lane, code):
    """Put the set with this code, a sum of 2^phase, in place."""
    for k in range(phases):
        rows[inside_row + k, lane] = (code >> k) & 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _is_doubtful(is_found, nearest, pivot, thresholds):
    return not (is_found and pivot > thresholds[2] and nearest * pivot > thresholds[3])
