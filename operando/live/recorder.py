"""The RunEngine's callback: it takes a copy and returns, and a thread writes the log.

What the beam delivers comes first. Whatever happens to the disk, no exception and no wait
reaches the RunEngine: documents stay in memory up to a bound, the log is tried again and again,
and what had to be given up is counted and said. Whatever a document holds, it is recorded, as text where
it must be; and a process that ends without closing its recorder waits, with a bound, for the log.
"""

from __future__ import annotations

import atexit
import logging
import os
import sqlite3
import threading
import time
from collections import Counter, deque
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from operando.errors import ConfigurationError, DamagedFileError, FrameRejected, SourceUnreachable
from operando.io.lock import WriterLock
from operando.io.plain import as_plain, as_plain_text
from operando.io.runlog import LogMoved, LogWriter
from operando.live.backlog import Backlog, Waiting
from operando.live.openruns import OpenRuns
from operando.live.recording import RecorderStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from operando.io.disk import DiskRoom

__all__ = ["DocumentLog", "Recorder", "RecorderStatus"]

_log = logging.getLogger(__name__)

_BATCH = 256
_BATCH_BYTES = 4_000_000
"""Of the documents in hand, which the bound on memory leaves out; one alone may be larger."""
_GATHER_S = 0.01
"""So long documents are gathered into a batch: a commit a document costs disk, and the interpreter's time."""
_ROOM_EVERY_S = 10.0
_OVERHEAD_BYTES = 2000
"""What a document weighs in memory beside its arrays; a line's event has about 25 small objects."""
_EXIT_S = 10.0
"""How long the end of a process may wait for the log: a disk that hangs must not keep it for ever."""
_JOIN_S = 1.0
"""For a thread that has nothing to do but to see that it was told to end."""


