"""What each particle is like: its lithium content, how much of it reacts, and where its front is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from operando.core.character import Character, Front, Places, character_of
from operando.core.distribution import Distribution, distribution_of
from operando.core.evolution import Images
from operando.core.fit import Design
from operando.core.region import lithium_of_spectrum
from operando.core.segments import Labels
from operando.core.shared_errors import SharedErrors
from operando.core.simultaneous import parts_of, spectrum_at
from operando.types import FloatArray, LithiationMap, MaskArray, ScanGrid

__all__ = ["HISTOGRAM_BINS", "Field", "Particle", "measure"]

HISTOGRAM_BINS = 20
_ACTIVE_MARGIN = 0.1
"""Share of the range of x next to either end phase in which material counts as being at that end."""
_MARGIN_DOUBT = 0.05
"""How far that limit may be moved with as much right."""


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
        Of all its material, fitted as one region at that time.
    thickness
        Mean amount of material per pixel, in units of the references; it should not change.
    histogram
        Share of its material per bin of x over the range of the phases, shape (`HISTOGRAM_BINS`,).
    active, active_error
        Share of its material that is between the end phases, noise taken off, and its standard deviation.
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
    thickness: float
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
    images
        The newest image of every energy, then the second newest, …, as far as they are known: particles move
        on while a cycle is measured.
    shared_variance
        The part of the variance that all pixels of an image share, shape (energy,).
    design
        The model.
    shared
        What is uncertain beside the counts.
    own_share
        As for `region.spectrum_of_region`.
    """

    grid: ScanGrid
    newest: LithiationMap
    images: tuple[Images, ...]
    shared_variance: FloatArray
    design: Design
    shared: SharedErrors
    own_share: FloatArray | None = None

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
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        part = _part_of(field, labels[box] == number, box)
        if part.valid.any():
            found.append(_particle(field, number, part, is_cut=number in cut))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a field that a particle fills: a field may hold a thousand of them."""

    grid: ScanGrid
    pixels: MaskArray
    valid: MaskArray
    lithium: FloatArray
    lithium_error: FloatArray
    thickness: FloatArray
    images: tuple[Images, ...]


def _part_of(field: Field, pixels: MaskArray, box: tuple[slice, slice]) -> _Part:
    rows, columns = box
    newest = field.newest
    return _Part(
        ScanGrid(field.grid.x_um[columns], field.grid.y_um[rows]),
        pixels,
        pixels & newest.valid[box],
        newest.lithium[box],
        newest.lithium_error[box],
        newest.thickness[box],
        tuple(
            Images(image.od[:, rows, columns], image.variance[:, rows, columns], image.row_time_s[:, rows])
            for image in field.images
        ),
    )


def _particle(field: Field, number: int, part: _Part, *, is_cut: bool) -> Particle:
    valid, time_s, (pitch_y, pitch_x) = part.valid, field.newest.time_s, field.pitch_um
    pixels = parts_of(part.images, valid)
    spectrum = spectrum_at(pixels, field.shared_variance, time_s, field.own_share)
    whole = lithium_of_spectrum(spectrum, field.design, field.shared)
    lithium, error, amount = part.lithium[valid], part.lithium_error[valid], part.thickness[valid]
    rows, columns = np.nonzero(valid)
    places_um = np.stack([part.grid.y_um[rows], part.grid.x_um[columns]])
    centre = np.average(places_um, axis=1, weights=amount)
    depth_um = np.asarray(
        ndimage.distance_transform_edt(np.pad(part.pixels, 1), sampling=field.pitch_um), dtype=np.float64
    )[1:-1, 1:-1][valid]
    places = Places(places_um - centre[:, None], depth_um, min(field.pitch_um))
    character, front = character_of(places, lithium, error, field.lithium_range)
    active, active_error = _active(distribution_of(lithium, error, amount, field.lithium_range))
    low, high = field.lithium_range
    # What noise puts beyond the end phases belongs to them.
    x = np.clip(lithium, low, high)
    histogram, _ = np.histogram(x, bins=HISTOGRAM_BINS, range=(low, high), weights=amount)
    return Particle(
        number=number,
        time_s=time_s,
        centre_um=(float(centre[0]), float(centre[1])),
        area_um2=float(part.pixels.sum()) * pitch_y * pitch_x,
        lithium=whole.lithium,
        lithium_error=whole.lithium_error,
        thickness=whole.thickness,
        histogram=histogram / amount.sum(),
        active=active,
        active_error=active_error,
        character=character,
        front=front,
        is_cut=is_cut,
    )


def _active(found: Distribution) -> tuple[float, float]:
    """Return the share of material between the end phases, and its standard deviation.

    Much of it may lie next to the limits, so where they are drawn is part of what is not known.
    """
    low, high = float(found.lithium[0]), float(found.lithium[-1])
    span = high - low
    wide, middle, narrow = (
        found.between(low + margin * span, high - margin * span)
        for margin in (_ACTIVE_MARGIN - _MARGIN_DOUBT, _ACTIVE_MARGIN, _ACTIVE_MARGIN + _MARGIN_DOUBT)
    )
    chance = found.between_error(low + _ACTIVE_MARGIN * span, high - _ACTIVE_MARGIN * span)
    return middle, float(np.hypot(chance, (wide - narrow) / 2))


def _pitch(positions_um: FloatArray) -> float:
    return (
        abs(float(positions_um[-1] - positions_um[0])) / (positions_um.size - 1)
        if positions_um.size > 1
        else 1.0
    )
