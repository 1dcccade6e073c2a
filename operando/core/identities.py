"""Which particle is which from one cycle to the next: by the pixels that they share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from operando.core.segments import Labels

__all__ = ["Identified", "Identities", "identify"]

_SAME = 0.3
"""Of the pixels of either, this share must be common for a particle to be the same."""
_PART = 0.5
"""A particle is part of another if that has this share of its pixels."""
_REMEMBERED_CYCLES = 5
"""A particle that is not found is looked for at its old place for so many cycles."""


@dataclass(frozen=True, slots=True)
class Identities:
    """What is known of the particles so far.

    Attributes
    ----------
    places
        Where each particle was last, by its number: indices of pixels in the flattened field.
    missing
        For how many cycles each of these has not been found; 0 where it was.
    next_number
        The number of the next newcomer; numbers are never used again.
    """

    places: dict[int, NDArray[np.intp]] = field(default_factory=dict[int, NDArray[np.intp]])
    missing: dict[int, int] = field(default_factory=dict[int, int])
    next_number: int = 1


@dataclass(frozen=True, slots=True)
class Identified:
    """The particles of a cycle under their lasting numbers.

    Attributes
    ----------
    labels
        Lasting number of each pixel's particle, 0 where there is none, shape (ny, nx).
    born, lost
        Numbers that are new, and those that are not found any more.
    merged
        Pairs (gone, into): particles that became part of another.
    split
        Pairs (new, from): particles that were part of another.
    at_edge
        Particles cut off by the edge of the field: what is measured is not all of them.
    """

    labels: Labels
    born: tuple[int, ...]
    lost: tuple[int, ...]
    merged: tuple[tuple[int, int], ...]
    split: tuple[tuple[int, int], ...]
    at_edge: tuple[int, ...]


def identify(known: Identities, labels: Labels) -> tuple[Identities, Identified]:
    """Return the labels of a cycle under lasting numbers, and what is known then.

    Parameters
    ----------
    known
        From the cycles before; `Identities()` at first.
    labels
        Of this cycle, numbered in any way, in the frame of the field (shifts taken off).
    """
    shape, flat = labels.shape, labels.ravel()
    count = int(labels.max(initial=0))
    sizes = np.bincount(flat, minlength=count + 1)[1:]
    numbers = sorted(known.places)
    # Pixels in common, shape (known particle, label).
    common = np.array(
        [np.bincount(flat[known.places[number]], minlength=count + 1)[1:] for number in numbers]
    ).reshape(len(numbers), count)
    before = np.array([known.places[number].size for number in numbers], dtype=np.float64)
    union = before[:, None] + sizes[None, :] - common
    share = common / np.maximum(union, 1)
    rows, columns = linear_sum_assignment(-share)
    lasting = np.zeros(count + 1, dtype=np.int32)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if share[row, column] >= _SAME or common[row, column] >= _PART * max(before[row], sizes[column]):
            lasting[column + 1] = numbers[row]
    next_number = known.next_number
    born: list[int] = []
    for label in range(1, count + 1):
        if lasting[label] == 0:
            lasting[label] = next_number
            born.append(next_number)
            next_number += 1
    found = set(lasting[1:].tolist())
    merged = [
        (number, int(lasting[1 + int(common[row].argmax())]))
        for row, number in enumerate(numbers)
        if count
        and number not in found
        and common[row].max() >= _PART * before[row]
        and not known.missing[number]
    ]
    split = [
        (int(lasting[column + 1]), numbers[int(common[:, column].argmax())])
        for column in range(count)
        if numbers and int(lasting[column + 1]) in born and common[:, column].max() >= _PART * sizes[column]
    ]
    image = lasting[labels].astype(np.int32)
    rim = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    now = _now(known, image, found, {gone for gone, _ in merged}, next_number)
    identified = Identified(
        labels=image.reshape(shape),
        born=tuple(born),
        lost=tuple(number for number in numbers if number not in found and not known.missing[number]),
        merged=tuple(merged),
        split=tuple(split),
        at_edge=tuple(sorted(set(rim[rim > 0].tolist()))),
    )
    return now, identified


def _now(known: Identities, image: Labels, found: set[int], gone: set[int], next_number: int) -> Identities:
    """Return what is known after a cycle; the merged are not waited for."""
    flat = image.ravel()
    places = {number: np.flatnonzero(flat == number) for number in sorted(found)}
    missing = dict.fromkeys(places, 0)
    for number, place in known.places.items():
        absent = known.missing[number] + 1
        if number not in found and number not in gone and absent <= _REMEMBERED_CYCLES:
            places[number], missing[number] = place, absent
    return Identities(places, missing, next_number)
