"""When a monitor's state is kept, and whether one that was kept is of use."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from operando import __version__
from operando.core.advice import Memory
from operando.errors import FrameRejected
from operando.io.blob import encode
from operando.io.checkpoint import StoredState, read_state, write_state
from operando.io.frozen import digest_of, freeze, thaw
from operando.io.layouts import ReaderState
from operando.io.runlog import LoggedDocument
from operando.live.runs import RunsState, Work
from operando.types import Finding

__all__ = ["Checkpoint", "Checkpoints", "KeepsRecords", "MonitorState", "Pace", "fingerprint_of"]

_log = logging.getLogger(__name__)


class KeepsRecords(Protocol):
    """Whoever keeps the cycles of record; they are not recorded again after a restart."""

    def kept(self) -> dict[str, Any] | None:
        """Return what has been kept, as plain values; None while some of it has not been."""
        ...

    def resume(self, kept: dict[str, Any]) -> str:
        """Go on from what an earlier process had kept; return why that cannot be, or ""."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a state is kept.

    Attributes
    ----------
    every_s
        This often, and after each cycle of record.
    share
        Less often where it would take more than this share of the worker's time.
    """

    every_s: float = 10.0
    share: float = 0.03


@dataclass(slots=True)
class MonitorState:
    """All that a monitor has learned from the documents up to some number.

    Attributes
    ----------
    reader, runs
        Of the documents, and of the runs that they make.
    memories
        Of the adviser, by uid; empty without one.
    damage
        What of the documents was damaged and passed over.
    """

    reader: ReaderState
    runs: RunsState
    memories: dict[str, Memory]
    damage: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state, and the place in the log that it belongs to.

    Attributes
    ----------
    offset
        Number of the last document that it knows.
    fingerprint
        Of that document.
    state
        What had been learned.
    kept
        What had been kept, as `KeepsRecords` said it.
    """

    offset: int
    fingerprint: str
    state: MonitorState
    kept: dict[str, Any]


class Checkpoints:
    """Keep the state of one monitor in one file.

    Parameters
    ----------
    path
        The file.
    work
        What is fitted, and how; a state of another work is of no use.
    records
        Who keeps the cycles of record.
    pace
        How often.
    clock
        Seconds that only go forward.

    Attributes
    ----------
    complaint
        Why the file that was there is not used, or "".
    """

    def __init__(
        self,
        path: Path,
        work: Work,
        records: KeepsRecords,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.complaint = ""
        self._path = path
        self._work = digest_of(work)
        self._records = records
        self._pace = pace or Pace()
        self._clock = clock
        self._next_s = clock() + self._pace.every_s
        self._earliest_s = float("-inf")
        self._has_record = False
        self._offset = 0
        self._has_complained = False

    def load(self) -> Checkpoint | None:
        """Return what an earlier process left, or None if there is nothing that can be used."""
        try:
            stored = read_state(self._path)
            return None if stored is None else self._understood(stored)
        # What a file holds that is none of ours, or of another version of this program.
        except (OSError, LookupError, TypeError, ValueError) as error:
            self.refuse(str(error))
            return None

    def accept(self, checkpoint: Checkpoint) -> bool:
        """Return whether the records that a state takes as kept are still there."""
        complaint = self._records.resume(checkpoint.kept)
        if complaint:
            self.refuse(complaint)
            return False
        self._offset = checkpoint.offset
        return True

    def refuse(self, complaint: str) -> None:
        """Say why the file is of no use."""
        self.complaint = f"{self._path} is not used: {complaint}; the log is read from its beginning"
        _log.warning("%s", self.complaint)

    def is_due(self) -> bool:
        """Return whether it is time to save."""
        now_s = self._clock()
        return now_s >= self._earliest_s and (self._has_record or now_s >= self._next_s)

    def recorded(self) -> None:
        """Take note that a cycle of record was kept."""
        self._has_record = True

    def save(self, newest: LoggedDocument, state: MonitorState) -> None:
        """Keep a state that knows all documents up to `newest`; what prevents it is logged once."""
        began_s = self._clock()
        kept = self._records.kept()
        if kept is not None and newest.seq != self._offset:
            self._write(newest, state, kept)
        now_s = self._clock()
        self._has_record = False
        self._next_s = now_s + self._pace.every_s
        self._earliest_s = now_s + (now_s - began_s) / self._pace.share

    def _write(self, newest: LoggedDocument, state: MonitorState, kept: dict[str, Any]) -> None:
        head = {
            "program": __version__,
            "work": self._work,
            "offset": newest.seq,
            "fingerprint": fingerprint_of(newest),
            "kept": kept,
        }
        try:
            write_state(self._path, StoredState(head, freeze(state)))
        except (OSError, FrameRejected) as error:
            if not self._has_complained:
                _log.warning(
                    "no checkpoint can be written to %s (%s); started again, all is read from the beginning",
                    self._path,
                    error,
                )
            self._has_complained = True
            return
        self._has_complained = False
        self._offset = newest.seq

    def _understood(self, stored: StoredState) -> Checkpoint:
        head = stored.head
        if head["program"] != __version__:
            msg = f"it is of version {head['program']!s:.20} of this program, this is {__version__}"
            raise ValueError(msg)
        if head["work"] != self._work:
            msg = "it was made with other references or settings"
            raise ValueError(msg)
        return Checkpoint(
            int(head["offset"]),
            str(head["fingerprint"]),
            thaw(MonitorState, stored.frozen),
            dict(head["kept"]),
        )


def fingerprint_of(logged: LoggedDocument) -> str:
    """Return what tells a document of a log from any other in its place."""
    digest = hashlib.sha256(f"{logged.seq}\n{logged.run}\n{logged.name}\n{logged.recorded_s!r}\n".encode())
    digest.update(encode(logged.document))
    return digest.hexdigest()
