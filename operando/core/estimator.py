"""The fit in scikit-learn's convention, for notebooks; not on the live path.

scikit-learn takes over a second to import, so this module is imported only when it is asked for.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from operando.core.fit import Background, design_of, fit
from operando.core.references import Library, resample
from operando.types import FloatArray

__all__ = ["LithiationEstimator"]


class LithiationEstimator(BaseEstimator):
    """Lithium content of every pixel from optical densities at any number of energies.

    `partial_fit` takes images one energy at a time, in any order; the result is that of `fit` on all
    of them at once. An energy that comes again replaces what was known at it.

    Parameters
    ----------
    library
        The references.
    background
        "none", "constant" or "linear".

    Attributes
    ----------
    lithium_, lithium_error_
        x and its standard deviation, shape of an image; NaN where undetermined.
    fraction_, fraction_error_
        Share of each phase, shape (phase, ...).
    thickness_
        Amount of material, in units of the references, shape of an image.
    chi2_
        χ² per degree of freedom, shape of an image; NaN where no degree of freedom is left.
    energies_ev_
        The energies known, ascending, shape (energy,).
    """

    def __init__(self, library: Library, background: str = "none") -> None:
        self.library = library
        self.background = background

    def fit(self, energies_ev: FloatArray, od: FloatArray, variance: FloatArray) -> Self:
        """Forget everything and fit a whole stack.

        Parameters
        ----------
        energies_ev
            Shape (energy,).
        od, variance
            Optical density and its variance, shape (energy, ...); NaN where unknown.

        Raises
        ------
        ConfigurationError
            An energy lies outside a reference.
        ValueError
            The shapes do not agree.
        """
        energies = np.atleast_1d(np.asarray(energies_ev, dtype=np.float64))
        ods, variances = np.asarray(od, dtype=np.float64), np.asarray(variance, dtype=np.float64)
        if ods.shape[:1] != energies.shape or ods.shape != variances.shape:
            msg = (
                f"{energies.size} energies, od of shape {ods.shape} and variance of shape "
                f"{variances.shape}; expected one image of each for every energy"
            )
            raise ValueError(msg)
        self._images: dict[float, tuple[FloatArray, FloatArray]] = {}
        for energy_ev, image, error in zip(energies, ods, variances, strict=True):
            self._remember(float(energy_ev), image, error)
        return self._solve()

    def partial_fit(self, energy_ev: float, od: FloatArray, variance: FloatArray) -> Self:
        """Add the image of one energy, or replace it, and fit again.

        Parameters
        ----------
        energy_ev
            Photon energy.
        od, variance
            Optical density and its variance, of the shape of all images before; NaN where unknown.

        Raises
        ------
        ConfigurationError
            The energy lies outside a reference.
        ValueError
            The shape is not that of the images before.
        """
        if not hasattr(self, "_images"):
            self._images = {}
        self._remember(float(energy_ev), np.asarray(od, np.float64), np.asarray(variance, np.float64))
        return self._solve()

    def predict(self, energies_ev: FloatArray) -> FloatArray:
        """Return the optical density of the fitted material, without background, shape (energy, ...).

        Raises
        ------
        ConfigurationError
            An energy lies outside a reference.
        sklearn.exceptions.NotFittedError
            Nothing has been fitted.
        """
        check_is_fitted(self, "lithium_")
        values = resample(self.library, np.atleast_1d(np.asarray(energies_ev, dtype=np.float64)))
        return np.tensordot(values, self.fraction_ * self.thickness_, axes=1)

    def _remember(self, energy_ev: float, od: FloatArray, variance: FloatArray) -> None:
        expected = next((image.shape for image, _ in self._images.values()), od.shape)
        if od.shape != expected or variance.shape != expected:
            msg = (
                f"an image has shape {od.shape}, its variance {variance.shape}; expected {expected} as before"
            )
            raise ValueError(msg)
        resample(self.library, np.array([energy_ev]))
        self._images[energy_ev] = (od.copy(), variance.copy())

    def _solve(self) -> Self:
        name = self.background.upper()
        if name not in Background.__members__:
            msg = f"the background is '{self.background}'; expected none, constant or linear"
            raise ValueError(msg)
        self.energies_ev_ = np.array(sorted(self._images))
        od = np.stack([self._images[energy][0] for energy in self.energies_ev_])
        variance = np.stack([self._images[energy][1] for energy in self.energies_ev_])
        shape = od.shape[1:]
        design = design_of(
            resample(self.library, self.energies_ev_),
            self.library.lithium,
            self.energies_ev_,
            Background[name],
        )
        solved = fit(od.reshape(od.shape[0], -1), variance.reshape(od.shape[0], -1), design)
        self.lithium_ = solved.lithium.reshape(shape)
        self.lithium_error_ = solved.lithium_error.reshape(shape)
        self.fraction_ = solved.fraction.reshape(-1, *shape)
        self.fraction_error_ = solved.fraction_error.reshape(-1, *shape)
        self.thickness_ = solved.thickness.reshape(shape)
        self.chi2_ = solved.chi2.reshape(shape)
        return self
