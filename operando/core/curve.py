"""Points of a curve of x against time, one per cycle of record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operando.types import Curve

__all__ = ["Point", "curve_of"]


@dataclass(frozen=True, slots=True)
class Point:
    """Mean lithium content of one recorded cycle."""

    time_s: float
    lithium: float
    lithium_error: float
    pixels: int


def curve_of(by_cycle: Mapping[int, Point]) -> Curve:
    """Return the curve through the points of some cycles."""
    cycles = sorted(by_cycle)
    points = [by_cycle[cycle] for cycle in cycles]
    return Curve(
        cycle=np.array(cycles, dtype=np.int64),
        time_s=np.array([point.time_s for point in points]),
        lithium=np.array([point.lithium for point in points]),
        lithium_error=np.array([point.lithium_error for point in points]),
        pixels=np.array([point.pixels for point in points], dtype=np.int64),
    )
