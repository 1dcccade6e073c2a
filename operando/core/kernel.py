"""The compiled fit: blocks of pixels in lock-step through the programs of `pixel`.

Per block: read it, sum the normal equations over the energies, find each pixel's set of columns,
solve once on that set, say what follows. Pixels whose set is found drop out of the search and the
rest move together. The last solution starts afresh from the set alone, so that the way to a set
leaves no trace in the bits.
"""

# Numba infers the types of the functions below, and takes arrays one by one, not dataclasses.
# ruff: noqa: ANN001, ANN202, ANN401, PLR0913, PLR0917
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from operando.core import lanes, loops, pixel
from operando.core import shape as shapes
from operando.core.loops import BLOCK, compiled, move_block, repeated, summed
from operando.core.shape import Shape

__all__ = ["kernel_for"]

_accumulate = summed(pixel.accumulate, "", "gram right norm energies")
_normalise = compiled(pixel.normalise, "gram right norm total", "scale norm normal inside")
_survey = compiled(
    pixel.survey, "normal inside scale energies total", "inside is_open nearest pivot covariance"
)
_propose = repeated(pixel.propose, "normal inside pivot", "inside is_open nearest", "is_open")
_solution = compiled(pixel.solution, "normal inside scale norm", "amount inverse")
_add_slope = summed(pixel.add_slope, "amount", "slope")
_correct = compiled(pixel.correct, "inverse slope amount total", "amount")
_judge = summed(pixel.judge, "amount", "sums")
_answer = compiled(
    pixel.answer, "energies inside is_open nearest pivot scale norm amount covariance sums", "answer"
)


def _sources() -> str:
    """Return a hash of what the compiled code is made of; numba's cache looks at this file only."""
    files = [Path(module.__file__ or "") for module in (lanes, loops, pixel, shapes)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@cache
def kernel_for(code: int) -> Any:
    """Return the compiled function for a `Shape.code`.

    It is called as `kernel(od, variance, total, start, matrix, constants, first, last, values, energies_used,
    is_solved, is_doubtful, active)`: for the pixels from `first` to before `last` it reads `od` and
    `variance`, both (energy, pixel), `total` and `start`, both (pixel,) or None, and fills the last
    five, (row, pixel) and (pixel,), in the order of `pixel.answer`. `constants` are as in `pixel`.
    """
    shape = Shape.of(code)
    sources = _sources()
    rows_needed, phases = shape.rows, shape.phases
    total_row = shape.groups["total"].start
    inside_row, is_open_row = shape.groups["inside"].start, shape.groups["is_open"].start
    answer_row, answer_rows = shape.groups["answer"].start, len(shape.groups["answer"]) - 4
    exchanges = 2 * shape.columns  # nearly always four are enough; they can go round in circles
    sets = 2**phases

    @numba.njit(cache=True, nogil=True, error_model="numpy")
    def kernel(
        od, variance, total, start, matrix, constants, first, last,
        values, energies_used, is_solved, is_doubtful, active,
    ):  # fmt: skip
        _ = sources
        energies, row = od.shape
        rows = np.zeros((rows_needed, BLOCK), dtype=od.dtype)
        measured = np.zeros((energies, 2, BLOCK), dtype=od.dtype)
        candidates = np.zeros(BLOCK, dtype=np.uint16)
        inside, is_open = rows[inside_row : inside_row + phases], rows[is_open_row]
        for block in range(first, last, BLOCK):
            # The last block shares pixels with the one before; it says the same of them.
            begin = min(block, last - BLOCK)
            if total is not None:
                move_block(rows, total_row * BLOCK, total, begin)
            for e in range(energies):
                move_block(measured, 2 * e * BLOCK, od, e * row + begin)
                move_block(measured, (2 * e + 1) * BLOCK, variance, e * row + begin)
            _accumulate(code, matrix, measured, rows)
            _normalise(code, constants, rows)

            # The set of all columns first, then the one to start from, then exchanges. A set
            # that is right stays while its neighbours go on.
            _survey(code, constants, rows)
            if start is not None:
                _put_sets(inside, is_open, start[begin : begin + BLOCK])
            if _propose(code, constants, rows, exchanges):
                for candidate in range(sets):
                    candidates[:] = candidate
                    _put_sets(inside, is_open, candidates)
                    _propose(code, constants, rows, 1)

            _solution(code, constants, rows)
            _add_slope(code, matrix, measured, rows)
            _correct(code, constants, rows)
            _judge(code, matrix, measured, rows)
            _answer(code, constants, rows)

            for i in range(answer_rows):
                move_block(values, i * row + begin, rows, (answer_row + i) * BLOCK)
            at = (answer_row + answer_rows) * BLOCK
            move_block(energies_used, begin, rows, at)
            move_block(is_solved, begin, rows, at + BLOCK)
            move_block(is_doubtful, begin, rows, at + 2 * BLOCK)
            move_block(active, begin, rows, at + 3 * BLOCK)

    return kernel


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _put_sets(inside, is_open, codes):
    """Put sets, each given as a sum of 2^phase, in place where the set is not found yet."""
    for k in range(np.uint64(inside.shape[0])):
        for lane in range(np.uint64(is_open.size)):
            is_in = np.float32((codes[lane] >> k) & np.uint16(1))
            inside[k, lane] = is_in if is_open[lane] > 0.0 else inside[k, lane]
