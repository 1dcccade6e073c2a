"""Readings of a potentiostat from a text file of columns, as BioLogic, Arbin or a script export them.

Which column is which is told by the unit behind its name: s, min or h; V; mA, µA or A; mAh, µAh, Ah or C.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from operando.core.study_rules import CellBook
from operando.errors import ConfigurationError
from operando.types import FloatArray

__all__ = ["UNITS", "read_cell_file", "unit_of"]

_MOST_LETTERS = 2**26
_TIMES = {"s": 1.0, "min": 60.0, "h": 3600.0}
UNITS: Mapping[str, tuple[str, float]] = {
    "v": ("voltage", 1.0),
    "mv": ("voltage", 1e-3),
    "a": ("current", 1e3),
    "ma": ("current", 1.0),
    "ua": ("current", 1e-3),
    "ah": ("charge", 1e3),
    "mah": ("charge", 1.0),
    "uah": ("charge", 1e-3),
    "c": ("charge", 1 / 3.6),
}
"""What a unit, in small letters without points, is the unit of, and how many V, mA or mAh it is."""


def unit_of(text: str) -> str:
    """Return a unit as `UNITS` writes it: "µA.h" and "uAh" are one, and so is a µ that cannot be decoded."""
    return re.sub(r"[\s.·*]", "", re.sub("[µμ\ufffd]", "u", text)).lower()


def read_cell_file(path: Path, starts_s: float) -> CellBook:
    """Return the readings in a file.

    Parameters
    ----------
    path
        One line of names with units, `time/s`, `Ewe/V`, `I/mA`, `(Q-Qo)/mA.h`, or with the units in brackets,
        then numbers, separated by tabs, semicolons or commas; with the first two, numbers may have a decimal
        comma. Lines before the names are passed over.
    starts_s
        Seconds since the epoch at which the file's time is zero; 0 where it counts from the epoch itself.

    Raises
    ------
    ConfigurationError
        It cannot be read, is too large, or has no time or nothing beside it.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_MOST_LETTERS + 1)
    except OSError as error:
        msg = f"cannot read the readings of the cell {path}: {error.strerror or error}"
        raise ConfigurationError(msg) from error
    if len(text) > _MOST_LETTERS:
        msg = f"{path} has more than {_MOST_LETTERS} letters; thin it out to a reading a second"
        raise ConfigurationError(msg)
    lines = text.splitlines()
    for start, line in enumerate(lines):
        split = "\t" if "\t" in line else ";" if ";" in line else ","
        columns = _columns(line.split(split))
        if "time" in columns and len(columns) > 1:
            below = lines[start + 1 :]
            plain = below if split == "," else [row.replace(",", ".") for row in below]
            return _book(path, [row.split(split) for row in plain], columns, starts_s)
    msg = (
        f"{path} has no line of names with a time and a voltage, current or charge; expected such as "
        "'time/s, Ewe/V, I/mA, Q/mAh'"
    )
    raise ConfigurationError(msg)


def _columns(names: list[str]) -> dict[str, tuple[int, float]]:
    """Return place and factor of what is known; of several columns of a kind the first one."""
    found: dict[str, tuple[int, float]] = {}
    for place, name in enumerate(names):
        match = re.search(r"[/(\[]\s*([^/()\[\]]+?)\s*[)\]]?\s*$", name.strip().strip('"'))
        if match is None:
            continue
        unit = unit_of(match.group(1))
        if unit in _TIMES and "time" in name.lower():
            found.setdefault("time", (place, _TIMES[unit]))
        elif unit in UNITS:
            kind, factor = UNITS[unit]
            found.setdefault(kind, (place, factor))
    return found


def _book(
    path: Path, rows: list[list[str]], columns: dict[str, tuple[int, float]], starts_s: float
) -> CellBook:
    last = max(place for place, _ in columns.values())
    rows = [row for row in rows if len(row) > last]
    table = np.array([_numbers(row, last) for row in rows], dtype=np.float64)
    if not table.size:
        msg = f"{path} has names of columns and no numbers below them"
        raise ConfigurationError(msg)

    def of(kind: str) -> FloatArray:
        place, factor = columns.get(kind, (-1, 1.0))
        return factor * table[:, place] if place >= 0 else np.full(len(table), np.nan)

    time_s = starts_s + of("time")
    known = np.flatnonzero(np.isfinite(time_s))
    if not known.size:
        found = reprlib.repr(rows[0][columns["time"][0]])
        msg = f"{path} has no time that is a number, but {found}; export it as seconds, minutes or hours"
        raise ConfigurationError(msg)
    # Of two readings at one time the later one counts.
    _, newest = np.unique(time_s[known][::-1], return_index=True)
    order = known[::-1][newest]
    return CellBook(time_s[order], of("voltage")[order], of("current")[order], of("charge")[order])


def _numbers(row: list[str], last: int) -> list[float]:
    return [_number(field) for field in row[: last + 1]]


def _number(field: str) -> float:
    try:
        return float(field)
    except ValueError:
        return float("nan")
