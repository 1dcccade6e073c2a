"""Values in documents, checked one by one: whole numbers, times, names and arrays.

Documents come from many hands; what is not what it should be costs the event it stands in.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from operando.errors import FrameRejected
from operando.types import FloatArray

__all__ = [
    "incident_of",
    "is_time",
    "numbers_of",
    "ring_current_of",
    "text",
    "time_of",
    "whole",
    "without_leading",
]

_MAX_WHOLE = 2**31
_MAX_TIME_S = 253_402_300_800.0
"""The year 10000, beyond which calendars of files and screens do not go."""
_MAX_RING_MA = 100_000.0
_MAX_TEXT = 1000
"""Attributes of HDF5 files hold 64 kB at most; a name is shorter than that."""
_MAX_NAME, _MOST_NAMES = 60, 20


def text(value: object) -> str:
    """Return a name or sentence from a document as files can hold it.

    NULs and halves of surrogate pairs, which HDF5 refuses, become "?"; it is cut after 1000 letters.
    """
    said = value if isinstance(value, str) else reprlib.repr(value)
    return said[:_MAX_TEXT].replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


def whole(value: object, name: str) -> int:
    """Return a whole number of a document.

    Raises
    ------
    FrameRejected
        It is something else, or beyond all that can be counted in a scan.
    """
    if not isinstance(value, int | float | np.integer | np.floating):
        msg = f"'{name}' is a {type(value).__name__}; expected a whole number"
        raise FrameRejected(msg)
    # In this order: infinity and NaN fail the first comparison, numbers too long for a float too.
    if not -_MAX_WHOLE < value < _MAX_WHOLE or value != int(value):
        msg = f"'{name}' is not a whole number below 2^31"
        raise FrameRejected(msg)
    return int(value)


def is_time(value: object) -> TypeGuard[float]:
    """Return whether a value is a time in seconds since 1970, of the first 8000 years."""
    return isinstance(value, int | float | np.integer | np.floating) and bool(0 <= value < _MAX_TIME_S)


def time_of(event: Mapping[str, Any], key: str) -> float:
    """Return when a reading was taken: the device's own stamp, else when the event was made.

    The RunEngine stamps collected events when it collects them, which may be much later.

    Raises
    ------
    FrameRejected
        Neither is a time.
    """
    stamps = event.get("timestamps")
    stamp = stamps.get(key) if isinstance(stamps, Mapping) else None
    for time_s in (stamp, event.get("time")):
        if is_time(time_s):
            return float(time_s)
    msg = f"an event has no time of its own nor of '{key}'; expected seconds since 1970"
    raise FrameRejected(msg)


def numbers_of(data: Mapping[str, Any], key: str) -> FloatArray:
    """Return a reading as numbers, in the shape it came in.

    Raises
    ------
    FrameRejected
        There is none, or it is made of something else.
    """
    if key not in data:
        msg = f"an event has no '{key}'; it has {_named(data) or 'nothing'}"
        raise FrameRejected(msg)
    value = data[key]
    if isinstance(value, str):
        msg = (
            f"'{key}' refers to data outside the document, which were not read; "
            "name their folder in the profile as [layout] asset_roots, or record them in the event"
        )
        raise FrameRejected(msg)
    if np.iscomplexobj(value):
        msg = f"'{key}' is complex; record its modulus, with \"amplitude\" as the units of its data key"
        raise FrameRejected(msg)
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"'{key}' is not made of numbers: {error}"
        raise FrameRejected(msg) from error


def _named(data: Mapping[str, Any]) -> str:
    """Return the names of the readings of an event, as far as a sentence has room for them."""
    return ", ".join(text(key)[:_MAX_NAME] for key in sorted(data, key=str)[:_MOST_NAMES])


def without_leading(numbers: FloatArray, *shapes: tuple[int, ...]) -> FloatArray:
    """Return numbers less leading axes of length one, as far as it takes to fit one of the shapes.

    Detectors send a line of n pixels as (1, n), an image as (1, rows, columns).
    """
    found = numbers
    while found.shape not in shapes and found.ndim > 1 and found.shape[0] == 1:
        found = found[0]
    return found if found.shape in shapes else numbers


def dwell_of(data: Mapping[str, Any]) -> float:
    """Return the dwell that an event says itself, ms; NaN where it says none, or what is no duration."""
    value = data.get("dwell_ms")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        return math.nan
    return float(value)


def incident_of(data: Mapping[str, Any], key: str | None, shape: tuple[int, ...]) -> FloatArray | None:
    """Return the incident-beam reading beside counts of a shape; a single number holds for all of them.

    Parameters
    ----------
    data
        Of an event.
    key
        Of the channel; None for none. An event without it has no reading.
    shape
        (nx,) of a line or (ny, nx) of an image.

    Raises
    ------
    FrameRejected
        The reading has another shape, or is not made of numbers.
    """
    if key is None or data.get(key) is None:
        return None
    i0 = without_leading(numbers_of(data, key), shape)
    if math.prod(i0.shape) == 1:
        return np.full(shape, i0.item())
    if i0.shape != shape:
        msg = f"the incident beam '{key}' has shape {i0.shape}; the counts beside it have {shape}"
        raise FrameRejected(msg)
    return i0


def ring_current_of(data: Mapping[str, Any]) -> float:
    """Return the current of the storage ring in mA beside a reading; NaN where the event does not say.

    0.00 says nothing: it is how instruments write that nobody measured it.
    """
    value = data.get("ring_current_ma", data.get("ring_current"))
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < _MAX_RING_MA else float("nan")