class DocumentLog(Protocol):
    """What the recorder needs of a log; `LogWriter` is one."""

    def append(self, documents: Sequence[tuple[str, Mapping[str, Any]]], recorded_s: float) -> int:
        """Add all documents or none."""
        ...

    def room(self) -> DiskRoom:
        """Return what is left on its disk."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class Recorder:
    """Record what a RunEngine emits: `RE.subscribe(Recorder(path))`.

    Close it, or use it in a `with` statement. A recorder that is still open when the interpreter
    exits is given 10 s for what is left; what that was not enough for is said.

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
        The documents that are being written, 4 MB or one, are not counted.
    retry_s
        How long to wait after a failure.

    Raises
    ------
    ConfigurationError
        If another recorder writes this log: say so before the beam is used. One that was killed is in
        nobody's way.
    DamagedFileError
        If there is something else than a run log at `path`.
        All other trouble is an alarm in `status`, logged, and tried again.
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
        self._memory_mb = memory_mb
        self._retry_s = retry_s
        # Guards the fields below; never held longer than it takes to move references.
        self._changed = threading.Condition()
        self._backlog = Backlog(memory_mb * 1e6)
        self._writing = 0
        self._flushing = 0
        self._taken_s = 0.0
        self._count = RecorderStatus(written=0, queued=0, dropped=0, last_error="")
        self._is_closed = False
        # From here on the thread's own.
        self._batch: deque[Waiting] = deque()
        self._open_runs = OpenRuns()
        self._turned: set[str] = set()
        self._writer: DocumentLog | None = None
        self._lock: WriterLock | None = None
        self._next_room_s = 0.0
        try:
            self._writer = self._opened()
        except (ConfigurationError, DamagedFileError):
            self._let_others_in()
            raise
        except (OSError, sqlite3.Error) as error:
            self._fail(error)
        self._thread = threading.Thread(target=self._work, name=f"recorder of {self._path.name}", daemon=True)
        self._thread.start()
        # Daemon threads still run while exit handlers do; afterwards they are stopped where they stand.
        self._process = os.getpid()
        atexit.register(self._close_at_exit)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; never raises and never waits for the disk."""
        # An object that cannot even be written as text, twice tried, costs its text and not the document.
        for text_of in (str, _kind_of):
            try:
                plain = as_plain(doc, text_of)
                size_bytes = _OVERHEAD_BYTES + plain.size_bytes
                self._put(Waiting(as_plain_text(str(name)), plain.document, size_bytes, plain.turned))
            except Exception:  # noqa: BLE001 - an exception here would end the plan
                _log.exception("a %s document could not be taken as it is; the plan goes on", name)
            else:
                return
        _log.critical("a %s document is not recorded", name)

    @property
    def status(self) -> RecorderStatus:
        """How the recording goes now."""
        with self._changed:
            return replace(
                self._count,
                queued=len(self._backlog) + self._writing,
                dropped=self._backlog.dropped,
                writing_s=time.monotonic() - self._taken_s if self._writing else 0.0,
            )

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything taken so far is in the log, and return whether it is."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._backlog and not self._writing, timeout_s)
            finally:
                self._flushing -= 1

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is left, as far as the disk lets us within `timeout_s`, and end the thread."""
        end_s = time.monotonic() + timeout_s
        self.flush(timeout_s)
        with self._changed:
            was_closed, self._is_closed = self._is_closed, True
            self._changed.notify_all()
        self._thread.join(max(end_s - time.monotonic(), _JOIN_S))
        atexit.unregister(self._close_at_exit)
        if not was_closed:
            self._say_losses()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _close_at_exit(self) -> None:
        # A forked child has a copy of the recorder, but not its thread: the log is the parent's.
        if os.getpid() == self._process:
            self.close(_EXIT_S)

    def _say_losses(self) -> None:
        with self._changed:
            left = Counter([*(item.name for item in self._batch), *self._backlog.names()])
        status = self.status
        if left:
            _log.critical(
                "%d documents were not recorded in %s (%s): %s",
                left.total(),
                self._path,
                ", ".join(f"{count} {name}" for name, count in left.items()),
                status.last_error or "there was not enough time",
            )
        if status.dropped or status.refused:
            _log.error(
                "%s lacks %d documents dropped and %d refused", self._path, status.dropped, status.refused
            )

    def _put(self, item: Waiting) -> None:
        with self._changed:
            if self._is_closed:
                message = f"the recorder of {self._path} is closed: unsubscribe it from the RunEngine first"
                raise RuntimeError(message)
            dropped_before = self._backlog.dropped
            self._backlog.add(item)
            is_first_loss = self._backlog.dropped > dropped_before == 0
            # The thread waits for the first, and then a moment for a batch.
            if len(self._backlog) in {1, _BATCH}:
                self._changed.notify_all()
        if is_first_loss:
            _log.critical(
                "the %.0f MB of memory for %s are full: from now on its oldest documents are lost; "
                "make room on its disk",
                self._memory_mb,
                self._path,
            )

    def _work(self) -> None:
        """Write until closed, then let others in; this is the thread."""
        try:
            self._write_until_closed()
        finally:
            self._let_others_in()

    def _write_until_closed(self) -> None:
        at_once, suspect = _BATCH, None
        while True:
            try:
                if not self._take():
                    break
                self._write(at_once)
                self._look_at_disk()
                at_once, suspect = _BATCH, None
                continue
            except LogMoved as error:
                self._fail(error)
                # The lock may have gone with it: it is taken anew where the log is begun anew.
                self._let_others_in()
                self._begin_again()
            except (OSError, sqlite3.Error) as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - one document must not end the recording of all others
                if at_once > 1:
                    # One of them cannot be stored: one by one from here, to find it.
                    at_once = 1
                    continue
                first = self._batch[0] if self._batch else None
                if first is not None and (isinstance(error, FrameRejected) or suspect is first):
                    self._refuse(error)
                    continue
                # Memory may be short for a moment only: once more, with the log opened anew.
                suspect = first
                self._fail(error)
            with self._changed:
                if self._changed.wait_for(lambda: self._is_closed, self._retry_s):
                    return
        if self._writer is not None:
            self._writer.close()

    def _take(self) -> bool:
        """Wait for documents, move the oldest ones into the batch, and return whether to go on."""
        if self._batch:
            return True
        with self._changed:
            has_come = self._changed.wait_for(lambda: self._backlog or self._is_closed, _ROOM_EVERY_S)
            if has_come:
                self._changed.wait_for(self._is_urgent, _GATHER_S)
            self._batch = self._backlog.take(_BATCH, _BATCH_BYTES)
            self._writing, self._taken_s = len(self._batch), time.monotonic()
            return bool(self._batch) or not has_come

    def _is_urgent(self) -> bool:
        return self._is_closed or self._flushing > 0 or len(self._backlog) >= _BATCH

    def _write(self, at_once: int) -> None:
        """Move the batch into the log, so many documents in each transaction."""
        if self._writer is None:
            try:
                self._writer = self._opened()
            except ConfigurationError as error:
                # It was free when the recorder began, and the beam is in use: wait for whoever has it.
                raise SourceUnreachable(str(error)) from error
        if not self._batch:
            # Nothing to write, and it is open: what was wrong is over.
            self._account()
        while self._batch:
            part = list(islice(self._batch, at_once))
            self._writer.append([(item.name, item.document) for item in part], self._clock())
            self._account(written=len(part))
            for item in part:
                self._remember(item)

    def _opened(self) -> DocumentLog:
        if self._lock is None:
            try:
                self._lock = WriterLock(self._path)
            except OSError as error:
                message = f"{self._path} cannot be used: {error}; check its folder, permissions and disk"
                raise SourceUnreachable(message) from error
        return self._open_log(self._path)

    def _let_others_in(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _look_at_disk(self) -> None:
        """Say in time when the disk will be full."""
        now_s = time.monotonic()
        if self._writer is None or now_s < self._next_room_s:
            return
        self._next_room_s = now_s + _ROOM_EVERY_S
        try:
            hours_left = self._writer.room().hours_left
        except (OSError, sqlite3.Error) as error:
            _log.info("%s does not say how much room is left: %s", self._path, error)
            return
        with self._changed:
            was_alarm = self._count.alarm
            self._count = replace(self._count, hours_left=hours_left)
            alarm = self._count.alarm
        if alarm and not was_alarm:
            _log.critical("%s: %s", self._path, alarm)

    def _refuse(self, error: Exception) -> None:
        _log.error(
            "a %s document is not recorded: %s", self._batch[0].name, str(error) or type(error).__name__
        )
        self._account(refused=1)

    def _remember(self, item: Waiting) -> None:
        """Take note of what was written, and say once which keys are in the log as something else."""
        for key in item.turned:
            where = f"{item.name} {key}"
            if where not in self._turned:
                self._turned.add(where)
                _log.warning("%s of %s documents is recorded as text: it is no plain value", key, item.name)
        self._open_runs.note(item)

    def _begin_again(self) -> None:
        """Put the framework of the open runs first."""
        framework = self._open_runs.framework(self._batch)
        with self._changed:
            self._batch.extendleft(reversed(framework))
            self._writing = len(self._batch)

    def _account(self, *, written: int = 0, refused: int = 0) -> None:
        with self._changed:
            for _ in range(written + refused):
                self._batch.popleft()
            has_recovered = bool(self._count.last_error)
            self._count = replace(
                self._count,
                written=self._count.written + written,
                refused=self._count.refused + refused,
                last_error="",
            )
            self._writing, self._taken_s = len(self._batch), time.monotonic()
            self._changed.notify_all()
        if has_recovered:
            _log.warning("recording in %s works again", self._path)

    def _fail(self, error: Exception) -> None:
        """Say so once, and let go of the log: the next attempt opens it anew."""
        with self._changed:
            is_new = not self._count.last_error
            self._count = replace(self._count, last_error=str(error) or type(error).__name__)
        if is_new:
            _log.critical(
                "recording in %s fails: %s; the plan goes on and %.0f MB of documents are kept in memory: "
                "make room on the disk, or mend it",
                self._path,
                str(error) or type(error).__name__,
                self._memory_mb,
            )
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except (OSError, sqlite3.Error) as trouble:
                _log.warning("%s could not be closed: %s", self._path, trouble)


def _kind_of(value: object) -> str:
    return f"<{type(value).__name__}>"
