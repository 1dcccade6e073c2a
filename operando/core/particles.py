"""What each particle does: its lithium content, how much of it reacts, and where its front is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import ndimage, optimize, special

from operando.core.fit import Design
from operando.core.region import lithium_of_region
from operando.core.segments import Labels
from operando.types import FloatArray, LithiationMap, MaskArray, ScanGrid

__all__ = ["HISTOGRAM_BINS", "Character", "Field", "Front", "Particle", "measure"]

HISTOGRAM_BINS = 20
_ACTIVE_MARGIN = 0.1
"""Share of the range of x next to either end phase in which material counts as being at that end."""
_UNIFORM = 0.04
"""Of the range of x: a spread beyond noise that is smaller than this is none."""
_LEAST_PIXELS = 25
_LEAST_CONTRAST = 0.2
"""Of the range of x: less difference between both sides than this is no front."""
_MUCH_BETTER = 0.15
"""A character is named only where it explains this share more of the variance of x than the other."""


class Character(StrEnum):
    """How a particle reacts."""

    UNIFORM = "uniform"
    """One lithium content, within the errors."""
    CORE_SHELL = "core_shell"
    """From its rim inwards, or outwards."""
    SIDE_ON = "side_on"
    """From one side to the other."""
    MIXED = "mixed"
    """Neither describes it much better than the other."""


@dataclass(frozen=True, slots=True)
class Front:
    """Where x passes from one value to another.

    Attributes
    ----------
    position_um, position_error_um
        Along `direction` from the middle of the particle for a side-on one; below the rim for a core–shell
        one.
    width_um, width_error_um
        From 12 % to 88 % of the way from one side's x to the other's (four scale lengths of a logistic).
    lithium_sides
        x before and behind the front, in the direction of increasing position.
    direction
        Unit vector (y, x) of a side-on front; None for a core–shell one.
    """

    position_um: float
    position_error_um: float
    width_um: float
    width_error_um: float
    lithium_sides: tuple[float, float]
    direction: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Particle:
    """One particle in one cycle.

    Attributes
    ----------
    number
        Its lasting number.
    time_s
        The time the map speaks for.
    centre_um
        (y, x) of its middle, weighted by the amount of material.
    area_um2
        Of all its pixels.
    lithium, lithium_error
        Of all its material, fitted as one region.
    histogram
        Share of its material per bin of x over the range of the phases, shape (`HISTOGRAM_BINS`,).
    active, active_error
        Share of its material that is between the end phases, and how much of it noise may have put there or
        taken away.
    character, front
        How it reacts; None where no front can be told.
    is_cut
        Whether the edge of the field cuts it off.
    """

    number: int
    time_s: float
    centre_um: tuple[float, float]
    area_um2: float
    lithium: float
    lithium_error: float
    histogram: FloatArray
    active: float
    active_error: float
    character: Character
    front: Front | None
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Field:
    """All that is known of the field in one cycle, for the fit of its regions.

    Attributes
    ----------
    grid
        Where the pixels are.
    newest
        The map of the cycle.
    od, variance
        Optical density and its variance, shape (energy, ny, nx).
    shared_variance
        The part of the variance that all pixels of an image share, shape (energy,).
    design
        The model.
    reference_sigma
        Standard deviation of the values of each reference, shape (phase,).
    """

    grid: ScanGrid
    newest: LithiationMap
    od: FloatArray
    variance: FloatArray
    shared_variance: FloatArray
    design: Design
    reference_sigma: FloatArray

    @property
    def lithium_range(self) -> tuple[float, float]:
        """Lowest and highest lithium content of the phases."""
        return float(self.design.lithium.min()), float(self.design.lithium.max())

    @property
    def pitch_um(self) -> tuple[float, float]:
        """Distance of rows and of columns."""
        return _pitch(self.grid.y_um), _pitch(self.grid.x_um)


def measure(field: Field, labels: Labels, cut: tuple[int, ...] = ()) -> tuple[Particle, ...]:
    """Return what every particle with a valid pixel is like, in the order of their numbers.

    Parameters
    ----------
    field
        What is known.
    labels
        Number of the particle at each pixel, 0 where there is none, shape (ny, nx).
    cut
        Numbers of particles that the edge of the field cuts off.
    """
    found: list[Particle] = []
    for number in np.unique(labels[labels > 0]).tolist():
        pixels = labels == number
        if (pixels & field.newest.valid).any():
            found.append(_particle(field, number, pixels, is_cut=number in cut))
    return tuple(found)


def _particle(field: Field, number: int, pixels: MaskArray, *, is_cut: bool) -> Particle:
    newest, (pitch_y, pitch_x) = field.newest, field.pitch_um
    valid = pixels & newest.valid
    whole = lithium_of_region(
        field.od[:, valid],
        field.variance[:, valid],
        field.shared_variance,
        field.design,
        field.reference_sigma,
    )
    amount = newest.thickness[valid]
    rows, columns = np.nonzero(valid)
    centre = np.average([field.grid.y_um[rows], field.grid.x_um[columns]], axis=1, weights=amount)
    active, active_error = _active(field, valid)
    character, front = _front(field, pixels, valid, (float(centre[0]), float(centre[1])))
    low, high = field.lithium_range
    # What noise puts beyond the end phases belongs to them.
    x = np.clip(newest.lithium[valid], low, high)
    histogram, _ = np.histogram(x, bins=HISTOGRAM_BINS, range=(low, high), weights=amount)
    return Particle(
        number=number,
        time_s=newest.time_s,
        centre_um=(float(centre[0]), float(centre[1])),
        area_um2=float(pixels.sum()) * pitch_y * pitch_x,
        lithium=whole.lithium,
        lithium_error=whole.lithium_error,
        histogram=histogram / amount.sum(),
        active=active,
        active_error=active_error,
        character=character,
        front=front,
        is_cut=is_cut,
    )


def _active(field: Field, valid: MaskArray) -> tuple[float, float]:
    """Return the share of material between the end phases, each pixel with the chance that it is."""
    low, high = field.lithium_range
    margin = _ACTIVE_MARGIN * (high - low)
    x, error = field.newest.lithium[valid], np.maximum(field.newest.lithium_error[valid], 1e-9)
    amount = field.newest.thickness[valid]
    chance = special.ndtr((high - margin - x) / error) - special.ndtr((low + margin - x) / error)
    total = float(amount.sum())
    doubt = float(np.sqrt((amount**2 * chance * (1 - chance)).sum()))
    return float((amount * chance).sum()) / total, doubt / total


def _front(
    field: Field, pixels: MaskArray, valid: MaskArray, centre_um: tuple[float, float]
) -> tuple[Character, Front | None]:
    """Return how a particle reacts: what goes with the depth below its rim, or with a direction."""
    x, error = field.newest.lithium[valid], field.newest.lithium_error[valid]
    low, high = field.lithium_range
    if x.size < _LEAST_PIXELS:
        return Character.MIXED, None
    beyond_noise = float(x.var() - (error**2).mean())
    if beyond_noise < (_UNIFORM * (high - low)) ** 2:
        return Character.UNIFORM, None
    rows, columns = np.nonzero(valid)
    away_um = np.stack([field.grid.y_um[rows] - centre_um[0], field.grid.x_um[columns] - centre_um[1]])
    slope = np.linalg.lstsq(np.stack([*away_um, np.ones(x.size)], axis=1) / error[:, None], x / error)[0][:2]
    direction = slope / max(float(np.hypot(*slope)), 1e-12)
    depth_um = np.asarray(
        ndimage.distance_transform_edt(np.pad(pixels, 1), sampling=field.pitch_um), dtype=np.float64
    )[1:-1, 1:-1][valid]
    least_um = min(field.pitch_um) / 4
    side_on = _logistic(direction @ away_um, x, error, (low, high), least_um)
    core_shell = _logistic(depth_um, x, error, (low, high), least_um)
    if side_on.explained > core_shell.explained + _MUCH_BETTER:
        way = (float(direction[0]), float(direction[1]))
        return Character.SIDE_ON, side_on.front(way, _LEAST_CONTRAST * (high - low))
    if core_shell.explained > side_on.explained + _MUCH_BETTER:
        return Character.CORE_SHELL, core_shell.front(None, _LEAST_CONTRAST * (high - low))
    return Character.MIXED, None


@dataclass(frozen=True, slots=True)
class _Step:
    """x as a logistic function of one coordinate, and how much of the variance of x beyond noise it explains."""

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

    def left(parameters: FloatArray) -> FloatArray:
        before, behind, position, scale = parameters
        return (before + (behind - before) * special.expit((place_um - position) / scale) - x) / error

    found = optimize.least_squares(left, np.clip(guess, lower, upper), bounds=(lower, upper))
    freedom = max(x.size - 4, 1)
    inflation = max(2 * float(found.cost) / freedom, 1.0)
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * inflation
    weight = error**-2.0
    scatter = float((weight * (x - np.average(x, weights=weight)) ** 2).sum())
    explained = (scatter - 2 * float(found.cost)) / max(scatter - freedom, 1.0)
    return _Step(found.x, np.sqrt(np.maximum(np.diag(covariance), 0.0)), (first, last), min(explained, 1.0))


def _pitch(positions_um: FloatArray) -> float:
    return (
        abs(float(positions_um[-1] - positions_um[0])) / (positions_um.size - 1)
        if positions_um.size > 1
        else 1.0
    )
