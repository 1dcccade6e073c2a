"""The zone plate's spot, as points at which to look at the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["spot_of"]

_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


def spot_of(fwhm_um: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points of a Gaussian spot, shape (2, k) in µm, and their weights, shape (k,), sum 1.

    Gauss-Hermite quadrature of five points a side is exact for sample structure up to the ninth power.
    """
    if fwhm_um == 0.0:
        return np.zeros((2, 1)), np.ones(1)
    node, weight = np.polynomial.hermite_e.hermegauss(5)
    weight = weight / weight.sum()
    sigma = fwhm_um / _FWHM_PER_SIGMA
    y, x = np.meshgrid(sigma * node, sigma * node, indexing="ij")
    return np.stack([x.ravel(), y.ravel()]), np.outer(weight, weight).ravel()
