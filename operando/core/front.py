"""Where the reaction is now: the pixels between the end phases that changed beyond their error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from operando.types import FloatArray, MaskArray, ScanGrid

__all__ = ["Box", "box_of", "front_of"]

_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the field.

    Attributes
    ----------
    centre_um, size_um
        x and y, from pixel centre to pixel centre.
    pixels
        How many pixels of the front it holds.
    share
        Of the field's area.
    """

    centre_um: tuple[float, float]
    size_um: tuple[float, float]
    pixels: int
    share: float


def front_of(
    now: tuple[FloatArray, FloatArray],
    before: tuple[FloatArray, FloatArray],
    ends: tuple[float, float],
    sigmas: float,
) -> MaskArray:
    """Return the largest connected group of pixels in which the reaction goes on, shape (ny, nx).

    Parameters
    ----------
    now, before
        x and its σ of two cycles, shapes (ny, nx); NaN where undetermined.
    ends
        x of the phases with least and most lithium: a pixel that has come to one of them is over with.
    sigmas
        How many σ a difference has to have.
    """
    (lithium, error), (earlier, earlier_error) = now, before
    low, high = ends
    changed = np.abs(lithium - earlier) > sigmas * np.hypot(error, earlier_error)
    between = (lithium - sigmas * error > low) & (lithium + sigmas * error < high)
    # Some pixels differ by chance; where the front is, they lie together.
    groups = np.zeros(lithium.shape, dtype=np.int32)
    ndimage.label(changed & between, structure=_NEIGHBOURS, output=groups)
    sizes = np.bincount(groups.ravel())
    sizes[0] = 0
    return (groups == sizes.argmax()) & (groups > 0)


def box_of(front: MaskArray, grid: ScanGrid) -> Box | None:
    """Return the rectangle around a front with one pixel to spare, within the field; None without one."""
    rows, columns = np.flatnonzero(front.any(axis=1)), np.flatnonzero(front.any(axis=0))
    if not rows.size:
        return None
    x, y = (
        np.sort(axis_um[max(0, places[0] - 1) : places[-1] + 2][[0, -1]])
        for places, axis_um in ((columns, grid.x_um), (rows, grid.y_um))
    )
    whole = float(np.ptp(grid.x_um) * np.ptp(grid.y_um))
    size = (float(x[1] - x[0]), float(y[1] - y[0]))
    return Box(
        centre_um=(float(x.mean()), float(y.mean())),
        size_um=size,
        pixels=int(front.sum()),
        share=size[0] * size[1] / whole if whole > 0 else 1.0,
    )
