"""What a monitor and its window tell each other."""

from __future__ import annotations

from dataclasses import dataclass

from operando.io.parcels import Room
from operando.regions import Marks
from operando.types import Snapshot
from operando.view.bands import Band
from operando.view.history import History, Moment

__all__ = [
    "FROM_MONITOR",
    "FROM_WINDOW",
    "MONITOR_TAKES",
    "TOKEN_BYTES",
    "VERSION",
    "WINDOW_TAKES",
    "Farewell",
    "HistoryPart",
    "Told",
    "Welcome",
    "part_of",
    "with_part",
]

VERSION = 1
TOKEN_BYTES = 64
"""What a window says first; who does not know it hears nothing."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The first word to a window that knows the token.

    Attributes
    ----------
    version
        Of these messages.
    title
        What the window is called.
    choices
        Name of the file in which the window remembers what was chosen.
    results
        Name of the results file, beside the file that says where the monitor is.
    """

    version: int
    title: str
    choices: str
    results: str


@dataclass(frozen=True, slots=True)
class Told:
    """A snapshot, and how many seconds ago it was made."""

    snapshot: Snapshot
    age_s: float


@dataclass(frozen=True, slots=True)
class HistoryPart:
    """A history, with those of its moments that the window does not have yet.

    Attributes
    ----------
    run, recorded, bands_by_cycle, budget_bytes
        As in `History`.
    cycles
        Of all its moments, ascending.
    moments
        Those that are new.
    """

    run: str
    recorded: frozenset[int]
    bands_by_cycle: tuple[tuple[int, tuple[Band, ...]], ...]
    budget_bytes: int
    cycles: tuple[int, ...]
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class Farewell:
    """The last word: why no more comes, and whether the window may ask again."""

    words: str
    may_return: bool


FROM_MONITOR = {"welcome": Welcome, "snapshot": Told, "history": HistoryPart, "farewell": Farewell}
FROM_WINDOW = {"marks": Marks}
MONITOR_TAKES = Room(head_bytes=4 * 2**20, array_bytes=0)
"""All regions with all corners are less than a megabyte."""
WINDOW_TAKES = Room(head_bytes=64 * 2**20, array_bytes=8 * 2**30)


def part_of(history: History, known: History) -> HistoryPart:
    """Return what a window that has `known` needs to have `history`."""
    old = {id(moment) for moment in known.moments}
    return HistoryPart(
        run=history.run,
        recorded=history.recorded,
        bands_by_cycle=history.bands_by_cycle,
        budget_bytes=history.budget_bytes,
        cycles=tuple(moment.cycle for moment in history.moments),
        moments=tuple(moment for moment in history.moments if id(moment) not in old),
    )


def with_part(known: History, part: HistoryPart) -> History:
    """Return the history that a part makes of the one before."""
    moments = {moment.cycle: moment for moment in known.moments} if known.run == part.run else {}
    moments |= {moment.cycle: moment for moment in part.moments}
    return History(
        run=part.run,
        moments=tuple(moments[cycle] for cycle in part.cycles if cycle in moments),
        recorded=part.recorded,
        bands_by_cycle=part.bands_by_cycle,
        budget_bytes=part.budget_bytes,
    )
