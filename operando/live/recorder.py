"""The RunEngine's callback: it takes a copy and returns, and a thread writes the log.

What the beam delivers comes first. Whatever happens to the disk, no exception and no wait
reaches the RunEngine: documents stay in memory up to a bound, the log is tried again and again,
and what had to be given up is counted and said.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np

from operando.errors import DamagedFileError, FrameRejected
from operando.io.runlog import LogWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["DocumentLog", "Recorder", "RecorderStatus"]

_log = logging.getLogger(__name__)

_BATCH = 256
_OVERHEAD_BYTES = 2000
"""What a document weighs in memory beside its arrays; a line's event has about 25 small objects."""
_FRAMEWORK = frozenset({"start", "descriptor", "stop"})
"""Small, few, and without them the rest means nothing: given up last."""


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """How the recording goes.

    Attributes
    ----------
    written
        Documents that are in the log.
    queued
        Documents in memory that are not in the log yet.
    dropped
        Documents given up because memory was full while the disk failed.
    last_error
        What the disk said last; empty once it works again.
    refused
        Documents that cannot be stored at all.
    """

    written: int
    queued: int
    dropped: int
    last_error: str
    refused: int = 0


class DocumentLog(Protocol):
    """What the recorder needs of a log; `LogWriter` is one."""

    def append(self, documents: Sequence[tuple[str, Mapping[str, Any]]], recorded_s: float) -> int:
        """Add all documents or none."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class _Waiting(NamedTuple):
    name: str
    document: Mapping[str, Any]
    size_bytes: int


class Recorder:
    """Record what a RunEngine emits: `RE.subscribe(Recorder(path))`.

    Parameters
    ----------
    path
        The log; made if it does not exist, continued if it does.
    clock
        Wall clock, seconds since the epoch.
    open_log
        How the log is opened, at first and again after every failure.
    memory_mb
        How much may wait in memory while the disk fails. Beyond it the oldest events are dropped
        first; the newest documents, and starts, descriptors and stops, are kept longest.
        The batch that is being written is not counted.
    retry_s
        How long to wait after a failure.

    Raises
    ------
    DamagedFileError
        If there is something else than a run log at `path`: say so before the beam is used.
        All other trouble is logged and tried again.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Callable[[], float] = time.time,
        open_log: Callable[[Path], DocumentLog] = LogWriter,
        memory_mb: float = 256.0,
        retry_s: float = 1.0,
    ) -> None:
        self._path = Path(path)
        self._clock = clock
        self._open_log = open_log
        self._capacity_bytes = memory_mb * 1e6
        self._retry_s = retry_s
        # Guards the fields below; never held longer than it takes to move references.
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._size_bytes = 0
        self._writing = 0
        self._written = 0
        self._dropped = 0
        self._refused = 0
        self._last_error = ""
        self._is_closed = False
        # From here on the thread's own.
        self._writer: DocumentLog | None = None
        try:
            self._writer = open_log(self._path)
        except DamagedFileError:
            raise
        except (OSError, sqlite3.Error) as error:
            self._fail(error)
        self._thread = threading.Thread(target=self._work, name=f"recorder of {self._path.name}", daemon=True)
        self._thread.start()

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; never raises and never waits for the disk."""
        try:
            weights_bytes = [_OVERHEAD_BYTES]
            document = {key: _copied(value, weights_bytes) for key, value in doc.items()}
            self._put(_Waiting(str(name), document, sum(weights_bytes)))
        except Exception:  # noqa: BLE001 - an exception here would end the plan
            _log.exception("a %s document could not be taken; the plan goes on without its record", name)

    @property
    def status(self) -> RecorderStatus:
        """How the recording goes now."""
        with self._changed:
            queued = len(self._waiting) + self._writing
            return RecorderStatus(self._written, queued, self._dropped, self._last_error, self._refused)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything taken so far is in the log, and return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._writing, timeout_s)

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is left, as far as the disk lets us within `timeout_s`, and end the thread."""
        self.flush(timeout_s)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        status = self.status
        if status.queued:
            _log.error(
                "%d documents were not recorded in %s: %s", status.queued, self._path, status.last_error
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _put(self, item: _Waiting) -> None:
        with self._changed:
            if self._is_closed:
                message = f"the recorder of {self._path} is closed: unsubscribe it from the RunEngine first"
                raise RuntimeError(message)
            dropped_before = self._dropped
            self._waiting.append(item)
            self._size_bytes += item.size_bytes
            if self._size_bytes > self._capacity_bytes:
                self._make_room()
            is_first_loss = self._dropped > dropped_before == 0
            self._changed.notify_all()
        if is_first_loss:
            _log.critical(
                "the %.0f MB of memory for %s are full: from now on its oldest documents are lost; "
                "make room on its disk",
                self._capacity_bytes / 1e6,
                self._path,
            )

    def _make_room(self) -> None:
        """Drop the oldest that can be spared; the newest always stays."""
        newest = self._waiting.pop()
        kept: list[_Waiting] = []
        while self._size_bytes > self._capacity_bytes and self._waiting:
            oldest = self._waiting.popleft()
            if oldest.name in _FRAMEWORK:
                kept.append(oldest)
            else:
                self._drop(oldest)
        while self._size_bytes > self._capacity_bytes and kept:
            self._drop(kept.pop(0))
        self._waiting.extendleft(reversed(kept))
        self._waiting.append(newest)

    def _drop(self, item: _Waiting) -> None:
        self._size_bytes -= item.size_bytes
        self._dropped += 1

    def _work(self) -> None:
        """Write until closed; this is the thread."""
        while batch := self._take():
            while not self._write(batch):
                with self._changed:
                    if self._changed.wait_for(lambda: self._is_closed, self._retry_s):
                        return
        if self._writer is not None:
            self._writer.close()

    def _take(self) -> list[_Waiting]:
        """Wait for documents and return the oldest ones; none once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            self._size_bytes -= sum(item.size_bytes for item in batch)
            self._writing = len(batch)
            return batch

    def _write(self, batch: list[_Waiting]) -> bool:
        """Move documents from `batch` into the log, and return whether none is left."""
        at_once = len(batch)
        try:
            if self._writer is None:
                self._writer = self._open_log(self._path)
            while batch:
                part = batch[:at_once]
                try:
                    self._writer.append([(item.name, item.document) for item in part], self._clock())
                except FrameRejected as error:
                    if at_once > 1:
                        # One of them cannot be stored: one by one from here, to find it.
                        at_once = 1
                        continue
                    _log.error("a %s document is not recorded: %s", part[0].name, error)
                    self._account(refused=1)
                else:
                    self._account(written=len(part))
                del batch[: len(part)]
        except (OSError, sqlite3.Error) as error:
            self._fail(error)
            return False
        return True

    def _account(self, *, written: int = 0, refused: int = 0) -> None:
        with self._changed:
            self._written += written
            self._refused += refused
            self._writing -= written + refused
            has_recovered, self._last_error = bool(self._last_error), ""
            self._changed.notify_all()
        if has_recovered:
            _log.warning("recording in %s works again", self._path)

    def _fail(self, error: OSError | sqlite3.Error) -> None:
        """Say so once, and let go of the log: the next attempt opens it anew."""
        with self._changed:
            is_new, self._last_error = not self._last_error, str(error) or type(error).__name__
        if is_new:
            _log.critical(
                "recording in %s fails: %s; the plan goes on and %.0f MB of documents are kept in memory: "
                "make room on the disk, or mend it",
                self._path,
                error,
                self._capacity_bytes / 1e6,
            )
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except (OSError, sqlite3.Error) as trouble:
                _log.warning("%s could not be closed: %s", self._path, trouble)


def _copied(value: object, weights_bytes: list[int]) -> object:
    """Return a copy of `value` that nobody else can change, and add what it weighs."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, np.ndarray):
        # Detectors hand out their live buffer.
        weights_bytes.append(value.nbytes)
        return value.copy()
    if isinstance(value, Mapping):
        return {key: _copied(item, weights_bytes) for key, item in value.items()}
    if isinstance(value, list | tuple):
        weights_bytes.append(32 * len(value))
        return [_copied(item, weights_bytes) for item in value]
    return value
