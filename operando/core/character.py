"""How a particle reacts: evenly, from its rim, or from one side; and where its front is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from operando.core.bounded import nearest_within
from operando.particles import Character, Front
from operando.types import FloatArray

__all__ = ["Character", "Front", "Places", "character_of"]

_UNIFORM = 0.04
"""Of the range of x: a spread beyond noise that is smaller than this is none."""
_LEAST_PIXELS = 25
_LEAST_CONTRAST = 0.2
"""Of the range of x: less difference between both sides than this is no front."""
_MUCH_BETTER = 0.15
"""A character is named only where it explains this share more of the variance of x than the other."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pixels of a particle are.

    Attributes
    ----------
    away_um
        From the middle of the particle, (y, x), shape (2, pixel).
    depth_um
        Below its rim, shape (pixel,).
    pitch_um
        Distance of neighbouring pixels, the lesser of both directions.
    """

    away_um: FloatArray
    depth_um: FloatArray
    pitch_um: float


def character_of(
    places: Places, lithium: FloatArray, error: FloatArray, lithium_range: tuple[float, float]
) -> tuple[Character, Front | None]:
    """Return how a particle reacts: what goes with the depth below its rim, or with a direction.

    Parameters
    ----------
    places
        Where its pixels are.
    lithium, error
        x of each and its standard deviation, shape (pixel,).
    lithium_range
        Lowest and highest lithium content of the phases.
    """
    low, high = lithium_range
    if lithium.size < _LEAST_PIXELS:
        return Character.MIXED, None
    beyond_noise = float(lithium.var() - (error**2).mean())
    if beyond_noise < (_UNIFORM * (high - low)) ** 2:
        return Character.UNIFORM, None
    columns = np.stack([*places.away_um, np.ones(lithium.size)], axis=1)
    slope = np.linalg.lstsq(columns / error[:, None], lithium / error)[0][:2]
    direction = slope / max(float(np.hypot(*slope)), 1e-12)
    least_um = places.pitch_um / 4
    side_on = _logistic(direction @ places.away_um, lithium, error, lithium_range, least_um)
    core_shell = _logistic(places.depth_um, lithium, error, lithium_range, least_um)
    contrast = _LEAST_CONTRAST * (high - low)
    if side_on.explained > core_shell.explained + _MUCH_BETTER:
        return Character.SIDE_ON, side_on.front((float(direction[0]), float(direction[1])), contrast)
    if core_shell.explained > side_on.explained + _MUCH_BETTER:
        return Character.CORE_SHELL, core_shell.front(None, contrast)
    return Character.MIXED, None


@dataclass(frozen=True, slots=True)
class _Step:
    """x as a logistic function of one coordinate, and the share of its spread that this explains."""

    parameters: FloatArray
    errors: FloatArray
    span_um: tuple[float, float]
    explained: float

    def front(self, direction: tuple[float, float] | None, contrast: float) -> Front | None:
        """Return the front, or None where the two sides hardly differ or it is not within the particle."""
        before, behind, position, scale = self.parameters.tolist()
        if abs(behind - before) < contrast or not self.span_um[0] < position < self.span_um[1]:
            return None
        return Front(
            position_um=position,
            position_error_um=float(self.errors[2]),
            width_um=4 * scale,
            width_error_um=4 * float(self.errors[3]),
            lithium_sides=(before, behind),
            direction=direction,
        )


def _logistic(
    place_um: FloatArray, x: FloatArray, error: FloatArray, limits: tuple[float, float], least_um: float
) -> _Step:
    """Fit x = before + (behind - before) / (1 + exp(-(place - position) / scale)), weighted."""
    first, last = float(place_um.min()), float(place_um.max())
    span_um = max(last - first, 4 * least_um)
    order = np.argsort(place_um, kind="stable")
    tenth = max(x.size // 10, 1)
    slack = 0.1 * (limits[1] - limits[0])
    lower = np.array([limits[0] - slack, limits[0] - slack, first - span_um / 4, least_um])
    upper = np.array([limits[1] + slack, limits[1] + slack, last + span_um / 4, span_um])
    guess = np.array(
        [x[order[:tenth]].mean(), x[order[-tenth:]].mean(), float(np.median(place_um)), span_um / 8]
    )

    def curve(parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        before, behind, position, scale = parameters.tolist()
        away = (place_um - position) / scale
        passed = special.expit(away)
        turn = (behind - before) / scale * passed * (1 - passed)
        left = (before + (behind - before) * passed - x) / error
        return left, np.stack([1 - passed, passed, -turn, -turn * away]) / error

    found = nearest_within(curve, guess, lower, upper)
    freedom = max(x.size - 4, 1)
    covariance = np.linalg.pinv(found.normal) * max(found.chi2 / freedom, 1.0)
    weight = error**-2.0
    scatter = float((weight * (x - np.average(x, weights=weight)) ** 2).sum())
    explained = (scatter - found.chi2) / max(scatter - freedom, 1.0)
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return _Step(found.parameters, errors, (first, last), min(explained, 1.0))
