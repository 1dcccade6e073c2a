"""Where every image lies against the first: measured against a root of its energy, held where it cannot be.

The first good image of an energy is the root that its later ones are compared with, so that errors do not
add up from cycle to cycle. When an image is too unlike the root by now, the last one that was found serves,
and it becomes the next root. Roots of different energies, whose contrast differs, are compared once, in the
first cycle; `placing` says better where they lie once later cycles tell how fast the sample moves.

All of it follows from the images, in the order of cycle and energy, and looks backward only. What was found
for images that nothing can change any more is kept (`Track`); what was found for others may be handed in
again and saves work while what it was found from is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from operando.core.absorption import Detector, below_ceiling
from operando.core.image import Image
from operando.core.register import Shift, find_shift
from operando.types import FloatArray

__all__ = [
    "Found",
    "Key",
    "Kind",
    "Measured",
    "Registering",
    "RegistrationRule",
    "Root",
    "Track",
    "measure",
    "settle",
]

Key = tuple[int, int]
"""Cycle and energy of an image."""

_UNKNOWN = float("nan")
"""One object: what is compared with itself is the same, though no NaN equals another."""

_GRAIN = 1024.0
"""Shifts are whole multiples of this part of a pixel, far below their error."""
_LEAST_CORRELATION = 0.3
"""Of two images, however large they are."""
_SIGMAS = 5.0
"""And so many times what blurred noise has, of which one pixel in eight is independent; of a jump, in a third
of them."""
_INDEPENDENT = 1 / 8
_FAR_OVERLAP = 1 / 3
_LARGEST_ERROR_PX = 0.3
_BEYOND_PX = 4.0
_JUMP_PX = 3.0
_JUMP_GAINS = 0.02
"""A shift further from where it was expected than the first has to raise the correlation so far."""


_LOOKED_BACK = 3
"""Cycles before the oldest image kept whose places are still known: the drift then is told from them."""


class Registering(StrEnum):
    """Whether images are moved to where the first one lies."""

    OFF = "off"
    """No image is moved but by hand."""
    ON = "on"
    """Each image is moved by what was found."""
    AUTO = "auto"
    """As on, but not by less than the error of what was found: a sample that stands still is left alone."""


@dataclass(frozen=True, slots=True)
class RegistrationRule:
    """How images are registered.

    Attributes
    ----------
    mode
        Whether at all.
    cap_px
        An image that seems to lie further off than this, in y or x, is not believed; None for half of
        the shorter side of the field.
    manual
        Shifts (y, x) in pixels of images against the first, by cycle and energy, that are not asked for.
    """

    mode: Registering = Registering.AUTO
    cap_px: float | None = None
    manual: dict[tuple[int, int], tuple[float, float]] = field(
        default_factory=dict[tuple[int, int], tuple[float, float]]
    )

    @property
    def is_needed(self) -> bool:
        """Whether any image may have to be moved."""
        return self.mode is not Registering.OFF or bool(self.manual)

    def limit_px(self, shape: tuple[int, int]) -> float:
        """Return the cap for a field of so many pixels."""
        return min(shape) / 2 if self.cap_px is None else self.cap_px


class Kind(StrEnum):
    """How the place of an image is known."""

    FIRST = "first"
    """There was nothing to compare it with."""
    FOUND = "found"
    HELD = "held"
    """Not: it is taken to lie where the image before it does."""
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Measured:
    """How far an image lies from a root.

    Attributes
    ----------
    kind
        How that is known.
    root
        Cycle and energy of the root; None where it is the first image that all shifts are counted from.
    y_px, x_px
        What is at (y, x) in the root is at (y + y_px, x + x_px) in the image.
    error_px
        Standard deviation of either, as it was found: not of how far the sample went since where it is held.
    quality
        Size of the correlation with what it was compared with, 0 to 1; NaN unless it was found.
    time_s
        Mean time of its rows.
    is_root
        Whether later images are compared with it: it is the first of its energy, or was found against its
        predecessor because the root before is too unlike.
    """

    kind: Kind
    root: Key | None
    y_px: float
    x_px: float
    error_px: float
    quality: float
    time_s: float
    is_root: bool

    @property
    def is_good(self) -> bool:
        """Whether it was not only held."""
        return self.kind is not Kind.HELD


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for an image, and what from: if that is the same, so is the answer.

    Attributes
    ----------
    measured
        The answer.
    causes
        What was known of the image before it and of those that it was compared with.
    marks
        Of its rows, and of those of each, shapes (ny,).
    """

    measured: Measured
    causes: tuple[Measured, ...]
    marks: tuple[NDArray[np.object_], ...]


