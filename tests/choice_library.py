"""A library of two or three Gaussian phases, and the measurement it predicts: for the tests of the choice."""

from __future__ import annotations

import numpy as np

from operando.core.absorption import Detector, optical_density
from operando.core.fit import design_of, fit
from operando.core.prediction import Prediction
from operando.core.question import Question
from operando.core.references import Library, Phase, SpectrumKind, resample
from operando.types import FloatArray

_ENERGY_EV = np.arange(700.0, 730.01, 0.1)


def phase(name: str, lithium: float, peaks: tuple[tuple[float, float, float], ...]) -> Phase:
    """A spectrum of (centre, width, height) Gaussians over an edge step."""
    value = 0.05 + 0.15 / (1 + np.exp(-(_ENERGY_EV - 709.0)))
    for centre, width, height in peaks:
        value = value + height * np.exp(-0.5 * ((_ENERGY_EV - centre) / width) ** 2)
    return Phase(name, lithium, _ENERGY_EV, value, name, "", "", is_model=False)


def library(*phases: Phase) -> Library:
    return Library("Fe", "L", "LixFePO4", phases, SpectrumKind.OPTICAL_DENSITY)


OXIDISED = phase("oxidised", 0.0, ((709.6, 0.8, 1.0), (722.8, 1.2, 0.35)))
MIDDLE = phase("middle", 0.5, ((708.9, 0.9, 0.7), (711.3, 0.7, 0.3), (721.9, 1.3, 0.3)))
REDUCED = phase("reduced", 1.0, ((708.0, 0.7, 0.9), (705.9, 0.6, 0.3), (720.9, 1.2, 0.33)))
TWO = library(OXIDISED, REDUCED)
THREE = library(OXIDISED, MIDDLE, REDUCED)


def achieved_sigma(
    material: Library, energies_ev: FloatArray, prediction: Prediction, share: FloatArray, question: Question
) -> FloatArray:
    """Root mean square error of x by the project's own fit of simulated counts, per composition.

    Independent of the prediction: energies are shifted in the spectra, I0 is misjudged as a factor,
    counts are drawn, and what comes out of the fit is compared with what went in.
    """
    rng = np.random.default_rng(7)
    pixels = 6000
    shape = (energies_ev.size, pixels)
    design = design_of(resample(material, energies_ev), material.lithium, energies_ev, question.background)
    i0 = question.counts * question.count * share[:, None] / share.sum()
    found: list[float] = []
    for fractions in prediction.composition:
        offset = rng.normal(0.0, question.offset_ev, pixels) + rng.normal(0.0, question.jitter_ev, shape)
        seen = (energies_ev[:, None] + offset).ravel()
        truth = sum(
            amount * np.interp(seen, each.energy_ev, each.value)
            for amount, each in zip(question.thickness * fractions, material.phases, strict=True)
        )
        counts = question.gain * rng.poisson(i0 * np.exp(-np.reshape(truth, shape)) / question.gain)
        assumed = i0 * (1 + rng.normal(0.0, question.i0_error, shape))
        od, variance = optical_density(counts, assumed, np.zeros(shape), Detector(gain=question.gain))
        x = fit(od, variance, design).lithium
        error = x - fractions @ material.lithium
        found.append(float(np.sqrt(np.nanmean(error**2))))
    return np.array(found)
