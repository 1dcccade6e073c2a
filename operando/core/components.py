"""In how many ways pixels differ beyond noise: the singular vectors of all spectra, added up as they come.

Sums of products over pixels are exact whatever the order and grouping (Chan, Golub and LeVeque, Am. Stat. 37
(1983) 242); with a few energies they are a small matrix, and its eigenvectors are the singular vectors of all
spectra ever added. scikit-learn's IncrementalPCA keeps only so many vectors of what it saw, and so depends on
the batches; `docs/decisions/0032-unknown-phases.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray

__all__ = ["Components", "Spectra", "added", "components_of", "no_spectra"]

_EDGE_DEVIATION = 4.0
"""Noise alone passes the edge widened by this many scales of its fluctuation less than once in 10,000."""


@dataclass(frozen=True, slots=True)
class Spectra:
    """What is kept of all spectra so far.

    Attributes
    ----------
    pixels
        How many were added.
    products
        Σ over pixels of OD OD', shape (energy, energy).
    noise
        Σ over pixels of the variance, shape (energy,).
    """

    pixels: int
    products: FloatArray
    noise: FloatArray


@dataclass(frozen=True, slots=True)
class Components:
    """The singular vectors of spectra in units of their noise, the strongest first.

    Attributes
    ----------
    vectors
        Orthonormal in units of the noise, shape (energy, component).
    strength
        Mean square along each, noise included, which alone gives 1; shape (component,).
    sigma
        Noise of each energy, shape (energy,).
    significant
        How many are more than noise.
    """

    vectors: FloatArray
    strength: FloatArray
    sigma: FloatArray
    significant: int

    def scores(self, od: FloatArray) -> FloatArray:
        """Return the pixels in the space of the significant components, shape (component, pixel)."""
        return self.vectors[:, : self.significant].T @ (od / self.sigma[:, None])


def no_spectra(energies: int) -> Spectra:
    """Return the sums before the first spectrum."""
    return Spectra(0, np.zeros((energies, energies)), np.zeros(energies))


def added(known: Spectra, od: FloatArray, variance: FloatArray) -> Spectra:
    """Return what is known after more spectra; those with an unknown energy are left out.

    Parameters
    ----------
    known
        So far.
    od, variance
        Spectra, or residuals of the fit, and their variance, shape (energy, pixel).
    """
    complete = (np.isfinite(od) & (variance > 0)).all(axis=0)
    spectra = od[:, complete]
    return Spectra(
        known.pixels + int(complete.sum()),
        known.products + spectra @ spectra.T,
        known.noise + variance[:, complete].sum(axis=1),
    )


def components_of(known: Spectra) -> Components | None:
    """Return the singular vectors and how many of them are more than noise; None before the first spectrum.

    Noise of variance 1 gives mean squares up to (1 + √(E/n))² for E energies and n pixels (Marchenko and
    Pastur, Math. USSR Sb. 1 (1967) 457), widened here by its fluctuation, of the scale of Johnstone (Ann.
    Stat. 29 (2001) 295).
    """
    if known.pixels == 0:
        return None
    sigma = np.sqrt(known.noise / known.pixels)
    mean = known.products / known.pixels / np.outer(sigma, sigma)
    strength, vectors = np.linalg.eigh(mean)
    strength, vectors = strength[::-1], vectors[:, ::-1]
    root_pixels, root_energies = known.pixels**0.5, sigma.size**0.5
    edge = (1 + root_energies / root_pixels) ** 2
    width = (root_pixels + root_energies) / known.pixels * (1 / root_pixels + 1 / root_energies) ** (1 / 3)
    significant = int((strength > edge + _EDGE_DEVIATION * width).sum())
    # An eigenvector has no sign; of spectra the sum is positive.
    sign = np.where(vectors.sum(axis=0) < 0, -1.0, 1.0)
    return Components(vectors * sign, strength, sigma, significant)