@dataclass(frozen=True, slots=True)
class Root:
    """An image that others are compared with and that is no longer among the images.

    Attributes
    ----------
    key
        Its cycle and energy.
    absorbed
        Logarithm of its readings, see `measure`; shape (ny, nx).
    """

    key: Key
    absorbed: FloatArray


@dataclass(frozen=True, slots=True)
class Track:
    """What is known of images that cannot change any more, and what spares work.

    Attributes
    ----------
    settled
        Of the images kept, of all roots, of the latest and of the first cycles.
    roots
        By energy, of those whose root is no longer among the images.
    latest
        By energy, the newest image with a place of its own that is no longer among the images: an image after
        dark ones may be compared with it, for as long as lines may still come for that one.
    found
        What was found for other images.
    """

    settled: dict[tuple[int, int], Measured] = field(default_factory=dict[tuple[int, int], Measured])
    roots: dict[int, Root] = field(default_factory=dict[int, Root])
    latest: dict[int, Root] = field(default_factory=dict[int, Root])
    found: dict[tuple[int, int], Found] = field(default_factory=dict[tuple[int, int], Found])


def measure(
    images: Mapping[Key, Image],
    track: Track,
    rule: RegistrationRule,
    detector: Detector,
    known: Mapping[Key, Found] | None = None,
) -> tuple[dict[Key, Measured], dict[Key, Found]]:
    """Return where every image lies, and what spares work when asked again.

    Images are compared by the logarithm of their readings against the incident channel, or else against
    dwell: optical density but for a number that all pixels of an image share, which no comparison sees.

    Parameters
    ----------
    images
        By cycle and energy.
    track
        Of those that left.
    rule, detector
        How they are registered, and how readings are to be taken.
    known
        What an earlier call returned.
    """
    search = _Search(images, track, rule, detector)
    memory = {**track.found, **(known or {})}
    places, fresh = dict(track.settled), dict[Key, Found]()
    previous = max(places, default=None)
    for key in sorted(images):
        if key not in track.settled:
            found = search.place(key, previous, places, memory.get(key))
            places[key], fresh[key] = found.measured, found
        previous = key
    return places, fresh


def settle(
    images: Mapping[Key, Image],
    track: Track,
    rule: RegistrationRule,
    detector: Detector,
    leaving: Iterable[Key],
) -> Track:
    """Return the track knowing that some images cannot change any more, and that some of these leave.

    Parameters
    ----------
    images, track, rule, detector
        As for `measure`; images that nothing can change any more.
    leaving
        Which of them are no longer kept after this.
    """
    places, _ = measure(images, track, rule, detector)
    fixed = {**track.settled, **places}
    roots, latest = dict(track.roots), dict(track.latest)
    gone = set(leaving)
    for key in sorted(gone):
        is_latest = places[key].is_good and images[key].is_complete
        if not (is_latest or places[key].is_root):
            continue
        kept = Root(key, _absorbed(images[key], detector))
        if is_latest:
            latest[key[1]] = kept
        if places[key].is_root:
            roots[key[1]] = kept
    newest = max(fixed, default=(0, 0))
    first = min(fixed, default=(0, 0))[0]
    oldest = min((key[0] for key in images if key not in gone), default=newest[0])

    compared = {kept.key for kept in latest.values()}

    def is_wanted(key: Key) -> bool:
        is_near = key[0] > oldest - _LOOKED_BACK or key[0] <= first + 1
        return is_near or key in compared or fixed[key].is_root

    return Track(
        {key: fixed[key] for key in fixed if is_wanted(key)},
        roots,
        latest,
        {key: found for key, found in track.found.items() if key not in fixed},
    )


