"""Which pixels are one particle: where there is material, cut where particles touch."""

# Numba infers the types of the function below.
# ruff: noqa: ANN001, ANN202, PLR0912
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from operando.types import FloatArray, MaskArray

__all__ = ["Labels", "segments"]

Labels = NDArray[np.int32]
"""Number of the particle each pixel belongs to, 0 where there is none; shape (ny, nx)."""

_SMOOTH_PX = 1.0
_NECK = 0.7
"""Two hills are two particles if the pass between them is lower than this share of the lower one."""


def segments(thickness: FloatArray, material: MaskArray, *, least_pixels: int = 12) -> Labels:
    """Return the particles of a field, numbered from 1, the one of most pixels first.

    Material that hangs together is one particle unless it has a neck. Hills are made of the distance from
    the rim and the thickness, since a plate has a hill only of the one and a cap of both; where the pass
    between two hills is low, the particles are parted along the valley.

    Parameters
    ----------
    thickness
        Amount of material, shape (ny, nx); NaN where unknown.
    material
        Where there is a particle at all, shape (ny, nx).
    least_pixels
        Smaller ones are no particles.
    """
    # Holes of a pixel or two are bad readings, not windows.
    closed = np.asarray(ndimage.binary_closing(np.pad(material, 2)), dtype=bool)[2:-2, 2:-2]
    solid = closed | material
    inside = np.asarray(ndimage.distance_transform_edt(np.pad(solid, 1)), dtype=np.float64)[1:-1, 1:-1]
    amount = np.maximum(np.nan_to_num(thickness, nan=0.0), 0.0)
    hill = np.asarray(ndimage.gaussian_filter(inside * np.sqrt(amount), _SMOOTH_PX), dtype=np.float64)
    rows, columns = np.nonzero(solid)
    downwards = np.argsort(-hill[rows, columns], kind="stable")
    labels = _parted(hill, rows[downwards], columns[downwards])
    return _numbered(labels, least_pixels)


@numba.njit(cache=True, error_model="numpy")
def _parted(hill, rows, columns):
    """Give every pixel, from the highest down, to the particle of its highest neighbour.

    Where two particles meet first, they meet at their pass: if it is not low, they are one.
    """
    ny, nx = hill.shape
    labels = np.zeros((ny, nx), dtype=np.int32)
    root = np.zeros(rows.size + 1, dtype=np.int32)
    top = np.zeros(rows.size + 1)
    count = 0
    for i in range(rows.size):
        y, x = rows[i], columns[i]
        here = hill[y, x]
        best, best_height = 0, -1.0
        for v in range(max(y - 1, 0), min(y + 2, ny)):
            for u in range(max(x - 1, 0), min(x + 2, nx)):
                if labels[v, u] > 0 and hill[v, u] > best_height:
                    best, best_height = labels[v, u], hill[v, u]
        if best == 0:
            count += 1
            root[count], top[count], best = count, here, count
        labels[y, x] = best
        for v in range(max(y - 1, 0), min(y + 2, ny)):
            for u in range(max(x - 1, 0), min(x + 2, nx)):
                if labels[v, u] == 0:
                    continue
                one, other = best, labels[v, u]
                while root[one] != one:
                    one = root[one]
                while root[other] != other:
                    other = root[other]
                if one != other and here > _NECK * min(top[one], top[other]):
                    if top[one] < top[other]:
                        one, other = other, one
                    root[other] = one
    for y in range(ny):
        for x in range(nx):
            label = labels[y, x]
            while root[label] != label:
                label = root[label]
            labels[y, x] = label
    return labels


def _numbered(labels: Labels, least_pixels: int) -> Labels:
    """Return the labels counted anew, the particle of most pixels first, without those that are too small."""
    numbers, sizes = np.unique(labels[labels > 0], return_counts=True)
    order = [
        (-int(size), int(number)) for number, size in zip(numbers, sizes, strict=True) if size >= least_pixels
    ]
    table = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.int32)
    for new, (_, old) in enumerate(sorted(order), 1):
        table[old] = new
    return table[labels]
