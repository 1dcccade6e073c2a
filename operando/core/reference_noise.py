"""The noise of the references as part of σ: an error that no amount of counting removes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from operando.core.fit import Design, Fit, fit
from operando.core.references import reference_variance
from operando.types import FloatArray

__all__ = ["with_reference_noise"]

_STEP = 1 / 64
"""Share of the references' variance by which the derivative is taken: small enough to be one."""


def with_reference_noise(
    result: Fit, od: FloatArray, variance: FloatArray, design: Design, sigma: FloatArray
) -> Fit:
    """Return a fit whose errors count the noise of the references; all else is as it was.

    Uncertain references add Σ_s t_s² σ_s² to the variance of every optical density (delta method).
    The fit does not weigh by it, so its covariance H⁻¹ gains H⁻¹ Aᵀ W V W A H⁻¹, which is the
    derivative of (Aᵀ (1/W + ε V)⁻¹ A)⁻¹ by ε at 0: the same fit, made once more with slightly
    larger variances. The same references serve all images of an energy, so older cycles do not
    reduce this error, and it is one error for all pixels of a composition.

    Parameters
    ----------
    result
        The fit.
    od, variance
        Optical density of the newest images and its variance by counting, shape (energy, pixel).
    design
        The model for these energies.
    sigma
        Standard deviation of the values of each reference, shape (phase,).
    """
    extra = reference_variance(result.fraction * result.thickness, sigma)
    before = fit(od, variance, design)
    after = fit(od, variance + _STEP * extra, design)

    def wider(stated: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
        return np.sqrt(stated**2 + np.maximum(second**2 - first**2, 0.0) / _STEP)

    return replace(
        result,
        lithium_error=wider(result.lithium_error, before.lithium_error, after.lithium_error),
        fraction_error=wider(result.fraction_error, before.fraction_error, after.fraction_error),
        thickness_error=wider(result.thickness_error, before.thickness_error, after.thickness_error),
    )