@dataclass(frozen=True, slots=True)
class _Search:
    """The images among which an image finds its place."""

    images: Mapping[Key, Image]
    track: Track
    rule: RegistrationRule
    detector: Detector

    def place(
        self, key: Key, previous: Key | None, places: Mapping[Key, Measured], known: Found | None
    ) -> Found:
        """Return what is found for an image, given those before it."""
        image = self.images[key]
        time_s = _mean_time_s(image)
        before = None if previous is None else places[previous]
        manual = self.rule.manual.get(key)
        if manual is not None:
            is_first = not any(_is_root_of(places, past, key[1]) for past in places)
            by_hand = Measured(Kind.MANUAL, None, *manual, 0.0, _UNKNOWN, time_s, is_first)
            return Found(by_hand, (), (image.marks.copy(),))
        held = _held(before, previous, time_s)
        if self.rule.mode is Registering.OFF or not image.is_complete:
            return Found(held, (), (image.marks.copy(),))
        against = list(self._candidates(key, places))
        causes = (held, *(places[other] for other in against))
        others = [self.images[other].marks for other in against if other in self.images]
        marks = (image.marks, *others)
        if known is not None and known.causes == causes and _same_marks(known.marks, marks):
            return known
        measured = self._compared(key, against, held, places) if against else _first(held)
        return Found(measured, causes, tuple(each.copy() for each in marks))

    def _candidates(self, key: Key, places: Mapping[Key, Measured]) -> Iterator[Key]:
        """Yield what an image may be compared with, best first."""
        cycle, energy = key
        own = [past for past in places if past[1] == energy and past[0] < cycle]
        root = max((past for past in own if places[past].is_root), default=None)
        if root is None:
            others = [past for past in places if past < key and places[past].is_good and self._has(past)]
            yield from sorted(others, reverse=True)[:2]
            return
        yield root
        latest = max((past for past in own if places[past].is_good and self._has(past)), default=root)
        if latest != root:
            yield latest

    def _has(self, key: Key) -> bool:
        if key in self.images:
            return self.images[key].is_complete
        latest = self.track.latest.get(key[1])
        return latest is not None and latest.key == key

    def _compared(
        self, key: Key, against: list[Key], held: Measured, places: Mapping[Key, Measured]
    ) -> Measured:
        """Return what the first comparison says that can be believed, or else what is held."""
        image = self.images[key]
        absorbed = _absorbed(image, self.detector)
        here = _place(held, places)
        limit_px = self.rule.limit_px(image.counts.shape)
        for number, other in enumerate(against):
            there, lies = places[other], _place(places[other], places)
            guess_px = (here[0] - lies[0], here[1] - lies[1])
            # Looked for beyond the cap as well: the best within it is no answer where a better one is not.
            reach_px = limit_px + max(map(abs, here)) + _BEYOND_PX
            found = find_shift(self._absorbed_of(other), absorbed, limit_px=reach_px, guess_px=guess_px)
            y_px, x_px = (round(by * _GRAIN) / _GRAIN for by in (found.y_px, found.x_px))
            is_far = max(abs(lies[0] + y_px), abs(lies[1] + x_px)) > limit_px
            if is_far or not _is_believed(found, guess_px, int(np.isfinite(absorbed).sum())):
                continue
            quality = abs(found.correlation)
            is_root = other[1] != key[1] or number > 0
            if there.is_root:
                return Measured(Kind.FOUND, other, y_px, x_px, found.error_px, quality, held.time_s, is_root)
            error_px = float(np.hypot(found.error_px, there.error_px))
            y_px, x_px = y_px + there.y_px, x_px + there.x_px
            return Measured(Kind.FOUND, there.root, y_px, x_px, error_px, quality, held.time_s, is_root)
        return replace(held, is_root=_needs_root(key[1], places))

    def _absorbed_of(self, key: Key) -> FloatArray:
        for kept in (self.track.roots.get(key[1]), self.track.latest.get(key[1])):
            if kept is not None and kept.key == key:
                return kept.absorbed
        return _absorbed(self.images[key], self.detector)


