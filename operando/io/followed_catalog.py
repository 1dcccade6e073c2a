"""A run that is growing in a Tiled catalog: its new rows, looked for once a second.

How soon a row is there is up to who writes it: bluesky's TiledWriter writes the events at the stop document,
unless it is told otherwise (`TiledWriter(client, batch_size=1)`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from operando.errors import DamagedFileError
from operando.io.catalog import (
    Node,
    columns_of,
    connected,
    descriptor_of,
    events_of,
    run_in,
    shown,
    streams_of,
)
from operando.io.plain import as_plain
from operando.io.runlog import LoggedDocument
from operando.types import Finding, Severity

__all__ = ["FollowedRun", "follow_catalog"]

_log = logging.getLogger(__name__)

_EVERY_S = 1.0


def follow_catalog(address: str, uid: str, ended: threading.Event) -> FollowedRun:
    """Return the documents of a run in a catalog, as it grows.

    Parameters
    ----------
    address
        Of the catalog: `https://…`, or `http://…` on this machine, or `catalog:FOLDER`.
    uid
        Of the run.
    ended
        Set by whoever wants no more.

    Raises
    ------
    ConfigurationError, SourceUnreachable
        As `operando.io.catalog.read_catalog`.
    """
    catalog, broken = connected(address)
    name = shown(address)
    run_in(catalog, uid, name)
    return FollowedRun(
        lambda: run_in(catalog, uid, name), f"{name} {uid}", ended, broken=broken, close=catalog.context.close
    )


class FollowedRun:
    """The documents of one run, as far as the catalog has them now.

    Parameters
    ----------
    look
        Returns the run as it is now.
    name
        As the user would write it.
    ended
        Set by whoever wants no more.
    broken
        What `look` and the columns raise when the catalog does not answer.
    close
        Lets go of the connection.
    clock
        Seconds that only go forward.
    """

    def __init__(
        self,
        look: Callable[[], Node],
        name: str,
        ended: threading.Event,
        *,
        broken: type[Exception] = OSError,
        close: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._ended = ended
        self._broken = broken
        self._close = close
        self._clock = clock
        self._next_look = float("-inf")
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._given = 0
        self._uid = ""
        self._rows: dict[str, int] = {}
        self._is_stopped = False
        self._trouble = ""
        self.name = name

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return the next documents; empty if there are none now.

        Raises
        ------
        ValueError
            `after` is not the number of the last document that was returned.
        """
        if after != self._given:
            msg = f"documents after {after} were asked for, but {self._given} were given; go on from there"
            raise ValueError(msg)
        if not self._waiting and not self._is_stopped and self._clock() >= self._next_look:
            self._next_look = self._clock() + _EVERY_S
            self._ask()
        taken, self._waiting = self._waiting[:limit], self._waiting[limit:]
        batch = [
            LoggedDocument(self._given + number, self._uid, name, document, float("nan"))
            for number, (name, document) in enumerate(taken, start=1)
        ]
        self._given += len(batch)
        return batch

    def head(self) -> int:
        """Return the number of the last document known to exist."""
        return self._given + len(self._waiting)

    def has_ended(self, after: int) -> bool:
        """Return whether the run has stopped, or no more is wanted, and all that came was given."""
        return (self._is_stopped or self._ended.is_set()) and after >= self.head()

    def findings(self) -> tuple[Finding, ...]:
        """Say that the catalog does not answer, while it does not."""
        if not self._trouble:
            return ()
        return (Finding("catalog", Severity.WARNING, self._trouble, "it is asked again every second"),)

    def close(self) -> None:
        """Let go of the connection."""
        self._close()

    def _ask(self) -> None:
        try:
            # A list: a catalog that breaks off in the middle gives nothing, and all of it the next time.
            rows = dict(self._rows)
            found = list(self._new(self._look(), rows))
        except self._broken as error:
            self._trouble = f"the catalog of {self.name} does not answer ({error})"
            _log.warning("%s", self._trouble)
            return
        self._rows, self._trouble = rows, ""
        if found and not self._uid:
            self._uid = str(found[0][1].get("uid"))
        self._waiting += found
        self._is_stopped = bool(found) and found[-1][0] == "stop"

    def _new(self, run: Node, rows: dict[str, int]) -> Iterator[tuple[str, dict[str, Any]]]:
        start, stop = run.metadata.get("start"), run.metadata.get("stop")
        if not isinstance(start, Mapping):
            msg = "the catalog has no start document for this run"
            raise DamagedFileError(msg)
        uid = str(start.get("uid"))
        if not self._uid:
            yield "start", as_plain(start).document
        streams = streams_of(run)
        for name in streams:
            stream: Node = streams[name]
            columns = columns_of(stream)
            if columns is None:
                continue
            descriptor = descriptor_of(uid, name, stream)
            if name not in rows:
                rows[name] = 0
                yield "descriptor", descriptor
            # Columns are written one after the other: a row is there when all of them have it.
            there = min(column.shape[0] for column in columns.values())
            yield from events_of(descriptor["uid"], columns, np.arange(rows[name], there))
            rows[name] = max(rows[name], there)
        if isinstance(stop, Mapping):
            yield "stop", as_plain(stop).document
