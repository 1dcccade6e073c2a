"""A made-up particle, for tests of what is drawn of one."""

from __future__ import annotations

import numpy as np

from operando.particles import Character, ParticleCurve, ParticleResult

__all__ = ["particle"]

NOTHING = np.empty(0)
CURVE = ParticleCurve(np.empty(0, np.int64), *[NOTHING] * 7)


def particle(number: int, pixels: int = 10) -> ParticleResult:
    nan = float("nan")
    return ParticleResult(
        number, pixels, (1.0, 2.0), 0.1, 0.5, 0.01, 1.0, NOTHING, 0.5, 0.1, nan, nan, nan, nan,
        Character.MIXED, None, False, CURVE,
    )  # fmt: skip