def _needs_root(energy: int, places: Mapping[Key, Measured]) -> bool:
    """Return whether an energy has no root, or one that no other image was ever found like."""
    own = {past: place for past, place in places.items() if past[1] == energy}
    root = max((past for past, place in own.items() if place.is_root), default=None)
    if root is None:
        return True
    is_alone = not any(place.kind is Kind.FOUND and place.root == root for place in own.values())
    return own[root].kind in {Kind.FIRST, Kind.HELD} and is_alone


def _is_root_of(places: Mapping[Key, Measured], key: Key, energy: int) -> bool:
    return key[1] == energy and places[key].is_root


def _held(before: Measured | None, previous: Key | None, time_s: float) -> Measured:
    """Return the place of the image before, as that of this one."""
    if before is None:
        return Measured(Kind.HELD, None, 0.0, 0.0, 0.0, _UNKNOWN, time_s, is_root=False)
    if before.is_root:
        return Measured(Kind.HELD, previous, 0.0, 0.0, 0.0, _UNKNOWN, time_s, is_root=False)
    return replace(before, kind=Kind.HELD, quality=_UNKNOWN, time_s=time_s)


def _first(held: Measured) -> Measured:
    """Return an image that nothing can be compared with yet as a root where the one before it lies."""
    return replace(held, kind=Kind.FIRST, error_px=0.0, is_root=True)


def _place(measured: Measured, places: Mapping[Key, Measured]) -> tuple[float, float]:
    """Return how far an image lies from the first, (y, x) in pixels, going from root to root."""
    y_px, x_px, root = measured.y_px, measured.x_px, measured.root
    while root is not None:
        y_px, x_px, root = y_px + places[root].y_px, x_px + places[root].x_px, places[root].root
    return y_px, x_px


def _is_believed(found: Shift, guess_px: tuple[float, float], pixels: int) -> bool:
    is_jump = max(abs(found.y_px - guess_px[0]), abs(found.x_px - guess_px[1])) > _JUMP_PX
    independent = max(pixels * _INDEPENDENT * (_FAR_OVERLAP if is_jump else 1.0), 1.0)
    is_like = abs(found.correlation) >= max(_LEAST_CORRELATION, _SIGMAS / independent**0.5)
    has_gained = not is_jump or found.gained >= _JUMP_GAINS
    return has_gained and is_like and found.error_px <= _LARGEST_ERROR_PX


def _absorbed(image: Image, detector: Detector) -> FloatArray:
    """Return the logarithm of incident readings, or else of dwell, over readings; shape (ny, nx)."""
    counts = below_ceiling(image.counts, detector) - detector.dark_counts
    dwell_ms = image.row_dwell_ms[:, None]
    incident = image.i0 if image.i0 is not None else np.where(dwell_ms > 0, dwell_ms, 1.0)
    usable = (counts > 0) & (incident > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(usable, np.log(incident) - np.log(counts), np.nan)


def _mean_time_s(image: Image) -> float:
    known = image.row_time_s[~np.isnan(image.row_time_s)]
    return float(known.mean()) if known.size else float("nan")


def _same_marks(one: tuple[NDArray[np.object_], ...], other: tuple[NDArray[np.object_], ...]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))
