"""Events for streams that have none, as flyers write them: their data lie in files, and documents say where.

A `stream_datum` that completes some events is taken for the page of these events. They have the time at which
it was recorded: a stream says no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from operando.io.assets import AssetBook, Place
from operando.io.readings import text
from operando.io.runlog import LoggedDocument
from operando.io.tiff_frames import tiff_frames_in
from operando.io.written_frames import frames_in

__all__ = ["Page", "Unwritten", "page_of", "reading_at"]


_DIMENSIONS = 3
"""Frames, rows and columns."""


@dataclass(frozen=True, slots=True)
class Unwritten:
    """What of an event is not in its file yet.

    Attributes
    ----------
    key
        Of the event.
    number
        Of the event.
    place
        Where it should be; None where no document says it.
    """

    key: str
    number: int
    place: Place | None


@dataclass(frozen=True, slots=True)
class Page:
    """Events of a stream, as far as their data are written.

    Attributes
    ----------
    document
        An `event_page`.
    missing
        Of each event that is not in it, the first thing that is not written.
    files
        That have something of it.
    """

    document: dict[str, Any]
    missing: tuple[Unwritten, ...]
    files: frozenset[Path | None]


def page_of(book: AssetBook, logged: LoggedDocument, numbers: range) -> Page:
    """Return the events that a `stream_datum` has completed.

    Parameters
    ----------
    book
        What the documents up to it said of files.
    logged
        The `stream_datum`.
    numbers
        Of the events.

    Raises
    ------
    FrameRejected, ValueError
        Their data lie where nothing is read, or are no readings.
    """
    descriptor = text(logged.document.get("descriptor"))
    columns = {
        key: (places, _readings_at(places)) for key, places in book.columns(descriptor, numbers).items()
    }
    missing: list[Unwritten] = []
    whole: list[int] = []
    for index, number in enumerate(numbers):
        unwritten = [key for key, (_, values) in columns.items() if values[index] is None]
        if unwritten:
            missing.append(Unwritten(unwritten[0], number, columns[unwritten[0]][0][index]))
        else:
            whole.append(index)
    time_s = logged.recorded_s if math.isfinite(logged.recorded_s) else book.described_s(descriptor)
    page = {
        "uid": [f"{descriptor} {numbers[index]}" for index in whole],
        "descriptor": descriptor,
        "seq_num": [numbers[index] for index in whole],
        "time": [time_s] * len(whole),
        "data": {key: [values[index] for index in whole] for key, (_, values) in columns.items()},
        "timestamps": {key: [time_s] * len(whole) for key in columns},
    }
    files = frozenset(
        place.path
        for places, values in columns.values()
        for place, value in zip(places, values, strict=True)
        if place is not None and value is not None
    )
    return Page(page, tuple(missing), files)


def reading_at(place: Place) -> Any:  # noqa: ANN401 - a number, or an array of any shape
    """Return what lies at a place as an event would have it, or None where it is not written yet.

    Raises
    ------
    ValueError
        What is there can never be a reading.
    """
    frames = _frames_at(place)
    return None if frames is None else _reading(frames)


def _frames_at(place: Place) -> np.ndarray[Any, Any] | None:
    if place.names is None:
        return frames_in(place.path, place.dataset, place.first, place.stop, place.declared)
    # As in HDF5: what has as many dimensions as all frames together says how many an event has.
    each = place.declared[0] if len(place.declared) == _DIMENSIONS else 1
    return tiff_frames_in(place.path, place.names, each * place.first, each * place.stop)


def _readings_at(places: Sequence[Place | None]) -> list[Any]:
    """Return what lies at each place; neighbours in a file are read in one go."""
    return [value for several in _neighbours(places) for value in _read(several)]


def _neighbours(places: Sequence[Place | None]) -> Iterable[list[Place | None]]:
    for _, group in groupby(enumerate(places), _line_up):
        yield [place for _, place in group]


def _line_up(numbered: tuple[int, Place | None]) -> object:
    """Return what is the same for places that lie one behind the other."""
    index, place = numbered
    return place and (place.path, place.dataset, place.declared, place.first - index)


def _read(places: list[Place | None]) -> list[Any]:
    first, last = places[0], places[-1]
    if first is None or last is None:
        return [None] * len(places)
    events = last.stop - first.first
    frames = _frames_at(replace(first, stop=last.stop)) if len(places) == events else None
    if frames is None:
        # Not all of them are written, or an event is several frames.
        return [None if place is None else reading_at(place) for place in places]
    return [_reading(each) for each in frames.reshape(events, -1, *frames.shape[1:])]


def _reading(frames: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401 - as `reading_at`
    return frames.item() if frames.shape == (1,) else frames
