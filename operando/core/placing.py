"""Every image brought to where the first one lies: its readings, what they vary by, and when they were taken.

A moved image is an image: I0 is read in it, blank pixels are looked for in it, and rows of it are chosen as
of any other. Readings at the detector's ceiling say nothing and move as such; what was not in the field
is unknown, never made up. An image that is not to be moved is handed on as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import hypot
from statistics import median

import numpy as np
from numpy.typing import NDArray

from operando.core.absorption import Detector, below_ceiling
from operando.core.image import Image
from operando.core.register import WEIGHED, moved
from operando.core.stack import StackState
from operando.core.track import Found, Key, Kind, Measured, Registering
from operando.core.tracking import measure

__all__ = ["Place", "Placing", "places_at", "placing_of", "put_in_place", "remembering"]

_STILL_PX = 0.08
"""Left alone in mode `AUTO`: moving by less gains less than it costs in sharpness."""
_SURE = 3.0
"""And so is what is within so many of its standard deviations."""
_STEADY = 0.25
"""A sample goes on within the first cycle as fast as from there to the second one, to this part of it."""
_RATE_ERROR_PX = 0.02
_FEWEST_RATES = 2
_SLACK_PX = 0.3
"""A sample that is this much further from where it was expected than errors say has jumped."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies, and by how much it is moved back.

    Attributes
    ----------
    y_px, x_px
        From the first image, in pixels.
    error_px
        Standard deviation of either, as it was found: not of how far the sample went since where it is held.
    quality
        Size of the correlation, 0 to 1; NaN where nothing was found.
    kind
        How it is known.
    time_s
        Mean time of the rows of the image.
    moved_px
        What the image is moved by, (y, x): nothing, or (y_px, x_px).
    """

    y_px: float
    x_px: float
    error_px: float
    quality: float
    kind: Kind
    time_s: float
    moved_px: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placing:
    """Images where they belong, and what spares work when that is asked again.

    Attributes
    ----------
    places
        Where images lie, by cycle and energy; of some that are not kept any more as well.
    images
        The images kept, moved.
    scanned
        Marks of the images as they were scanned.
    found
        What was found for images that can still change.
    """

    places: dict[tuple[int, int], Place]
    images: dict[tuple[int, int], Image]
    scanned: dict[tuple[int, int], NDArray[np.object_]]
    found: dict[tuple[int, int], Found]


def placing_of(state: StackState, cycle: int, before: Placing | None = None) -> Placing | None:
    """Return images where they belong, as is known at the end of a cycle; None if they are not registered.

    Parameters
    ----------
    state, cycle
        The images, and the newest cycle that may contribute.
    before
        An earlier answer for the same run, which leaves no trace.
    """
    rule = state.registration
    if not rule.is_needed:
        return None
    known = None if before is None else before.found
    measured, found = measure(state.images, state.track, rule, state.detector, known)
    places = places_at(measured, rule.mode, cycle)
    images: dict[Key, Image] = {}
    for key, image in state.images.items():
        moved_px = places[key].moved_px
        is_there = before is not None and key in before.images and before.places[key].moved_px == moved_px
        if before is not None and is_there and np.array_equal(before.scanned[key], image.marks):
            images[key] = before.images[key]
        else:
            images[key] = put_in_place(image, moved_px, state.detector)
    scanned = {key: state.images[key].marks.copy() for key in images}
    return Placing(places, images, scanned, found)


def remembering(state: StackState, placing: Placing | None) -> StackState:
    """Return `state` knowing what was found, so that it need not be found again."""
    return state if placing is None else replace(state, track=replace(state.track, found=placing.found))


def places_at(measured: Mapping[Key, Measured], mode: Registering, cycle: int) -> dict[Key, Place]:
    """Return where images lie, as is known at the end of a cycle.

    Parameters
    ----------
    measured
        As `tracking.measure` returns it.
    mode
        Whether small shifts are left alone.
    cycle
        The newest cycle that may say where the roots lie.
    """
    known = {**measured, **_refined_roots({key: each for key, each in measured.items() if key[0] <= cycle})}
    alone = {key: _alone(key, known) for key in sorted(known)}
    rates = _rates(alone)
    places: dict[Key, Place] = {}
    recent: list[Key] = []
    for key, own in alone.items():
        recent = [past for past in recent if past > (key[0] - 1, key[1])] + [key]
        place = own
        if own.kind is Kind.FOUND:
            place = _with_its_neighbours(own, recent, alone, rates)
        elif own.kind is Kind.HELD and places:
            last = places[next(reversed(places))]
            place = replace(own, y_px=last.y_px, x_px=last.x_px, error_px=last.error_px)
        places[key] = replace(place, moved_px=_moved_px(place, mode))
    return places


def put_in_place(image: Image, shift_px: tuple[float, float], detector: Detector) -> Image:
    """Return an image as it would be had it not been shifted by (y, x) pixels; itself if it was not."""
    if shift_px == (0.0, 0.0):
        return image
    readings = below_ceiling(image.counts, detector)
    counts, spread = moved(readings, shift_px, readings if image.spread is None else image.spread)
    i0, i0_spread = image.i0, image.i0_spread
    if i0 is not None:
        i0, i0_spread = moved(i0, shift_px, i0 if i0_spread is None else i0_spread)
    marks, known = _marks(image, shift_px)
    nearest = np.clip(np.round(np.arange(marks.size) + shift_px[0]).astype(np.intp), 0, marks.size - 1)

    def row_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(known, values[nearest], np.nan)

    return Image(
        counts=counts,
        i0=i0,
        row_time_s=row_of(image.row_time_s),
        row_dwell_ms=row_of(image.row_dwell_ms),
        row_ring_ma=row_of(image.row_ring_ma),
        marks=marks,
        spread=spread,
        i0_spread=i0_spread,
    )


def _marks(image: Image, shift_px: tuple[float, float]) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Return marks of the rows of a moved image, and which of them have all the rows that they need."""
    ny = image.marks.size
    whole = int(np.floor(shift_px[0]))
    offsets = (0,) if shift_px[0] == whole else range(1 - WEIGHED // 2, 1 + WEIGHED // 2)
    marks, known = np.full(ny, None), np.zeros(ny, dtype=bool)
    for row in range(ny):
        needed = [min(max(row + whole + offset, 0), ny - 1) for offset in offsets]
        if all(image.marks[source] is not None for source in needed):
            marks[row] = (shift_px, *(image.marks[source] for source in needed))
            known[row] = True
    return marks, known


def _alone(key: Key, known: Mapping[Key, Measured]) -> Place:
    """Return where an image lies by what was found for it, and for its roots, alone."""
    own = known[key]
    y_px, x_px, variance, root = own.y_px, own.x_px, own.error_px**2, own.root
    while root is not None:
        there = known[root]
        y_px, x_px, root = y_px + there.y_px, x_px + there.x_px, there.root
        variance += there.error_px**2
    return Place(y_px, x_px, float(np.sqrt(variance)), own.quality, own.kind, own.time_s, (0.0, 0.0))


def _with_its_neighbours(
    own: Place, recent: list[Key], alone: Mapping[Key, Place], rates: Mapping[Key, tuple[float, float]]
) -> Place:
    """Return where an image lies given also those of the cycle that ends with it.

    Each energy errs in its own way, most where its contrast is low or follows the reaction; the sample moves
    steadily. So those before it, moved on at the rate at which all energies went since the cycle before, say
    where it lies as well, each as far as its own error and the rate are sure.
    """
    known = [rates[key] for key in recent if key in rates]
    if len(known) < _FEWEST_RATES:
        return own
    rate_y, rate_x = (median(rate) for rate in zip(*known, strict=True))
    total = sum_y = sum_x = 0.0
    for there in (alone[key] for key in recent):
        if there.kind is not Kind.FOUND:
            continue
        past_s = own.time_s - there.time_s
        went_y, went_x = rate_y * past_s, rate_x * past_s
        variance = there.error_px**2 + _RATE_ERROR_PX**2 + (_STEADY * hypot(went_y, went_x)) ** 2
        y_px, x_px = there.y_px + went_y, there.x_px + went_x
        if hypot(y_px - own.y_px, x_px - own.x_px) <= _SLACK_PX + _SURE * hypot(there.error_px, own.error_px):
            total, sum_y, sum_x = total + 1 / variance, sum_y + y_px / variance, sum_x + x_px / variance
    return replace(own, y_px=sum_y / total, x_px=sum_x / total, error_px=total**-0.5)


def _rates(alone: Mapping[Key, Place]) -> dict[Key, tuple[float, float]]:
    """Return how fast images went since the one before of the same energy, (y, x) in pixels per second."""
    rates: dict[Key, tuple[float, float]] = {}
    before: dict[int, Place] = {}
    for key, own in alone.items():
        if own.kind is Kind.HELD:
            continue
        last = before.get(key[1])
        if last is not None and own.kind is Kind.FOUND and own.time_s > last.time_s:
            apart_s = own.time_s - last.time_s
            rates[key] = ((own.y_px - last.y_px) / apart_s, (own.x_px - last.x_px) / apart_s)
        before[key[1]] = own
    return rates


def _moved_px(place: Place, mode: Registering) -> tuple[float, float]:
    """Return what an image is moved by."""
    is_still = np.hypot(place.y_px, place.x_px) <= max(_STILL_PX, _SURE * place.error_px)
    if mode is Registering.AUTO and place.kind is not Kind.MANUAL and is_still:
        return 0.0, 0.0
    return place.y_px, place.x_px


def _refined_roots(known: Mapping[Key, Measured]) -> dict[Key, Measured]:
    """Return the roots of the first cycle where the rate of the sample says better where they lie.

    Energies have different contrast, which pulls their comparison by a tenth of a pixel or more; images of
    one energy a cycle apart are told to a hundredth. So the rate between the first two cycles, for as
    long as the sample goes on at it, says how far it went between two energies. Both are weighed by
    their errors; where they contradict each other, as when the field jumped, the comparison holds.
    """
    first = min(known, default=(0, 0))[0]
    rate = _rate_px_per_s(known, first)
    if rate is None:
        return {}
    refined: dict[Key, Measured] = {}
    for key, own in known.items():
        if key[0] != first or not own.is_root or own.root is None or own.kind is Kind.MANUAL:
            continue
        went = rate * (own.time_s - known[own.root].time_s)
        found = np.array([own.y_px, own.x_px])
        went_variance = _RATE_ERROR_PX**2 + (_STEADY * float(np.hypot(*went))) ** 2
        if own.is_good and np.hypot(*(found - went)) > _SLACK_PX + _SURE * own.error_px:
            continue
        variance = went_variance + own.error_px**2
        weight = went_variance / variance if own.is_good else 0.0
        y_px, x_px = weight * found + (1 - weight) * went
        error_px = float(np.sqrt((1 - weight) * went_variance))
        refined[key] = replace(own, y_px=float(y_px), x_px=float(x_px), error_px=error_px)
    return refined


def _rate_px_per_s(known: Mapping[Key, Measured], first: int) -> NDArray[np.float64] | None:
    """Return how fast the sample went from the first cycle to the next, (y, x); None if too few say it."""
    rates: list[tuple[float, float]] = []
    for key, own in known.items():
        root = None if own.root is None else known[own.root]
        is_step = own.kind is Kind.FOUND and own.root == (first, key[1]) and key[0] == first + 1
        if is_step and root is not None and own.time_s > root.time_s:
            apart_s = own.time_s - root.time_s
            rates.append((own.y_px / apart_s, own.x_px / apart_s))
    return np.median(np.array(rates), axis=0) if len(rates) >= _FEWEST_RATES else None
