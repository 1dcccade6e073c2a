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
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from operando.core.absorption import Detector
from operando.core.image import Image
from operando.core.likeness import absorbed_in, is_believed
from operando.core.register import find_shift
from operando.core.track import Found, Key, Kind, Measured, Registering, RegistrationRule, Root, Track
from operando.types import FloatArray

__all__ = ["measure", "settle"]

_UNKNOWN = float("nan")
"""One object: what is compared with itself is the same, though no NaN equals another."""
_GRAIN = 1024.0
"""Shifts are whole multiples of this part of a pixel, far below their error."""
_BEYOND_PX = 4.0
_LOOKED_BACK = 3
"""Cycles before the oldest image kept whose places are still known: the drift then is told from them."""


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
        kept = Root(key, absorbed_in(images[key], detector))
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
        absorbed = absorbed_in(image, self.detector)
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
            if is_far or not is_believed(found, guess_px, int(np.isfinite(absorbed).sum())):
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
        return absorbed_in(self.images[key], self.detector)


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


def _mean_time_s(image: Image) -> float:
    known = image.row_time_s[~np.isnan(image.row_time_s)]
    return float(known.mean()) if known.size else float("nan")


def _same_marks(one: tuple[NDArray[np.object_], ...], other: tuple[NDArray[np.object_], ...]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))
