"""A bad network on this machine: a proxy for TCP between a reader and a server, told what to do."""

from __future__ import annotations

import math
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Self

__all__ = ["CALM", "FaultProxy", "Weather"]

_CHUNK = 65536
_PATIENCE_S = 10.0
_LINGER_ZERO = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Weather:
    """What the network is like now.

    Attributes
    ----------
    lets_in
        False: whoever connects is shut out at once.
    passes
        False: a black hole; connections stay, and nothing comes through until it is mended.
    delay_s
        Of each piece.
    bytes_per_s
        How fast it is.
    duplicates
        Each piece comes twice, so that what was a stream of messages makes no sense any more.
    truncated_to
        Each connection ends after so many bytes of the answers.
    """

    lets_in: bool = True
    passes: bool = True
    delay_s: float = 0.0
    bytes_per_s: float = math.inf
    duplicates: bool = False
    truncated_to: int | None = None


CALM = Weather()


class FaultProxy:
    """Listen on this machine and pass everything on to a server, as well as the weather lets it.

    Parameters
    ----------
    target
        Address of the server, `tcp://127.0.0.1:PORT`.

    Attributes
    ----------
    address
        Where readers connect instead.
    connections
        How many there have been.
    """

    def __init__(self, target: str) -> None:
        host, port = target.removeprefix("tcp://").rsplit(":", 1)
        self._target = (host, int(port))
        self._weather = CALM
        self._changed = threading.Condition()
        self._is_over = False
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0

    def turn(self, weather: Weather) -> None:
        """Change the weather, for connections that there are and those that come."""
        with self._changed:
            self._weather = weather
            self._changed.notify_all()

    def cut(self) -> None:
        """End all connections in order, and let nobody in until the weather turns."""
        self.turn(Weather(lets_in=False))
        self._end_all(is_reset=False)

    def reset(self) -> None:
        """Break all connections off; new ones come through."""
        self._end_all(is_reset=True)

    def __enter__(self) -> Self:
        self._start(self._listen)
        return self

    def __exit__(self, *exception: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        # Closing alone does not wake a thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._end_all(is_reset=False)
        for thread in self._threads:
            thread.join(_PATIENCE_S)
            if thread.is_alive():
                raise RuntimeError(
                    f"a connection through {self.address} did not end within {_PATIENCE_S:g} s"
                )

    def _listen(self) -> None:
        while True:
            try:
                reader, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if not self._weather.lets_in:
                reader.close()
                continue
            try:
                server = socket.create_connection(self._target)
            except OSError:
                reader.close()
                continue
            with self._changed:
                if self._is_over:
                    reader.close()
                    server.close()
                    return
                self._open |= {reader, server}
            self._start(partial(self._pump, reader, server, is_answer=False))
            self._start(partial(self._pump, server, reader, is_answer=True))

    def _start(self, work: Callable[[], None]) -> None:
        # Daemons: a benchmark that is interrupted must not wait for its own bad network.
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, *, is_answer: bool) -> None:
        """Pass on what comes from one side until either ends."""
        passed = 0
        with suppress(OSError):
            while piece := source.recv(_CHUNK):
                weather = self._passable(len(piece))
                if weather is None:
                    break
                if is_answer and weather.truncated_to is not None:
                    piece = piece[: max(weather.truncated_to - passed, 0)]
                passed += len(piece)
                sink.sendall(piece * 2 if weather.duplicates else piece)
                if is_answer and weather.truncated_to is not None and passed >= weather.truncated_to:
                    break
        self._end(source)
        self._end(sink)

    def _passable(self, size: int) -> Weather | None:
        """Wait as long as the weather wants, and return it; None if all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._weather.passes or self._is_over)
            slow_s = self._weather.delay_s + size / self._weather.bytes_per_s
            if slow_s > 0.0:
                self._changed.wait_for(lambda: self._is_over, slow_s)
            return None if self._is_over else self._weather

    def _end_all(self, *, is_reset: bool) -> None:
        with self._changed:
            ending = list(self._open)
        for end in ending:
            if is_reset:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            self._end(end)

    def _end(self, end: socket.socket) -> None:
        with self._changed:
            if end not in self._open:
                return
            self._open.discard(end)
        with suppress(OSError):
            # Whoever waits for it wakes up; to break off, nothing is said to the other side before the end.
            is_reset = end.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == _LINGER_ZERO
            end.shutdown(socket.SHUT_RD if is_reset else socket.SHUT_RDWR)
        end.close()
