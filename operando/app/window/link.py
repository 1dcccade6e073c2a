"""The window's side: connect to a monitor, take what it tells, send what is marked, and connect again.

Knows no Qt: the window takes the newest snapshot from here when it wants one, and never waits.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from operando.app.window.messages import (
    FROM_MONITOR,
    VERSION,
    WINDOW_TAKES,
    Farewell,
    HistoryPart,
    Told,
    Welcome,
    with_part,
)
from operando.app.window.plate import Plate, read_plate
from operando.errors import ConfigurationError, FrameRejected, OperandoError, SourceUnreachable
from operando.io.parcels import hang_up, receive, send
from operando.live.latest import Latest
from operando.regions import Marks
from operando.types import Snapshot
from operando.view.history import History
from operando.view.options import Cut

__all__ = ["Link"]

_log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_AGAIN_S = 0.5
_PARTING_S = 5.0


class Link:
    """A connection to a monitor that outlives the monitor.

    Parameters
    ----------
    plate
        The file that says where the monitor is; read again each time it is connected to.
    clock
        Seconds that only go forward.

    Attributes
    ----------
    welcome
        What the monitor said first.

    Raises
    ------
    SourceUnreachable
        No monitor is there now.
    ConfigurationError
        The file is something else, or the monitor is of another version.
    """

    def __init__(self, plate: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._plate = plate
        self._clock = clock
        self._latest: Latest[Snapshot] = Latest()
        self._history = History()
        self._made_s = clock()
        self._cut: tuple[str, float] | None = None
        self._marks: Marks | None = None
        self._wants_sending = threading.Event()
        self._stop = threading.Event()
        self._line, self.welcome = _connected(read_plate(plate))
        self._reading = threading.Thread(target=self._read, name="operando-link", daemon=True)
        self._writing = threading.Thread(target=self._write, name="operando-link-marks", daemon=True)
        self._reading.start()
        self._writing.start()

    def take(self) -> Snapshot | None:
        """Return the newest snapshot not yet taken, or None; does not wait."""
        return self._latest.take()

    def age_s(self) -> float:
        """Return how long ago the newest snapshot was made; before the first, since when it is waited for."""
        return self._clock() - self._made_s

    def history(self) -> History:
        """Return the cycles of record so far."""
        return self._history

    def send(self, marks: Marks) -> None:
        """Send regions and masks to the monitor; does not wait."""
        self._marks = marks
        self._wants_sending.set()

    def cut(self) -> Cut | None:
        """Return why nothing comes, and for how long; None while the monitor is there."""
        cut = self._cut
        return None if cut is None else Cut(cut[0], self._clock() - cut[1])

    def close(self) -> None:
        """Let go of the monitor."""
        self._stop.set()
        self._wants_sending.set()
        hang_up(self._line)
        self._reading.join(_PARTING_S)
        self._writing.join(_PARTING_S)
        self._line.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            words, may_return = self._listen()
            if self._stop.is_set():
                return
            self._cut = words, self._clock()
            if not may_return or not self._connect_again():
                return
            self._cut = None

    def _listen(self) -> tuple[str, bool]:
        """Take what comes until nothing does; return why, and whether it may be asked for again."""
        try:
            while True:
                match receive(self._line, FROM_MONITOR, WINDOW_TAKES):
                    case Told(snapshot, age_s):
                        self._made_s = self._clock() - age_s
                        self._latest.put(snapshot)
                    case HistoryPart() as part:
                        self._history = with_part(self._history, part)
                    case Farewell(words, may_return):
                        return words, may_return
                    case _:
                        pass  # the welcome, again: it was taken when the connection was made
        except OSError as error:
            _log.debug("no connection to the monitor: %s", error)
            return "the monitor is gone", True
        except FrameRejected as error:
            _log.warning("what the monitor said is not understood: %s", error)
            return "what the monitor said is not understood", True

    def _connect_again(self) -> bool:
        """Connect as soon as a monitor is there again; return False where this was closed before."""
        while not self._stop.wait(_AGAIN_S):
            try:
                line, self.welcome = _connected(read_plate(self._plate))
            except OperandoError as error:
                _log.debug("not yet: %s", error)
                continue
            before, self._line = self._line, line
            before.close()
            self._history = History()
            self._wants_sending.set()
            return True
        return False

    def _write(self) -> None:
        """Send the newest marks, and again to another monitor: older ones never count."""
        while self._wants_sending.wait() and not self._stop.is_set():
            self._wants_sending.clear()
            try:
                if self._marks is not None:
                    send(self._line, "marks", self._marks)
            except OSError as error:
                # They are sent again when the monitor is there again.
                _log.debug("marks were not taken: %s", error)


def _connected(plate: Plate) -> tuple[socket.socket, Welcome]:
    """Return a connection to the monitor, and what it said first."""
    endpoint = plate.endpoint
    line = None
    try:
        line = socket.create_connection((endpoint.host, endpoint.port), _CONNECT_S)
        line.sendall(plate.token.encode("ascii"))
        welcome = receive(line, FROM_MONITOR, WINDOW_TAKES)
    except (OSError, FrameRejected) as error:
        if line is not None:
            line.close()
        msg = f"no monitor answers at {plate.address} ({error}); start it with 'operando monitor'"
        raise SourceUnreachable(msg) from error
    if not isinstance(welcome, Welcome) or welcome.version != VERSION:
        line.close()
        msg = "the monitor is of another version than this window; use the same operando for both"
        raise ConfigurationError(msg)
    line.settimeout(None)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line, welcome
