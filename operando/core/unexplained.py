"""What the references do not explain: places whose spectra leave the space of the references together.

With more energies than columns of the fit, some combinations of the optical densities are zero for any
mixture of the references, whatever the amounts: Nᵀ A = 0. There only noise is left, of known size, and
whatever is wrong. What is wrong everywhere (energy calibration, I0, a bad reference) goes with the amount of
material and its composition, and is taken off first, by a robust fit to all the material. What remains
at one place, in one direction, from neighbour to neighbour, is a phase that nobody named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats

from operando.core.fit import Design
from operando.types import FloatArray, MaskArray

__all__ = ["Unexplained", "unexplained"]

_REACH = 2
"""Neighbours are pooled over squares of 2 · reach + 1 pixels."""
_CHANCE = 1e-6
"""A pooled pixel stands out if noise alone would do so this rarely."""
_LEAST_PIXELS = 12
"""So many pixels that stand out must hang together; fewer are one flaw seen through one square."""
_ROUNDS = 4
_OUTLIER_SIGMA = 3.0


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A place where the references do not do.

    Attributes
    ----------
    pixels
        Where, shape (ny, nx).
    share
        Of the pixels with material.
    od, od_error
        Mean optical density there at the energies measured and its standard deviation, shape (energy,): the
        spectrum of what is there, with what it is mixed with.
    residual
        The part of it that no mixture of the references gives, shape (energy,).
    significance
        Of the whole place, in standard deviations of noise.
    """

    pixels: MaskArray
    share: float
    od: FloatArray
    od_error: FloatArray
    residual: FloatArray
    significance: float


def unexplained(
    od: FloatArray, variance: FloatArray, design: Design, amounts: FloatArray, material: MaskArray
) -> tuple[Unexplained, ...]:
    """Return the places that stand out, the most significant first.

    Parameters
    ----------
    od, variance
        Optical density and its variance, brought to one time, shape (energy, ny, nx); NaN where unknown.
    design
        The model; without more energies than columns nothing can stand out.
    amounts
        Fitted amounts of the phases, shape (phase, ny, nx).
    material
        Where there is enough material to judge, shape (ny, nx).
    """
    known = material & (np.isfinite(od) & (variance > 0)).all(axis=0) & np.isfinite(amounts).all(axis=0)
    beyond = _complement(design.matrix)
    if beyond.shape[1] == 0 or known.sum() < _LEAST_PIXELS:
        return ()
    pulls = _pulls(od[:, known], variance[:, known], beyond, amounts[:, known])
    if pulls is None:
        return ()
    field = np.zeros((pulls.shape[0], *known.shape))
    field[:, known] = pulls
    # The sum of n standard deviations over √n is one again.
    count = _summed(known.astype(np.float64))
    pooled = np.stack([_summed(field[direction]) for direction in range(len(field))]) / np.sqrt(
        np.maximum(count, 1.0)
    )
    strength = (pooled**2).sum(axis=0)
    stands_out = known & (strength > stats.chi2.isf(_CHANCE, pulls.shape[0]))
    found = [
        _place(pixels, od, variance, beyond, field, int(known.sum()))
        for pixels in _places(stands_out)
        if int(pixels.sum()) >= _LEAST_PIXELS
    ]
    return tuple(sorted(found, key=lambda place: -place.significance))


def _complement(matrix: FloatArray) -> FloatArray:
    """Return an orthonormal basis of what no combination of the columns gives, shape (energy, direction)."""
    left, size, _ = np.linalg.svd(matrix)
    rank = int((size > 1e-9 * size[0]).sum())
    return left[:, rank:]


def _pulls(
    od: FloatArray, variance: FloatArray, beyond: FloatArray, amounts: FloatArray
) -> FloatArray | None:
    """Return what is left in each direction, in standard deviations, shape (direction, pixel).

    What goes with the amounts, or is the same everywhere, is taken off. The scale is that of the noise, or
    of the scatter where that is larger: it is then not known so well.
    """
    # The logarithm of few counts is too high by half its variance.
    left = beyond.T @ (od - variance / 2)
    spread = np.einsum("ei,ep,ej->pij", beyond, variance, beyond)
    whitening = np.linalg.inv(np.linalg.cholesky(spread))
    columns = np.concatenate([np.ones((1, od.shape[1])), amounts]).T
    weight = np.ones(od.shape[1])
    pulls = np.zeros_like(left)
    for _ in range(_ROUNDS):
        common, _, rank, _ = np.linalg.lstsq(columns * weight[:, None], left.T * weight[:, None])
        if rank == 0:
            return None
        pulls = np.einsum("pij,jp->ip", whitening, left - (columns @ common).T)
        scale = np.maximum(1.4826 * np.median(np.abs(pulls), axis=1, keepdims=True), 1.0)
        pulls = pulls / scale
        weight = (np.abs(pulls).max(axis=0) < _OUTLIER_SIGMA).astype(np.float64)
        if weight.sum() < columns.shape[1] + 1:
            return None
    return pulls


def _places(mask: MaskArray) -> list[MaskArray]:
    """Return the pixels of each place that hangs together, by sides or corners."""
    labels = np.zeros(mask.shape, dtype=np.int32)
    ndimage.label(mask, structure=np.ones((3, 3)), output=labels)
    return [labels == label for label in range(1, int(labels.max(initial=0)) + 1)]


def _summed(values: FloatArray) -> FloatArray:
    size = 2 * _REACH + 1
    return np.asarray(ndimage.uniform_filter(values, size, mode="constant")) * size**2


def _place(
    pixels: MaskArray,
    od: FloatArray,
    variance: FloatArray,
    beyond: FloatArray,
    field: FloatArray,
    material: int,
) -> Unexplained:
    count = int(pixels.sum())
    mean = od[:, pixels].mean(axis=1)
    mean_pull = field[:, pixels].sum(axis=1) / np.sqrt(count)
    return Unexplained(
        pixels=pixels,
        share=count / material,
        od=mean,
        od_error=np.sqrt(variance[:, pixels].sum(axis=1)) / count,
        residual=beyond @ (beyond.T @ mean),
        significance=float(np.sqrt((mean_pull**2).sum())),
    )
