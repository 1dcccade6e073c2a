"""How far each place is from what any mixture of the references can be, in standard deviations.

With more energies than columns of the fit, some combinations of the optical densities are zero for any
mixture of the references, whatever the amounts: Nᵀ A = 0. There only noise is left, of known size, and
whatever is wrong. What is wrong everywhere (energy calibration, I0, a reference that is somewhat off) goes
with the amount of material and its composition, and is taken off first, by a robust fit to all the material.
What moved while the energies were measured one after the other leaves the space too, and is allowed for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from operando.core.fit import Design
from operando.types import FloatArray, MaskArray

__all__ = ["LEAST_PIXELS", "Suspicion", "complement", "pooled_over_neighbours", "suspicion_of"]

LEAST_PIXELS = 12
"""Fewer pixels that stand out and hang together are one flaw seen through one square."""

_REACH = 2
"""Neighbours are pooled over squares of 2 · reach + 1 pixels."""
_ROUNDS = 4
_OUTLIER_SIGMA = 3.0
_REFERENCE_ERROR = 0.1
"""A reference may be off by this share of its root mean square: what is further off is another phase."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One cycle.

    Attributes
    ----------
    known
        Where there is material with all energies, shape (ny, nx).
    beyond
        Orthonormal basis of what no mixture gives, shape (energy, direction).
    pulls
        What is left in each direction, in standard deviations of a pixel, shape (direction, ny, nx); 0 where
        nothing is known.
    pooled
        The same of squares of neighbours, which noise alone gives a variance of 1.
    spread
        Standard deviation of the noise along each direction, shape (direction, ny, nx); 0 where unknown.
    """

    known: MaskArray
    beyond: FloatArray
    pulls: FloatArray
    pooled: FloatArray
    spread: FloatArray


def suspicion_of(
    od: FloatArray, variance: FloatArray, design: Design, amounts: FloatArray, material: MaskArray
) -> Suspicion | None:
    """Return how far each place is from the references, or None where nothing can be said.

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
    beyond = complement(design.matrix)
    if beyond.shape[1] == 0 or known.sum() < LEAST_PIXELS:
        return None
    own_variance, share = variance[:, known], amounts[:, known]
    # The logarithm of few counts is too high by half its variance.
    left = beyond.T @ (od[:, known] - own_variance / 2)
    covariance = np.einsum("ei,ep,ej->pij", beyond, own_variance, beyond)
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    rms = np.sqrt((design.matrix[:, : design.phases] ** 2).mean(axis=0)) * design.scale[: design.phases]
    total = np.stack([np.ones(share.shape[1]), share.sum(axis=0)])
    left = _without_common(left, whitening, total, np.full(2, np.inf), known)
    left = _without_common(left, whitening, share, _REFERENCE_ERROR * rms, known)
    pulls = _whitened(left, whitening)
    field = _in_field(pulls, known)
    spread = _in_field(np.sqrt(np.einsum("pii->ip", covariance)), known)
    return Suspicion(known, beyond, field, pooled_over_neighbours(field, known), spread)


def complement(matrix: FloatArray) -> FloatArray:
    """Return an orthonormal basis of what no combination of the columns gives, shape (energy, direction)."""
    left, size, _ = np.linalg.svd(matrix)
    rank = int((size > 1e-9 * size[0]).sum())
    return left[:, rank:]


def pooled_over_neighbours(field: FloatArray, known: MaskArray) -> FloatArray:
    """Return sums over squares of neighbours over the root of how many are known; `field` is 0 elsewhere."""
    count = np.maximum(_summed(known.astype(np.float64)), 1.0)
    return np.stack([_summed(direction) for direction in field]) / np.sqrt(count)


def _without_common(
    left: FloatArray, whitening: FloatArray, columns: FloatArray, limit: FloatArray, known: MaskArray
) -> FloatArray:
    """Return what remains when that which goes with the columns, as far as the limits, is taken off.

    Places that stand out do not count: neighbours tell them better than single pixels.

    Parameters
    ----------
    left
        Shape (direction, pixel).
    whitening
        Makes standard deviations of it, shape (pixel, direction, direction).
    columns, limit
        Shape (column, pixel), and the most that each may take off per unit, shape (column,).
    known
        Where the pixels are, shape (ny, nx).
    """
    weight = np.ones(left.shape[1])
    remaining = left
    for _ in range(_ROUNDS):
        common = np.linalg.lstsq((columns * weight).T, (left * weight).T)[0].T
        remaining = left - np.clip(common, -limit, limit) @ columns
        pulls = _in_field(_whitened(remaining, whitening), known)
        pooled = np.abs(pooled_over_neighbours(pulls, known)[:, known]).max(axis=0)
        weight = (pooled < _OUTLIER_SIGMA * max(1.0, float(np.median(pooled)))).astype(np.float64)
        if weight.sum() < LEAST_PIXELS:
            break
    return remaining


def _whitened(left: FloatArray, whitening: FloatArray) -> FloatArray:
    """Return standard deviations, of the noise or of the scatter, whichever is larger."""
    pulls = np.einsum("pij,jp->ip", whitening, left)
    scatter = 1.4826 * np.median(np.abs(pulls), axis=1, keepdims=True)
    return pulls / np.maximum(scatter, 1.0)


def _in_field(values: FloatArray, known: MaskArray) -> FloatArray:
    field = np.zeros((len(values), *known.shape))
    field[:, known] = values
    return field


def _summed(values: FloatArray) -> FloatArray:
    size = 2 * _REACH + 1
    return np.asarray(ndimage.uniform_filter(values, size, mode="constant")) * size**2
