"""Regions and masks: what somebody marked on the sample, in µm, and which pixels it covers.

Frozen and pure, so that the core can fit them, the screen can edit them, and a file can hold them.
Positions are those of the stage, not pixels: a region stays where it is when the grid changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from operando.errors import ConfigurationError

__all__ = ["MAX_CORNERS", "MAX_REGIONS", "Marks", "Outline", "Region", "covered"]

MAX_REGIONS = 32
"""Regions, and masks, that are followed at a time."""
MAX_CORNERS = 500
_MAX_NAME = 40


class Outline(StrEnum):
    """How a region is drawn and edited."""

    RECTANGLE = "rectangle"
    """Two opposite corners."""
    POLYGON = "polygon"
    """Corners that are moved one by one."""
    LASSO = "lasso"
    """Corners of a line drawn by hand."""


@dataclass(frozen=True, slots=True)
class Region:
    """A named part of the sample.

    Attributes
    ----------
    name
        What it is called; at most 40 characters.
    outline
        How it is drawn.
    corners_um
        (x, y) of its corners: two opposite ones of a rectangle, at least three of the others.
    is_locked
        True while it is not to be changed by the mouse or the keyboard.

    Raises
    ------
    ConfigurationError
        The name is empty or too long, or the corners are too few, too many or not finite.
    """

    name: str
    outline: Outline
    corners_um: tuple[tuple[float, float], ...]
    is_locked: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= _MAX_NAME:
            msg = f"a region's name has {len(self.name)} characters; expected 1 to {_MAX_NAME}"
            raise ConfigurationError(msg)
        number = len(self.corners_um)
        least, most = (2, 2) if self.outline is Outline.RECTANGLE else (3, MAX_CORNERS)
        if not least <= number <= most:
            msg = f"region '{self.name}' has {number} corners; a {self.outline.value} has {least} to {most}"
            raise ConfigurationError(msg)
        if not all(math.isfinite(value) for corner in self.corners_um for value in corner):
            msg = f"region '{self.name}' has a corner that is not a number of µm"
            raise ConfigurationError(msg)

    @property
    def polygon_um(self) -> tuple[tuple[float, float], ...]:
        """All corners in order, those of a rectangle included."""
        if self.outline is not Outline.RECTANGLE:
            return self.corners_um
        (x0, y0), (x1, y1) = self.corners_um
        return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


@dataclass(frozen=True, slots=True)
class Marks:
    """All that is marked: the one command that the screen sends, always whole.

    The newest replaces those before, so that a repeated or a lost one does no harm and going back
    is sending an earlier one.

    Attributes
    ----------
    regions
        Parts of the sample that have curves of their own.
    masks
        Parts that are left out of every mean.

    Raises
    ------
    ConfigurationError
        There are too many.
    """

    regions: tuple[Region, ...] = ()
    masks: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        if max(len(self.regions), len(self.masks)) > MAX_REGIONS:
            msg = f"{len(self.regions)} regions and {len(self.masks)} masks; at most {MAX_REGIONS} of each"
            raise ConfigurationError(msg)


def covered(region: Region, x_um: NDArray[np.float64], y_um: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which pixels have their centre within a region, shape (ny, nx).

    By the even-odd rule, so that a lasso that crosses itself has holes where it does.

    Parameters
    ----------
    region
        The region.
    x_um, y_um
        Pixel centres, shapes (nx,) and (ny,).
    """
    corners = np.array(region.polygon_um)
    is_inside = np.zeros((y_um.size, x_um.size), np.bool_)
    # Only the columns and rows within its extent: a small region on a large field costs little.
    columns = np.flatnonzero((x_um >= corners[:, 0].min()) & (x_um <= corners[:, 0].max()))
    rows = np.flatnonzero((y_um >= corners[:, 1].min()) & (y_um <= corners[:, 1].max()))
    x, y = x_um[columns], y_um[rows, np.newaxis]
    odd = np.zeros((rows.size, columns.size), np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 <= y) != (y1 <= y)
            # Of an edge that hardly rises, rows far from it have no finite place on it, and need none.
            with np.errstate(over="ignore", invalid="ignore"):
                odd ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    is_inside[np.ix_(rows, columns)] = odd
    return is_inside
