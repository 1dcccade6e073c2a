"""The monitor's side: a door on this machine at which one window at a time is attached.

One thread opens the door and knows the newest snapshot, another talks to the window. The monitor itself
only puts snapshots into a box and marks come into its inbox, so a window that hangs holds up the second
thread alone; another window that comes takes its place.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import select
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from operando.app.window.messages import (
    FROM_WINDOW,
    MONITOR_TAKES,
    TOKEN_BYTES,
    VERSION,
    Farewell,
    Told,
    Welcome,
    part_of,
)
from operando.app.window.plate import Plate, plate_of, write_plate
from operando.errors import ConfigurationError, FrameRejected
from operando.io.parcels import hang_up, receive, received_exactly, send
from operando.live.latest import Latest
from operando.live.monitor import Monitor
from operando.types import Finding, Snapshot
from operando.view.history import History, HistoryBook

__all__ = ["WindowDoor"]

_log = logging.getLogger(__name__)

_TICK_S = 0.05
_LEAST_S = 0.05
"""Between two snapshots: a window draws ten times a second, but not at the times at which they are sent."""
_SHARE = 0.25
"""Sending takes at most this share of its thread's time: the fit needs the processor."""
_HANDSHAKE_S = 5.0
_PARTING_S = 0.5
_MOST_CALLERS = 8
_CLOSED = "the monitor has ended"


@dataclass(frozen=True, slots=True)
class _News:
    snapshot: Snapshot
    made_s: float


class _Caller:
    """Who is at the door: a window once it has said the token."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.farewell: Farewell | None = None
        self.thread: threading.Thread | None = None

    def send_away(self, farewell: Farewell) -> None:
        """Say farewell, for a moment, and hang up; a caller that hangs is not waited for."""
        self.farewell = farewell
        if self.thread is not None:
            self.thread.join(_PARTING_S)
        hang_up(self.line)
        if self.thread is not None:
            self.thread.join(_PARTING_S)


class WindowDoor:
    """Let a window in another process see what a monitor finds, and mark it.

    Parameters
    ----------
    results
        The results file; beside it is one that says where the door is, as long as the monitor runs.
    book
        Cycles of record to look back at.
    title
        What the window is called.
    choices
        Name of the file in which it remembers what was chosen.

    Attributes
    ----------
    plate
        The file that says where the door is.
    """

    def __init__(self, results: Path, book: HistoryBook, title: str, choices: str) -> None:
        self.plate = plate_of(results)
        self._book = book
        self._welcome = Welcome(VERSION, title, choices, results.name)
        self._token = secrets.token_hex(TOKEN_BYTES // 2)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self._box: Latest[Snapshot] = Latest()
        self._monitor: Monitor | None = None
        self._news: _News | None = None
        self._callers: list[_Caller] = []
        self._window: _Caller | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="operando-window-door", daemon=True)

    def begin(self, monitor: Monitor) -> None:
        """Open the door.

        Raises
        ------
        ConfigurationError
            The file cannot be written.
        """
        self._monitor = monitor
        self._box = monitor.open_box()
        port = self._listening.getsockname()[1]
        try:
            write_plate(self.plate, Plate(f"tcp://127.0.0.1:{port}", self._token))
        except OSError as error:
            msg = f"{self.plate} cannot be written ({error.strerror or error}); choose another --output"
            raise ConfigurationError(msg) from error
        self._thread.start()

    def findings(self) -> tuple[Finding, ...]:
        """Return that there is nothing to say: a window shows itself."""
        return ()

    def close(self) -> None:
        """Say farewell and close the door."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        failure = None if self._monitor is None else self._monitor.failure
        words = _CLOSED if failure is None else f"{_CLOSED}: {failure}"
        for caller in tuple(self._callers):
            caller.send_away(Farewell(words, may_return=True))
        self._listening.close()
        try:
            self.plate.unlink(missing_ok=True)
        except OSError as error:
            # A window that follows it finds nobody, and says so; the results are kept already.
            _log.warning("%s cannot be removed: %s", self.plate, error)

    def _keep(self) -> None:
        while not self._stop.is_set():
            if self._box.wait(_TICK_S) and (snapshot := self._box.take()) is not None:
                self._news = _News(snapshot, time.monotonic())
            try:
                line, _ = self._listening.accept()
            except BlockingIOError:
                continue
            except OSError as error:
                _log.debug("a caller was gone before the door was open: %s", error)
                continue
            if len(self._callers) >= _MOST_CALLERS:
                line.close()
                continue
            caller = _Caller(line)
            caller.thread = threading.Thread(
                target=self._receive, args=(caller,), name="operando-window", daemon=True
            )
            self._callers.append(caller)
            caller.thread.start()

    def _receive(self, caller: _Caller) -> None:
        """Talk to a caller to the end."""
        line = caller.line
        try:
            line.settimeout(_HANDSHAKE_S)
            said = received_exactly(line, TOKEN_BYTES)
            if not hmac.compare_digest(bytes(said), self._token.encode()):
                _log.warning("somebody who does not know its token called at %s", self.plate)
                return
            before, self._window = self._window, caller
            if before is not None:
                before.send_away(Farewell("another window has taken its place", may_return=False))
            line.settimeout(None)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            send(line, "welcome", self._welcome)
            self._show(caller)
        except (OSError, FrameRejected) as error:
            _log.debug("a window is gone: %s", error)
        finally:
            line.close()
            self._callers.remove(caller)
            if self._window is caller:
                self._window = None

    def _show(self, caller: _Caller) -> None:
        """Send what is new, as fast as the window takes it, and take what it marks."""
        line, shown, known, next_s = caller.line, None, History(), 0.0
        while caller.farewell is None:
            if select.select([line], [], [], _TICK_S / 5)[0]:
                marks = receive(line, FROM_WINDOW, MONITOR_TAKES)
                if self._monitor is not None:
                    self._monitor.send(marks)
            news, began = self._news, time.monotonic()
            if news is None or news is shown or began < next_s:
                continue
            history = self._book.read()
            if history is not known:
                send(line, "history", part_of(history, known))
                known = history
            send(line, "snapshot", Told(news.snapshot, time.monotonic() - news.made_s))
            shown, took_s = news, time.monotonic() - began
            next_s = began + max(_LEAST_S, took_s / _SHARE)
        send(line, "farewell", caller.farewell)
