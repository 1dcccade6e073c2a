"""Where documents are read from: always by offset, so that whoever was late asks again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

from operando.errors import DamagedFileError
from operando.io.readings import is_time
from operando.io.runlog import LoggedDocument, LogReader
from operando.types import Finding, Severity

__all__ = ["DocumentSource", "FollowedLog", "PacedSource", "RecordedLog", "Source"]


class Source(Protocol):
    """Documents numbered from 1, read in batches by the number of the last one had."""

    @property
    def name(self) -> str:
        """As the user would write it."""
        ...

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents after number `after`; empty if there are none now."""
        ...

    def head(self) -> int:
        """Return the number of the last document known to exist."""
        ...

    def has_ended(self, after: int) -> bool:
        """Return whether nothing will ever come after number `after`."""
        ...

    def findings(self) -> tuple[Finding, ...]:
        """Return what the user should know of the way the documents come."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class RecordedLog:
    """A run log as it is now: it ends where it ends, or where it was cut."""

    def __init__(self, reader: LogReader, name: str) -> None:
        self._reader = reader
        try:
            self._last = reader.head()
            self._cut = reader.lost_end()
        except DamagedFileError as error:
            self._last = reader.reachable()
            self._cut = f"{name} is cut or damaged behind document {self._last}: {error}"
        self.name = name

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents after number `after`."""
        return self._reader.read(after, min(limit, self._last - after)) if after < self._last else []

    def head(self) -> int:
        """Return the number of the last document when the log was opened."""
        return self._last

    def has_ended(self, after: int) -> bool:
        """Return whether number `after` is the last one."""
        return after >= self._last

    def findings(self) -> tuple[Finding, ...]:
        """Say where the log is cut, if it is."""
        advice = "what stands before is fitted; a copy of the log may be whole"
        return (Finding("damage", Severity.WARNING, self._cut, advice),) if self._cut else ()

    def close(self) -> None:
        """Close the log."""
        self._reader.close()


class FollowedLog:
    """A run log that somebody is writing: it ends when told, once everything is read.

    Parameters
    ----------
    reader
        The log.
    name
        As the user would write it.
    ended
        Set by whoever knows that no more will be written.
    """

    def __init__(self, reader: LogReader, name: str, ended: threading.Event) -> None:
        self._reader = reader
        self._ended = ended
        self.name = name

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents after number `after`."""
        return self._reader.read(after, limit)

    def head(self) -> int:
        """Return the number of the last document written."""
        return self._reader.head()

    def has_ended(self, after: int) -> bool:
        """Return whether the writer has finished and number `after` is the last one."""
        # The flag first: what is written before it is set is then sure to be seen.
        return self._ended.is_set() and after >= self._reader.head()

    def findings(self) -> tuple[Finding, ...]:
        """Return none."""
        return ()

    def close(self) -> None:
        """Close the log."""
        self._reader.close()


class DocumentSource:
    """Documents that a generator yields, such as those of a file; read once, from the first on.

    What stands before a damaged place is delivered: a batch ends before it, and only a read that
    would begin with it raises what the generator raised, then and whenever it is asked again.
    """

    def __init__(self, documents: Iterator[tuple[str, dict[str, Any]]], name: str) -> None:
        self._documents = documents
        self._given = 0
        self._is_exhausted = False
        self._failure: OSError | ValueError | None = None
        self._run = ""
        self.name = name

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return the next documents.

        Raises
        ------
        ValueError
            `after` is not the number of the last document that was returned.
        OperandoError
            Nothing good is left before a place that the generator could not read.
        """
        if after != self._given:
            msg = (
                f"documents after {after} were asked for, but {self._given} have been read; go on from there"
            )
            raise ValueError(msg)
        if self._failure is not None:
            raise self._failure
        batch: list[LoggedDocument] = []
        try:
            for name, document in islice(self._documents, limit):
                self._given += 1
                if name == "start":
                    uid = document.get("uid")
                    self._run = uid if isinstance(uid, str) else ""
                batch.append(LoggedDocument(self._given, self._run, name, document, float("nan")))
            self._is_exhausted = len(batch) < limit
        except (OSError, ValueError) as error:
            # All errors that a reader of files raises on purpose are one of these two.
            self._failure = error
            if not batch:
                raise
        return batch

    def head(self) -> int:
        """Return the number of the last document that was read; more may follow."""
        return self._given

    def has_ended(self, after: int) -> bool:
        """Return whether the generator is exhausted."""
        return self._is_exhausted and after >= self._given

    def findings(self) -> tuple[Finding, ...]:
        """Return none."""
        return ()

    def close(self) -> None:
        """Do nothing: files are closed by their generators."""


class PacedSource:
    """Another source at the pace at which it was acquired, or a multiple of it.

    Parameters
    ----------
    source
        What to slow down.
    speed
        Acquisition seconds per wall second, above 0.
    clock
        Wall time in seconds; injectable for tests.
    """

    def __init__(self, source: Source, speed: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._speed = speed
        self._clock = clock
        self._held: list[LoggedDocument] = []
        self._fetched = 0
        self._began: tuple[float, float] | None = None
        self.name = source.name

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return the documents after `after` whose time has come."""
        if not self._held:
            self._held = self._source.read(max(after, self._fetched), limit)
            self._fetched = self._held[-1].seq if self._held else self._fetched
        due: list[LoggedDocument] = []
        while self._held and len(due) < limit and self._is_due(self._held[0]):
            due.append(self._held.pop(0))
        return due

    def head(self) -> int:
        """Return the number of the last document of the source."""
        return self._source.head()

    def has_ended(self, after: int) -> bool:
        """Return whether the source has ended and nothing is held back."""
        return not self._held and self._source.has_ended(after)

    def findings(self) -> tuple[Finding, ...]:
        """Return those of the source."""
        return self._source.findings()

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _is_due(self, logged: LoggedDocument) -> bool:
        time_s = logged.document.get("time")
        if isinstance(time_s, list):
            time_s = time_s[-1] if time_s else None
        if not is_time(time_s):
            # What no clock reaches would be waited for without end.
            return True
        if self._began is None:
            self._began = (float(time_s), self._clock())
        first_s, began_s = self._began
        return (time_s - first_s) / self._speed <= self._clock() - began_s
