"""The spot that the zone plate makes, in focus and out of it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from operando_sim.settings import OpticsSettings

__all__ = ["spot_fwhm_um", "spot_points"]

_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
_IN_FOCUS_POINTS = 5
_MOST_POINTS = 15


def spot_fwhm_um(optics: OpticsSettings, energy_ev: float, zone_plate_um: float) -> float:
    """Return the full width at half maximum of the spot on the sample.

    Out of focus by d the cone of light from the whole zone plate cuts the sample in a disc of diameter
    D d / f = d λ / Δr. A disc has the variance of a Gaussian with a quarter of its diameter as σ, and adds
    to that of the focus.

    Parameters
    ----------
    optics
        With a zone plate, or without one: then always in focus.
    energy_ev
        True photon energy.
    zone_plate_um
        Where the zone plate is.
    """
    zone_plate = optics.zone_plate
    if zone_plate is None:
        return optics.spot_um
    out_of_focus_um = abs(zone_plate_um - zone_plate.focus_um(energy_ev))
    disc_um = zone_plate.diameter_um * out_of_focus_um / zone_plate.focal_length_um(energy_ev)
    return math.hypot(optics.spot_um, _FWHM_PER_SIGMA * disc_um / 4.0)


@lru_cache(maxsize=64)
def spot_points(fwhm_um: float, in_focus_um: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points of a Gaussian spot, shape (2, k) in µm, and their weights, shape (k,), sum 1.

    Gauss-Hermite quadrature of five points a side is exact for sample structure up to the ninth power. A
    spot that is much larger than in focus gets more, or its few points would show as ghosts.
    """
    if fwhm_um == 0.0:
        return np.zeros((2, 1)), np.ones(1)
    wider = fwhm_um / in_focus_um if in_focus_um > 0.0 else math.inf
    side = int(min(max(_IN_FOCUS_POINTS, math.ceil(_IN_FOCUS_POINTS * min(wider, 3.0))), _MOST_POINTS))
    node, weight = np.polynomial.hermite_e.hermegauss(side)
    weight = weight / weight.sum()
    sigma = fwhm_um / _FWHM_PER_SIGMA
    y, x = np.meshgrid(sigma * node, sigma * node, indexing="ij")
    points, weights = np.stack([x.ravel(), y.ravel()]), np.outer(weight, weight).ravel()
    points.flags.writeable = weights.flags.writeable = False
    return points, weights
