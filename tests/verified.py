"""How far a run log is good, by reading every document of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from operando.errors import DamagedFileError
from operando.io.runlog import LogReader

__all__ = ["Verification", "verify"]

_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Verification:
    """What a full reading of a log found.

    Attributes
    ----------
    good
        How many documents stand before the first bad one; all of them if there is none.
    first_bad_seq
        Where the first bad document stands or should stand, or None.
    reason
        What is wrong with it; empty if nothing is.
    """

    good: int
    first_bad_seq: int | None
    reason: str


def verify(path: str | Path) -> Verification:
    """Read the whole log at `path` and say how far it is good.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        If it cannot be opened as a run log at all.
    """
    good = 0
    with LogReader(path) as log:
        while True:
            try:
                batch = log.read(good, _AT_ONCE)
            except DamagedFileError as error:
                return Verification(good, good + 1, str(error))
            good += len(batch)
            if not batch:
                return Verification(good, None, "")
