"""Outlines of particles and of places that nothing explains, as lines between pixels; knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.particles import ParticleField
from operando.types import FloatArray, ScanGrid
from operando.view.geometry import placement

__all__ = ["Tag", "edges_of", "tags_of"]

MOST_TAGS = 40
"""Numbers on a map, those of the largest particles: more would hide it."""


@dataclass(frozen=True, slots=True)
class Tag:
    """The number of a particle, and where its middle is."""

    number: int
    x_um: float
    y_um: float


def edges_of(labels: NDArray[np.int32], grid: ScanGrid) -> tuple[FloatArray, FloatArray]:
    """Return the sides of pixels that part different labels, as ends of lines two by two, x and y in µm.

    Parameters
    ----------
    labels
        Shape (ny, nx); what is outside the field counts as 0.
    grid
        Where the pixels are.
    """
    place = placement(grid)
    padded = np.pad(labels, 1)
    # Above row y, left of column x.
    rows, columns = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    lower, left = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    x = np.concatenate(
        [np.stack([columns, columns + 1], axis=1).ravel(), np.stack([left, left], axis=1).ravel()]
    )
    y = np.concatenate([np.stack([rows, rows], axis=1).ravel(), np.stack([lower, lower + 1], axis=1).ravel()])
    x_um = np.asarray(place.left_um + place.pitch_x_um * x, dtype=np.float64)
    return x_um, np.asarray(place.first_um + place.pitch_y_um * y, dtype=np.float64)


def tags_of(field: ParticleField | None) -> tuple[Tag, ...]:
    """Return the numbers that are written on a map."""
    if field is None:
        return ()
    largest = sorted(field.particles, key=lambda one: -one.pixels)[:MOST_TAGS]
    return tuple(Tag(one.number, one.centre_um[1], one.centre_um[0]) for one in largest)
