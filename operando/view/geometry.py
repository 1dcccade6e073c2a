"""Where a pixel lies in µm: ascending or descending axes, never mirrored by mistake."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray, ScanGrid

__all__ = ["Placement", "pixel_at", "placement", "scale_bar_um"]


@dataclass(frozen=True, slots=True)
class Placement:
    """How an image is laid into axes that read µm.

    The outer edge of pixel (0, 0) is at (`left_um`, `first_um`), whichever way the axes
    run; a negative pitch means that they descend.

    Attributes
    ----------
    left_um, first_um
        Outer edge of the first column and of the first row.
    pitch_x_um, pitch_y_um
        Signed distance of neighbouring columns and rows.
    width_um, height_um
        Extent of the field, positive.
    """

    left_um: float
    first_um: float
    pitch_x_um: float
    pitch_y_um: float
    width_um: float
    height_um: float

    @property
    def lower_left_um(self) -> tuple[float, float]:
        """The corner with the smallest coordinates, (x, y)."""
        return (
            min(self.left_um, self.left_um + math.copysign(self.width_um, self.pitch_x_um)),
            min(self.first_um, self.first_um + math.copysign(self.height_um, self.pitch_y_um)),
        )


def _pitch_um(centres_um: FloatArray) -> float:
    if centres_um.size < 2:
        return 0.0
    return float((centres_um[-1] - centres_um[0]) / (centres_um.size - 1))


def placement(grid: ScanGrid) -> Placement:
    """Return how an image of this grid is laid into µm axes."""
    pitch_x = _pitch_um(grid.x_um)
    pitch_y = _pitch_um(grid.y_um)
    # A single row or column has no pitch of its own: its pixels are drawn square.
    pitch_x, pitch_y = pitch_x or abs(pitch_y) or 1.0, pitch_y or abs(pitch_x) or 1.0
    return Placement(
        left_um=float(grid.x_um[0]) - pitch_x / 2,
        first_um=float(grid.y_um[0]) - pitch_y / 2,
        pitch_x_um=pitch_x,
        pitch_y_um=pitch_y,
        width_um=abs(pitch_x) * grid.x_um.size,
        height_um=abs(pitch_y) * grid.y_um.size,
    )


def pixel_at(grid: ScanGrid, x_um: float, y_um: float) -> tuple[int, int] | None:
    """Return (row, column) of the pixel that covers a position, None outside of the field."""
    place = placement(grid)
    column = math.floor((x_um - place.left_um) / place.pitch_x_um)
    row = math.floor((y_um - place.first_um) / place.pitch_y_um)
    ny, nx = grid.shape
    return (row, column) if 0 <= row < ny and 0 <= column < nx else None


def scale_bar_um(width_um: float) -> float:
    """Return the round length nearest below a quarter of the field."""
    target = width_um / 4
    decade = 10.0 ** math.floor(math.log10(target))
    return float(
        max(step * decade for step in np.array([1.0, 2.0, 5.0]) if step * decade <= target * (1 + 1e-9))
    )
