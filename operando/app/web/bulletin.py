"""Snapshot → what the page says: plain values for JSON, all words plain; knows no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.io.json_text import json_text
from operando.types import Snapshot
from operando.view.geometry import placement
from operando.view.history import History
from operando.view.maps import map_levels
from operando.view.present import map_words, present_findings, undetermined_words, unseen_words
from operando.view.quantities import Colouring, MapChoice, MapKind, choices_of, quantity
from operando.view.scales import Levels, ticks
from operando.view.status import State, present_status
from operando.view.timeline import headline_of, present_timeline
from operando.view.words import UNKNOWN, general, measurement, plain

__all__ = ["Edition", "edition_of", "status_of"]

_SHOWN = (
    MapKind.LITHIUM,
    MapKind.LITHIUM_ERROR,
    MapKind.PHASE,
    MapKind.FRACTION,
    MapKind.THICKNESS,
    MapKind.CHI2,
    MapKind.AGE,
    MapKind.OD,
)
_MOST_POINTS = 300
"""Of a curve: as many as a telephone has columns."""
_MOST_SPANS = 200
_MOST_MAPS = 40
_NO_HISTORY = History()
_SIGNS = {"info": "i", "warning": "!", "alarm": "‼"}


@dataclass(frozen=True, slots=True)
class Edition:
    """What the page shows of one snapshot.

    Attributes
    ----------
    number
        Counts up.
    snapshot
        What it is of.
    levels
        The scale of each map that can be asked for.
    text
        The whole without pictures and without what changes while nothing comes, as JSON on one line.
    """

    number: int
    snapshot: Snapshot
    levels: Mapping[MapChoice, Levels]
    text: str


def edition_of(snapshot: Snapshot, before: Edition | None, history: History = _NO_HISTORY) -> Edition:
    """Return what the page shows of a snapshot.

    Parameters
    ----------
    snapshot
        What is shown.
    before
        What was shown before; within a run its scales go on.
    history
        Of the cycles so far, which has pauses and lost beam.
    """
    choices = [choice for choice in choices_of(snapshot) if choice.kind in _SHOWN][:_MOST_MAPS]
    is_same = before is not None and before.snapshot.plan.run == snapshot.plan.run
    old = before.levels if before is not None and is_same else {}
    levels = {choice: map_levels(snapshot, choice, old.get(choice)) for choice in choices}
    number = 1 if before is None else before.number + 1
    place = placement(snapshot.plan.grid)
    left_um, bottom_um = place.lower_left_um
    content = {
        "edition": number,
        "words": map_words(snapshot),
        "unseen": unseen_words(snapshot),
        "undetermined": undetermined_words(snapshot),
        "is_masked": bool(snapshot.marks.masks),
        "maps": [_map(choice, snapshot, levels[choice]) for choice in choices],
        "x_um": [left_um, left_um + place.width_um],
        "y_um": [bottom_um, bottom_um + place.height_um],
        "headline": _headline(snapshot),
        "regions": [
            {
                "name": plain(result.region.name, 40),
                "x": measurement(result.lithium, result.lithium_error),
                "pixels": result.pixels,
            }
            for result in snapshot.regions
        ],
        "time": _time(snapshot, history),
    }
    return Edition(number, snapshot, levels, json_text(content))


def status_of(snapshot: Snapshot | None, age_s: float, stale_after_s: float) -> str:
    """Return how it stands now, as JSON on one line.

    Parameters
    ----------
    snapshot
        The newest, or None before the first.
    age_s
        Seconds since it came.
    stale_after_s
        Age from which an open run counts as stale.
    """
    status = present_status(snapshot, age_s, stale_after_s)
    findings = () if snapshot is None else present_findings(snapshot)
    return json_text(
        {
            "state": status.state.name.lower(),
            "sign": status.state.shape,
            "word": status.state.word,
            "detail": status.detail,
            "sample": status.sample,
            "run": status.run,
            "is_stale": status.state is State.STALE,
            "is_waiting": snapshot is None,
            "age_s": age_s,
            "fields": [
                {
                    "caption": field.caption,
                    "value": field.value,
                    "meaning": field.meaning,
                    "is_alarming": field.is_alarming,
                }
                for field in status.fields
            ],
            "findings": [
                {
                    "severity": found.severity.value,
                    "sign": _SIGNS[found.severity.value],
                    "message": plain(found.message, 300),
                    "advice": plain(found.advice, 300),
                }
                for found in findings
            ],
        }
    )


def _map(choice: MapChoice, snapshot: Snapshot, levels: Levels) -> dict[str, object]:
    named = quantity(choice, snapshot)
    is_kinds = named.colouring is Colouring.CATEGORIES
    return {
        "key": choice.key,
        "name": named.name,
        "label": named.label,
        "meaning": named.meaning,
        "colouring": named.colouring.value,
        "low": levels.low,
        "high": levels.high,
        "ticks": [] if is_kinds else [[tick, general(tick)] for tick in ticks(levels)],
        "kinds": [plain(name, 22) for name in snapshot.phases.names] if is_kinds else [],
    }


def _headline(snapshot: Snapshot) -> list[str]:
    """Return the mean of the field, and what it is the mean of on one line."""
    value, words = headline_of(snapshot, None)
    return [value, (" " if value == UNKNOWN else ", ").join(words.split("\n"))]


def _time(snapshot: Snapshot, history: History) -> dict[str, object]:
    line = present_timeline(snapshot, history, _MOST_POINTS)
    richest = float(np.max(snapshot.phases.lithium, initial=0.0))
    return {
        "unit": line.unit,
        "now": line.now,
        "most": richest if richest > 0 else 1.0,
        "strands": [
            {
                "name": strand.name,
                "time": _rounded(strand.time),
                "x": _rounded(strand.lithium),
                "low": _rounded(strand.low),
                "high": _rounded(strand.high),
            }
            for strand in line.strands
        ],
        "spans": [
            {
                "start": round(span.start, 5),
                "end": round(span.end, 5),
                "words": span.words,
                "is_loss": span.is_loss,
            }
            for span in line.spans[-_MOST_SPANS:]
        ],
    }


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(value, 5) for value in values.tolist()]
