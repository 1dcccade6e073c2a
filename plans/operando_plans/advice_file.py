"""Advice from a file that a monitor writes: whatever is in it, the series goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from operando_plans.advice import ACTIONS, DETAILS, Answer, Asked, Suggestion

__all__ = ["AdviceFile"]

_SCHEMA_VERSION = 1
_MAX_BYTES = 65536
_MAX_SUGGESTIONS = 16
_MAX_LETTERS = 300
_MAX_RUNS = 64


class AdviceFile:
    """The file in which a monitor says what it would do next.

    It is read whenever it is asked, and the newest advice about each run is remembered, since a monitor that
    follows several regions writes about one after the other. A file that is missing, old, damaged or
    hostile is no suggestion; why, is said.

    Parameters
    ----------
    path
        Where the monitor writes it. It replaces the file, so that it is never seen half written.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._newest: dict[str, tuple[int, tuple[Suggestion, ...]]] = {}

    def suggest(self, asked: Asked) -> Answer:
        """Return what the file says about the cycle; not ready where it says nothing yet."""
        try:
            run, cycle, suggestions = _read(self._path)
        except (OSError, ValueError, RecursionError) as error:
            trouble = str(error)
        else:
            trouble = f"{self._path} is about another run" if run != asked.run else ""
            if cycle >= self._newest.get(run, (-1, ()))[0]:
                # The one remembered longest goes first, so that a file of ever new runs fills no memory.
                self._newest.pop(run, None)
                self._newest[run] = (cycle, suggestions)
                while len(self._newest) > _MAX_RUNS:
                    del self._newest[next(iter(self._newest))]
        known = self._newest.get(asked.run)
        if known is None:
            return Answer(is_ready=False, note=trouble)
        cycle, suggestions = known
        if cycle == asked.cycle:
            return Answer(suggestions)
        words = f"the newest advice in {self._path} is about cycle {cycle}, not {asked.cycle}"
        return Answer(is_ready=False, note=f"{words}; {trouble}" if trouble else words)


def _read(path: Path) -> tuple[str, int, tuple[Suggestion, ...]]:
    """Return run, cycle and suggestions of a file.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is not what it should be; says what.
    """
    if not path.is_file():  # opening a pipe would wait for somebody to write into it
        msg = f"there is no advice in {path}"
        raise FileNotFoundError(msg)
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        msg = f"{path} has more than {_MAX_BYTES} bytes; it is no advice"
        raise ValueError(msg)
    try:
        document: object = json.loads(content)
    except ValueError as error:
        msg = f"{path} is damaged: {error}"
        raise ValueError(msg) from error
    if not isinstance(document, dict):
        msg = f"{path} holds a {type(document).__name__}; expected an object"
        raise ValueError(msg)
    advice = cast(Mapping[str, Any], document)
    if advice.get("schema_version") != _SCHEMA_VERSION:
        msg = f"{path} has schema_version {_short(advice.get('schema_version'))}; expected {_SCHEMA_VERSION}"
        raise ValueError(msg)
    run, suggestions = advice.get("run"), advice.get("suggestions")
    if not isinstance(run, str) or not 0 < len(run) <= _MAX_LETTERS:
        msg = f"{path} is about run {_short(run)}; expected its uid"
        raise ValueError(msg)
    if not isinstance(suggestions, list) or len(cast(list[object], suggestions)) > _MAX_SUGGESTIONS:
        msg = f"{path} has suggestions {_short(suggestions)}; expected a list of at most {_MAX_SUGGESTIONS}"
        raise ValueError(msg)
    entries = cast(list[object], suggestions)
    return run, _whole(advice, "cycle"), tuple(_suggestion(entry) for entry in entries)


def _suggestion(entry: object) -> Suggestion:
    if not isinstance(entry, dict):
        msg = f"a suggestion is {_short(entry)}; expected an object"
        raise ValueError(msg)
    said = cast(Mapping[str, Any], entry)
    action = said.get("action")
    if action not in ACTIONS:
        msg = f"a suggestion has the action {_short(action)}; expected one of {', '.join(ACTIONS)}"
        raise ValueError(msg)
    missing = [key for key in DETAILS.get(action, ()) if key not in said]
    if missing:
        msg = f"the suggestion '{action}' lacks {', '.join(missing)}"
        raise ValueError(msg)
    return Suggestion(
        action=action,
        reason=_words(said.get("reason", "")),
        energy_index=_whole(said, "energy_index") if action == "dwell" else 0,
        dwell_ms=_number(said["dwell_ms"], "dwell_ms") if action == "dwell" else 0.0,
        centre_um=_pair(said, "centre_um") if action == "dense_region" else (0.0, 0.0),
        size_um=_pair(said, "size_um") if action == "dense_region" else (0.0, 0.0),
        shift_um=_pair(said, "shift_um") if action == "shift" else (0.0, 0.0),
        focus_um=_number(said["focus_um"], "focus_um") if action == "focus" else 0.0,
    )


def _whole(said: Mapping[str, Any], key: str) -> int:
    value = said.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        msg = f"{key} is {_short(value)}; expected a whole number from 0 on"
        raise ValueError(msg)
    return value


def _number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"{key} is {_short(value)}; expected a number"
        raise ValueError(msg)
    if not (isinstance(value, int) and abs(value) < 2**53) and not (
        isinstance(value, float) and math.isfinite(value)
    ):
        msg = f"{key} is {_short(value)}; expected a finite number"
        raise ValueError(msg)
    return float(value)


def _pair(said: Mapping[str, Any], key: str) -> tuple[float, float]:
    value = said[key]
    if not isinstance(value, list) or len(cast(Sequence[object], value)) != 2:
        msg = f"{key} is {_short(value)}; expected two numbers"
        raise ValueError(msg)
    x, y = cast(Sequence[object], value)
    return _number(x, key), _number(y, key)


def _words(value: object) -> str:
    """Return words that any document can hold: no controls, no lone surrogates, not too many."""
    letters = value[:_MAX_LETTERS] if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else "?" for letter in letters)


def _short(value: object) -> str:
    return ascii(value if isinstance(value, int | float | str | None) else type(value).__name__)[:60]
