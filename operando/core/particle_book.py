"""What the particles did in every cycle of record so far, as one table of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.core.particles import Particle
from operando.core.segments import Labels
from operando.core.trends import Trend, trend_of
from operando.particles import Character, ParticleCurve, ParticleField, ParticleResult
from operando.types import FloatArray

__all__ = ["NO_PARTICLES", "ParticleBook", "particle_field", "with_particles"]

_LAST_POINTS = 4
"""A rate is that of the line through so many points: more smooth away what changes, fewer are noise."""
_S_PER_H = 3600.0
_CHARACTERS = tuple(Character)


@dataclass(frozen=True, slots=True)
class ParticleBook:
    """One row a particle and cycle, in the order of cycles, then numbers; all columns of shape (row,).

    Attributes
    ----------
    cycle, number
        Which.
    time_s
        The time the map speaks for.
    lithium, lithium_error, active, active_error, front_um, front_error_um
        As in `ParticleCurve`.
    character
        Its place in `Character`.
    amount
        Thickness times area, in units of the references times µm².
    """

    cycle: NDArray[np.int64]
    number: NDArray[np.int64]
    time_s: FloatArray
    lithium: FloatArray
    lithium_error: FloatArray
    active: FloatArray
    active_error: FloatArray
    front_um: FloatArray
    front_error_um: FloatArray
    character: NDArray[np.int64]
    amount: FloatArray


_WHOLE = np.empty(0, dtype=np.int64)
_REAL = np.empty(0)
NO_PARTICLES = ParticleBook(_WHOLE, _WHOLE, _REAL, _REAL, _REAL, _REAL, _REAL, _REAL, _REAL, _WHOLE, _REAL)


def with_particles(book: ParticleBook, cycle: int, found: Sequence[Particle]) -> ParticleBook:
    """Return the book with the particles of a cycle, in place of what it had of that cycle."""
    nan = float("nan")
    rows = [
        (
            cycle,
            one.number,
            one.time_s,
            one.lithium,
            one.lithium_error,
            one.active,
            one.active_error,
            nan if one.front is None else one.front.position_um,
            nan if one.front is None else one.front.position_error_um,
            _CHARACTERS.index(one.character),
            one.thickness * one.area_um2,
        )
        for one in sorted(found, key=lambda one: one.number)
    ]
    before = int(np.searchsorted(book.cycle, cycle))
    behind = int(np.searchsorted(book.cycle, cycle, side="right"))

    def column(place: int, name: str) -> Any:  # noqa: ANN401 - of whatever kind the column is
        known = getattr(book, name)
        own = np.array([row[place] for row in rows], dtype=known.dtype)
        return np.concatenate([known[:before], own, known[behind:]])

    names = [entry.name for entry in fields(ParticleBook)]
    return ParticleBook(**{name: column(place, name) for place, name in enumerate(names)})


def particle_field(
    book: ParticleBook, cycle: int, labels: Labels, found: Sequence[Particle]
) -> ParticleField:
    """Return the particles of a cycle with what they did until then.

    Parameters
    ----------
    book
        Knowing that cycle.
    cycle, labels, found
        The cycle, number of the particle at each pixel, and what each is like.
    """
    pixels = np.bincount(labels.ravel())
    return ParticleField(
        cycle, labels, tuple(_result(book, cycle, one, int(pixels[one.number])) for one in found)
    )


def _result(book: ParticleBook, cycle: int, one: Particle, pixels: int) -> ParticleResult:
    own = (book.number == one.number) & (book.cycle <= cycle)
    curve = ParticleCurve(**{entry.name: getattr(book, entry.name)[own] for entry in fields(ParticleCurve)})
    rate = _newest_trend(curve.time_s, curve.lithium, curve.lithium_error)
    # A front that is told in another way is another coordinate.
    alike = book.character[own] == _CHARACTERS.index(one.character)
    since = 0 if alike.all() else int(np.flatnonzero(~alike)[-1]) + 1
    front = (
        Trend(float("nan"), float("nan"))
        if one.front is None
        else _newest_trend(curve.time_s[since:], curve.front_um[since:], curve.front_error_um[since:])
    )
    return ParticleResult(
        number=one.number,
        pixels=pixels,
        centre_um=one.centre_um,
        area_um2=one.area_um2,
        lithium=one.lithium,
        lithium_error=one.lithium_error,
        thickness=one.thickness,
        histogram=one.histogram,
        active=one.active,
        active_error=one.active_error,
        rate_per_h=_S_PER_H * rate.per_s,
        rate_error_per_h=_S_PER_H * rate.per_s_error,
        front_um_per_h=_S_PER_H * front.per_s,
        front_error_um_per_h=_S_PER_H * front.per_s_error,
        character=one.character,
        front=one.front,
        is_cut=one.is_cut,
        curve=curve,
    )


def _newest_trend(time_s: FloatArray, value: FloatArray, error: FloatArray) -> Trend:
    newest = slice(-_LAST_POINTS, None)
    return trend_of(time_s[newest], value[newest], error[newest])
