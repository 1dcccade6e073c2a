"""The pixels that are fitted in the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.core.fit import Background, Design, design_of
from operando.types import FloatArray

__all__ = ["LINE_PIXELS", "LOOP_PIXELS", "Scene", "scene_of"]

LINE_PIXELS = 512
"""Pixels in the line that rows ending in `_line` are about."""

LOOP_PIXELS = 1000
"""Pixels that peers without a vectorised form are given; 30 µs to 1 ms each."""

_TILE = 256
"""Fields are made of tiles of this many pixels squared, for making noise takes longer than fitting."""


@dataclass(frozen=True)
class Scene:
    """Pixels to fit, in double precision, and what they looked like one frame before."""

    design: Design
    od: FloatArray
    variance: FloatArray
    od_before: FloatArray

    @property
    def model(self) -> FloatArray:
        """The references, shape (energy, phase)."""
        return self.design.matrix * self.design.scale

    def first(self, pixels: int) -> Scene:
        """Return the first pixels alone."""
        some = [
            np.ascontiguousarray(values[:, :pixels]) for values in (self.od, self.variance, self.od_before)
        ]
        return Scene(self.design, *some)


def scene_of(energies: int, phases: int, side: int) -> Scene:
    """Return peaks on an edge, mixed, half of the amounts zero, with the noise of 2,500 counts."""
    rng = np.random.default_rng(energies * 100 + phases)
    energy = np.linspace(0.0, 1.0, energies)
    centre = np.linspace(0.0, 1.0, phases)
    references = 0.3 + np.exp(-(((energy[:, np.newaxis] - centre) / 0.25) ** 2))
    design = design_of(references, centre, energy, Background.NONE)
    tile = min(side, _TILE) ** 2 if side > 1 else max(LINE_PIXELS, LOOP_PIXELS)
    amount = np.maximum(rng.normal(0.1, 0.4, (phases, tile)), 0.0)
    clean = references @ amount
    variance = 4e-4 * np.exp(clean)
    od = clean + rng.normal(size=clean.shape) * np.sqrt(variance)
    od_before = od.copy()
    od_before[-1] = clean[-1] + rng.normal(size=tile) * np.sqrt(variance[-1])
    copies = max(side // _TILE, 1) ** 2
    return Scene(design, np.tile(od, copies), np.tile(variance, copies), np.tile(od_before, copies))
