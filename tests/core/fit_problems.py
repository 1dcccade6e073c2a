"""Problems for the fit: references, pixels and noise from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.core.fit import Background, Design, Fit, design_of


@dataclass(frozen=True)
class Problem:
    """Pixels made of known amounts; everything in double precision."""

    design: Design
    amount: np.ndarray
    """Shape (column, pixel)."""
    od: np.ndarray
    variance: np.ndarray

    @property
    def model(self) -> np.ndarray:
        return self.design.matrix * self.design.scale


def problem(
    seed: int,
    *,
    phases: int = 4,
    energies: int = 5,
    background: Background = Background.NONE,
    pixels: int = 200,
    noise: float = 0.02,
    missing: float = 0.0,
) -> Problem:
    """Return peaks on a step, mixed in shares of which about half are zero."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(0.0, 1.0, energies)
    centre = np.linspace(0.1, 0.9, phases) + rng.uniform(-0.05, 0.05, phases)
    references = 0.3 + np.exp(-(((energy[:, np.newaxis] - centre) / 0.22) ** 2))
    design = design_of(references, np.linspace(0.0, 1.0, phases), energy, background)
    amount = np.maximum(rng.normal(0.1, 0.5, (phases + background, pixels)), 0.0)
    amount[phases:] = rng.normal(0.0, 0.2, (int(background), pixels))
    clean = (design.matrix * design.scale) @ amount
    variance = noise**2 * np.exp(clean) * rng.uniform(0.5, 2.0, clean.shape) if noise else np.ones_like(clean)
    od = clean + rng.normal(size=clean.shape) * np.sqrt(variance) * (noise > 0)
    od[rng.random(od.shape) < missing] = np.nan
    return Problem(design, amount, od, variance)


def amounts(result: Fit) -> np.ndarray:
    """Return what the fit found, shape (column, pixel); zero where a pixel is empty."""
    share = np.where(result.thickness > 0, np.nan_to_num(result.fraction), 0.0)
    return np.concatenate([share * np.where(result.is_solved, result.thickness, np.nan), result.background])


def arrays(result: Fit) -> dict[str, np.ndarray]:
    """Return every array of a fit by name."""
    return {name: getattr(result, name) for name in Fit.__dataclass_fields__}


def assert_same_bits(left: Fit, right: Fit, pixels: object = slice(None)) -> None:
    """Demand that `right` is `left` at some pixels, bit for bit."""
    for name, values in arrays(left).items():
        there = np.ascontiguousarray(values[..., pixels])
        assert there.tobytes() == np.ascontiguousarray(getattr(right, name)).tobytes(), name
