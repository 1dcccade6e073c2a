"""Two results of one field, held against each other pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operando.errors import ConfigurationError
from operando.io.results import read_results

__all__ = ["GROUPS", "Comparison", "compare"]

GROUPS = ((0.2, 0.5), (0.5, 1.0), (1.0, 2.5))
"""Ranges of thickness, in units of the references, that pixels are grouped by."""

_MAD_TO_SIGMA = 1.48
"""A normal distribution has a standard deviation of 1.48 times its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two maps differ over the pixels of one range of thickness.

    Attributes
    ----------
    thickness
        The range, in the second result.
    pixels
        Number of pixels valid in both.
    spread
        1.48 × median absolute deviation of x₁ - x₂ from its median.
    median
        Median of x₁ - x₂.
    """

    thickness: tuple[float, float]
    pixels: int
    spread: float
    median: float


def compare(first: Path, second: Path) -> list[Comparison]:
    """Compare the last cycles of two results files over groups of thickness.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        A file cannot be read.
    ConfigurationError
        The files do not have the same pixels, or hold no cycle.
    """
    one, other = read_results(first), read_results(second)
    if not one.cycle.size or not other.cycle.size:
        msg = (
            f"{first if not one.cycle.size else second} holds no finished cycle; there is nothing to compare"
        )
        raise ConfigurationError(msg)
    if one.lithium.shape[1:] != other.lithium.shape[1:]:
        msg = (
            f"{first} has {one.lithium.shape[1:]} pixels and {second} {other.lithium.shape[1:]}; "
            "only results of one field can be compared"
        )
        raise ConfigurationError(msg)
    both = one.valid[-1] & other.valid[-1]
    thickness = other.thickness[-1]
    rows: list[Comparison] = []
    for low, high in GROUPS:
        chosen = both & (thickness >= low) & (thickness < high)
        difference = one.lithium[-1][chosen] - other.lithium[-1][chosen]
        if not difference.size:
            rows.append(Comparison((low, high), 0, float("nan"), float("nan")))
            continue
        median = float(np.median(difference))
        spread = _MAD_TO_SIGMA * float(np.median(np.abs(difference - median)))
        rows.append(Comparison((low, high), int(chosen.sum()), spread, median))
    return rows
