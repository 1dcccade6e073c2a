"""What the spectra of a field say beyond the fit: places that nothing explains, clusters, dose.

Frozen and pure, as `operando.particles` is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Clusters", "DoseMap", "Unexplained"]


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

    pixels: NDArray[np.bool_]
    share: float
    od: NDArray[np.float64]
    od_error: NDArray[np.float64]
    residual: NDArray[np.float64]
    significance: float


@dataclass(frozen=True, slots=True)
class Clusters:
    """Pixels put together by what they are made of, not by how much of it there is.

    Attributes
    ----------
    labels
        Cluster of each pixel, counted from 1, 0 where there is none; shape (ny, nx). A cluster keeps its
        number from cycle to cycle.
    od, od_error
        Mean optical density of its pixels and its standard deviation, shape (cluster, energy); NaN for a
        cluster without pixels.
    """

    labels: NDArray[np.int32]
    od: NDArray[np.float64]
    od_error: NDArray[np.float64]

    @property
    def pixels(self) -> NDArray[np.intp]:
        """Number of pixels of each cluster, shape (cluster,)."""
        return np.bincount(self.labels.ravel(), minlength=len(self.od) + 1)[1:]


@dataclass(frozen=True, slots=True)
class DoseMap:
    """The dose of a run up to a cycle of record.

    Attributes
    ----------
    pixels_mgy
        Of each pixel, shape (ny, nx); NaN where there is no material, or it cannot be told.
    field_mgy
        The median of them.
    regions_mgy
        The same of each region that is marked, in order; NaN without material.
    limit_mgy
        What the profile allows; infinite where it does not say.
    """

    pixels_mgy: NDArray[np.float64]
    field_mgy: float
    regions_mgy: tuple[float, ...]
    limit_mgy: float
