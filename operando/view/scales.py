"""Colour scales that do not flicker: levels from valid pixels, held once a map was complete."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.types import MaskArray

__all__ = [
    "FIRST_COLOUR",
    "MASKED",
    "UNDETERMINED",
    "UNSEEN",
    "Levels",
    "centred",
    "colour_index",
    "fitted",
    "held",
    "nice_ceiling",
    "ticks",
]

UNSEEN = 0
"""Index of a pixel that has not been measured."""
UNDETERMINED = 1
"""Index of a pixel that was measured and has no value."""
MASKED = 2
"""Index of a pixel that somebody masked."""
FIRST_COLOUR = 3
"""Index of the lower end of the colour scale; 255 is the upper end."""

_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, slots=True)
class Levels:
    """The two ends of a colour scale.

    Attributes
    ----------
    low, high
        In the unit of what is drawn; `low` is below `high`.
    is_locked
        True once they come from a complete picture: they stay until somebody asks.
    """

    low: float
    high: float
    is_locked: bool = False


def nice_ceiling(value: float) -> float:
    """Return the next round number at or above `value`; 1 for zero and below."""
    if not math.isfinite(value) or value <= 0:
        return 1.0
    decade = 10.0 ** math.floor(math.log10(value))
    # The margin keeps 0.3 from becoming 0.4 through the last bit of a division.
    return next((step * decade for step in _STEPS if value <= step * decade * (1 + 1e-9)), 10.0 * decade)


def ticks(levels: Levels) -> list[float]:
    """Return three to nine round values of a scale that starts at zero, or has it in its middle."""
    if levels.low < 0:
        upper = ticks(Levels(0.0, levels.high))
        return [*(-value for value in reversed(upper[1:])), *upper]
    high = levels.high
    mantissa = high / 10.0 ** math.floor(math.log10(high)) if high > 0 else 0.0
    for leading, parts in ((1.0, 5), (1.2, 4), (1.5, 3), (2.0, 4), (2.5, 5), (3.0, 3), (4.0, 4), (8.0, 4)):
        if math.isclose(mantissa, leading, rel_tol=1e-6):
            return [high * (part / parts) for part in range(parts + 1)]
    # 5 and 6, and whatever a library calls its richest phase.
    parts = round(mantissa) if 4.5 <= mantissa <= 6.5 else 4
    return [high * (part / parts) for part in range(parts + 1)]


def fitted(values: NDArray[np.float32], mask: MaskArray, *, is_locked: bool) -> Levels | None:
    """Return levels from zero to just above the 99th percentile of the masked values.

    Parameters
    ----------
    values
        Shape (ny, nx).
    mask
        Which of them count, shape (ny, nx).
    is_locked
        Whether they are to stay.

    Returns
    -------
    Levels or None
        None where no finite value is left.
    """
    usable = values[mask]
    usable = usable[np.isfinite(usable)]
    if usable.size == 0:
        return None
    return Levels(0.0, nice_ceiling(float(np.percentile(usable, 99.0))), is_locked)


def centred(values: NDArray[np.float32], mask: MaskArray, *, is_locked: bool) -> Levels | None:
    """Return levels with zero in their middle, for quantities of both signs; as `fitted` otherwise."""
    reach = fitted(np.abs(values), mask, is_locked=is_locked)
    return None if reach is None else Levels(-reach.high, reach.high, is_locked)


def held(previous: Levels | None, proposed: Levels | None) -> Levels:
    """Return the levels to draw with: locked ones stay, the others may only widen."""
    if proposed is None:
        return previous or Levels(0.0, 1.0)
    if previous is None or (proposed.is_locked and not previous.is_locked):
        return proposed
    if previous.is_locked:
        return previous
    return Levels(min(previous.low, proposed.low), max(previous.high, proposed.high))


def colour_index(
    values: NDArray[np.float32], shown: MaskArray, measured: MaskArray, levels: Levels
) -> NDArray[np.uint8]:
    """Return the row of a 256-colour table for every pixel.

    A table of colours with two neutral tones in front costs a tenth of drawing floats
    with NaN in them, and a masked pixel cannot pick up a colour by accident.

    Parameters
    ----------
    values
        Shape (ny, nx).
    shown
        Pixels with a value, shape (ny, nx); the others get a neutral tone.
    measured
        Pixels that have been measured at all, shape (ny, nx).
    levels
        Values beyond are drawn with the colour of the nearer end.

    Returns
    -------
    ndarray
        `UNSEEN`, `UNDETERMINED` or `FIRST_COLOUR`..255, shape (ny, nx).
    """
    span = np.float32(255 - FIRST_COLOUR)
    scaled = (values - np.float32(levels.low)) * (span / np.float32(levels.high - levels.low))
    np.nan_to_num(scaled, copy=False, nan=0.0, posinf=float(span), neginf=0.0)
    np.clip(scaled, 0.0, span, out=scaled)
    index = (scaled + np.float32(0.5)).astype(np.uint8)
    index += np.uint8(FIRST_COLOUR)
    neutral = np.where(measured, np.uint8(UNDETERMINED), np.uint8(UNSEEN))
    return np.where(shown, index, neutral)
