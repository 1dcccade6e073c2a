"""What is known of where images lie against the first: how it was found, from what, and what is kept of it.

The first good image of an energy is the root that its later ones are compared with; what was found for images
that nothing can change any more is kept (`Track`). `tracking` says how an image finds its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

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
]

Key = tuple[int, int]
"""Cycle and energy of an image."""


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
        Logarithm of its readings, see `likeness.absorbed_in`; shape (ny, nx).
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
