"""The incident beam and the detector that counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from operando_sim.settings import BeamSettings, DetectorSettings

__all__ = ["count", "incident_per_ms", "ring_current_ma"]

_DIP_BELOW_MIDDLE_EV = 6.0
_DIP_WIDTH_EV = 7.0


def ring_current_ma(beam: BeamSettings, elapsed_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the ring current in mA: it decays exponentially and is filled up again at intervals."""
    since_top_up_s = np.mod(elapsed_s, beam.top_up_s)
    return beam.ring_current_ma * np.exp(-since_top_up_s / (3600.0 * beam.lifetime_h))


def incident_per_ms(
    beam: BeamSettings, from_middle_ev: float, elapsed_s: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return the detector's mean counts per ms without a sample, at times since the world's start.

    Parameters
    ----------
    beam
        The beam.
    from_middle_ev
        Photon energy less the middle of the energy range.
    elapsed_s
        Seconds since the world's start, any shape.
    """
    dip = beam.dip * np.exp(-(((from_middle_ev + _DIP_BELOW_MIDDLE_EV) / _DIP_WIDTH_EV) ** 2))
    flux = beam.counts_per_ms * (1.0 + beam.tilt_per_ev * from_middle_ev) * (1.0 - dip)
    return flux * ring_current_ma(beam, elapsed_s) / beam.ring_current_ma


def count(
    detector: DetectorSettings, light: NDArray[np.float64], dwell_ms: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return readings for mean counts of `light` in `dwell_ms`, any shape.

    A scaled Poisson number F · Poisson(m / F) has mean m and variance F · m.
    """
    mean = light + detector.dark_per_ms * dwell_ms
    gain = detector.variance_to_mean
    return np.minimum(gain * rng.poisson(mean / gain), detector.saturation)
