"""Errors that all pixels share, of I0 and of the references, as part of σ: no counting removes them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from operando.core.fit import Design, Fit, fit
from operando.core.references import reference_variance
from operando.types import FloatArray, PhaseSpectra

__all__ = ["SharedErrors", "with_shared_errors"]

_STEP = 1 / 64
"""Share of the variance of counting by which it is changed to take a derivative: small enough to be one."""


@dataclass(frozen=True, slots=True)
class SharedErrors:
    """What is uncertain beside the counts.

    Attributes
    ----------
    references
        Standard deviation of the values of each reference, independent from energy to energy,
        shape (phase,); 0 where it is not known.
    i0
        Relative standard deviation of I0 less the dark level, independent from energy to energy.
    """

    references: FloatArray
    i0: float = 0.0

    @classmethod
    def of(cls, phases: PhaseSpectra, i0: float) -> SharedErrors:
        """Return those of some references and an I0."""
        return cls(np.zeros(phases.lithium.size) if phases.sigma is None else phases.sigma, i0)

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return self.i0 > 0.0 or bool(self.references.any())


def with_shared_errors(
    result: Fit, od: FloatArray, variance: FloatArray, design: Design, shared: SharedErrors
) -> Fit:
    """Return a fit whose σ count what all pixels share; all else is as it was.

    Uncertain references add Σ_s t_s² σ_s² to the variance of every optical density (delta method),
    an uncertain I0 adds the square of its relative error. The fit does not weigh by this V, so its
    covariance H⁻¹ gains H⁻¹ Aᵀ W V W A H⁻¹, which is the derivative of (Aᵀ (1/W + ε V)⁻¹ A)⁻¹ by
    ε at 0: the same fit, made once more with slightly larger variances. The same references and the same
    calibration of I0 serve all images of an energy, so older cycles do not reduce these errors, and
    they are the same for all pixels of a composition.

    Parameters
    ----------
    result
        The fit.
    od, variance
        Optical density of the newest images and its variance by counting, shape (energy, pixel).
    design
        The model for these energies.
    shared
        What is uncertain beside the counts.
    """
    if not shared:
        return result
    extra = reference_variance(result.fraction * result.thickness, shared.references) + shared.i0**2
    with np.errstate(divide="ignore", invalid="ignore"):
        step = _STEP * np.fmin.reduce(np.where(extra > 0.0, variance / extra, np.inf), axis=0)
    step[~np.isfinite(step)] = 1.0
    before = fit(od, variance, design)
    after = fit(od, variance + step * extra, design)

    def wider(stated: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
        return np.sqrt(stated**2 + np.maximum(second**2 - first**2, 0.0) / step)

    return replace(
        result,
        lithium_error=wider(result.lithium_error, before.lithium_error, after.lithium_error),
        fraction_error=wider(result.fraction_error, before.fraction_error, after.fraction_error),
        thickness_error=wider(result.thickness_error, before.thickness_error, after.thickness_error),
    )
