"""How a recipe holds for images that bring their own light: reference frames, or amplitudes of a wave.

Reference frames are an I0 of each pixel, with a variance of its own, beside counts that dark frames have been
taken off. An amplitude A with noise σ is the reading A², whose variance 4 σ² A² is to its mean as that of any
counter: F = 4 σ², which blank pixels tell, as they tell I0. So OD = ln(I0 / A²) = 2 ln(A0 / A) and
var(OD) = 4 σ² (1 / A² + 1 / (n A0²)) come out of the same arithmetic.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from operando.core.absorption import Detector
from operando.core.image import Image
from operando.core.incident import IncidentMode, IncidentRule
from operando.core.stack import Recipe
from operando.types import FloatArray, Light, MaskArray

__all__ = ["evenly_lit", "lit_recipe", "share_of_frame"]


def lit_recipe(recipe: Recipe, light: Light) -> Recipe:
    """Return the recipe as it holds for a run whose light is known from there.

    Dark level and ceiling belong to raw readings; whoever takes dark frames off has seen to both.
    """
    if light is Light.REFERENCES:
        detector = replace(recipe.detector, dark_counts=0.0, saturation_counts=float("inf"))
        incident = IncidentRule(IncidentMode.REFERENCES, error=recipe.incident.error)
        return replace(recipe, detector=detector, incident=incident)
    if light is Light.AMPLITUDE:
        incident = IncidentRule(IncidentMode.BLANK, error=recipe.incident.error)
        return replace(recipe, detector=Detector(gain=float("nan")), incident=incident)
    return recipe


def evenly_lit(image: Image) -> FloatArray:
    """Return the counts as they would be in an even beam, shape (ny, nx): sample and noise are left."""
    if image.i0 is None or image.i0_spread is None:
        return image.counts
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(image.i0 > 0, image.counts / image.i0, np.nan)
    lit = image.i0[np.isfinite(ratio)]
    return ratio * (lit.mean() if lit.size else np.nan)


def share_of_frame(image: Image, blank: MaskArray) -> float:
    """Return by how much blank pixels of `evenly_lit` vary more than counts do: references have noise too.

    1 where the image has none.
    """
    if image.i0 is None or image.i0_spread is None:
        return 1.0
    known = blank & np.isfinite(image.counts) & (image.counts > 0) & (image.i0 > 0)
    if not known.any():
        return 1.0
    counts, i0 = image.counts[known], image.i0[known]
    spread = counts if image.spread is None else image.spread[known]
    relative = spread / counts**2 + image.i0_spread[known] / i0**2
    return float((relative * counts.mean()).mean())
