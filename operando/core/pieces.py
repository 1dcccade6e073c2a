"""The kernel run over any number of pixels: in whole blocks, in pieces that threads can share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.core.kernel import kernel_for
from operando.core.loops import BLOCK
from operando.core.shape import Shape

__all__ = ["Answer", "Problem", "Spread", "in_double", "replace_pixels", "solve_pixels"]

Spread = Callable[[Callable[[int], None], Iterable[int]], Iterable[None]]
"""How pieces of the work are run: `map`, or `executor.map` of somebody who has threads."""

_PIECE_BLOCKS = 128
"""Blocks of pixels in a piece of the work. Calling the kernel costs some µs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The measured part of a fit, C-ordered.

    Attributes
    ----------
    od, variance
        Shape (energy, pixel).
    total, start
        As for `fit`, shape (pixel,), or None.
    """

    od: NDArray[Any]
    variance: NDArray[Any]
    total: NDArray[Any] | None
    start: NDArray[np.uint16] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the kernel fills in, in the order of `pixel.answer`.

    Attributes
    ----------
    values
        Shape (row, pixel).
    energies_used, is_solved, is_doubtful, active
        Shape (pixel,).
    """

    values: NDArray[Any]
    energies_used: NDArray[np.uint16]
    is_solved: NDArray[np.bool_]
    is_doubtful: NDArray[np.bool_]
    active: NDArray[np.uint16]


def solve_pixels(
    given: Problem, shape: Shape, matrix: NDArray[Any], constants: NDArray[Any], spread: Spread
) -> Answer:
    """Run the kernel over all pixels.

    Parameters
    ----------
    given
        The pixels.
    shape
        Of the fit.
    matrix
        The model in the type of `given.od`, C-ordered, shape (energy, column).
    constants
        In the same type, in the order of `pixel`.
    spread
        Runs a function over the pieces of the work.
    """
    pixels = given.od.shape[1]
    if pixels < BLOCK:
        return _first(pixels, solve_pixels(_filled_up(given), shape, matrix, constants, spread))
    answer = Answer(
        np.empty((len(shape.groups["answer"]) - 4, pixels), given.od.dtype),
        np.empty(pixels, np.uint16),
        np.empty(pixels, np.bool_),
        np.empty(pixels, np.bool_),
        np.empty(pixels, np.uint16),
    )
    kernel = kernel_for(shape.code)
    blocks = pixels // BLOCK
    pieces = max(blocks // _PIECE_BLOCKS, 1)
    ends = [*(BLOCK * (blocks * piece // pieces) for piece in range(pieces)), pixels]

    def solve_piece(piece: int) -> None:
        kernel(
            given.od, given.variance, given.total, given.start, matrix, constants,
            ends[piece], ends[piece + 1],
            answer.values, answer.energies_used, answer.is_solved, answer.is_doubtful, answer.active,
        )  # fmt: skip

    for _ in spread(solve_piece, range(pieces)):
        pass  # each piece writes its own part of the answer
    return answer


def in_double(given: Problem, pixels: NDArray[np.intp]) -> Problem:
    """Return some pixels in double precision, without a place to start from."""
    total = None if given.total is None else given.total[pixels].astype(np.float64)
    od, variance = (
        np.ascontiguousarray(values[:, pixels], np.float64) for values in (given.od, given.variance)
    )
    return Problem(od, variance, total, None)


def replace_pixels(answer: Answer, pixels: NDArray[np.intp], better: Answer) -> None:
    """Write the answer for some pixels over that for all."""
    with np.errstate(over="ignore"):
        answer.values[:, pixels] = better.values
    answer.active[pixels] = better.active
    answer.energies_used[pixels] = better.energies_used
    answer.is_solved[pixels] = better.is_solved


def _filled_up(given: Problem) -> Problem:
    """Return a whole block: some pixels, and behind them such as know nothing."""
    missing = BLOCK - given.od.shape[1]
    one_axis, two_axes = (0, missing), ((0, 0), (0, missing))
    return Problem(
        np.pad(given.od, two_axes, constant_values=np.nan),
        np.pad(given.variance, two_axes, constant_values=np.nan),
        None if given.total is None else np.pad(given.total, one_axis),
        None if given.start is None else np.pad(given.start, one_axis),
    )


def _first(pixels: int, answer: Answer) -> Answer:
    """Return the answer for the first pixels alone."""
    return Answer(
        answer.values[:, :pixels],
        answer.energies_used[:pixels],
        answer.is_solved[:pixels],
        answer.is_doubtful[:pixels],
        answer.active[:pixels],
    )
