"""How a reader reaches a server on this machine: connect, ask, wait; connect again when cut off."""

from __future__ import annotations

import errno
import logging
import select
import socket
import time
from collections.abc import Callable
from typing import Protocol

from operando.errors import FrameRejected
from operando.io.endpoints import Endpoint
from operando.io.zmtp import Conversation, KeysExpected, framed

__all__ = ["Caller", "PlainCaller"]

_log = logging.getLogger(__name__)

_PARTS = 2
_CHUNK_BYTES = 2**18
_RETRY_S = 0.1
"""A server that is only starting is found within this time, and one that is not there costs little."""


class Caller(Protocol):
    """One question at a time to one server."""

    discarded: int
    trouble: str

    def ask(self, token: bytes, body: bytes) -> None:
        """Send a question, as soon as the server can be reached."""
        ...

    def wait(self, timeout_s: float) -> tuple[bytes, ...] | None:
        """Return the parts of the next message, or None if none comes within so many seconds."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class PlainCaller:
    """Call a server on this machine; nothing is taken that is longer than was made room for.

    Parameters
    ----------
    endpoint
        Where it listens.
    most_bytes
        Most bytes of an answer.
    clock
        Seconds that only go forward.

    Attributes
    ----------
    discarded
        How often whoever is there did not keep to the protocol.
    trouble
        Why keys prevent a connection; else empty.
    """

    def __init__(
        self, endpoint: Endpoint, most_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.discarded = 0
        self.trouble = ""
        self._endpoint = endpoint
        self._most_bytes = most_bytes
        self._clock = clock
        self._question: bytes | None = None
        self._socket: socket.socket | None = None
        self._talk = Conversation(b"DEALER", _PARTS, most_bytes)
        self._unsent = b""
        self._retry_s = clock()

    def ask(self, token: bytes, body: bytes) -> None:
        """Send a question, as soon as the server can be reached; again if the connection is cut."""
        self._question = framed(token, body)
        if self._talk.is_ready:
            self._unsent += self._question
            self._step(0.0)

    def wait(self, timeout_s: float) -> tuple[bytes, ...] | None:
        """Return the parts of the next message, or None if none comes within so many seconds."""
        until_s = self._clock() + timeout_s
        while True:
            message = self._next()
            left_s = until_s - self._clock()
            if message is not None or left_s <= 0:
                return message
            self._step(left_s)

    def close(self) -> None:
        """Let go of the connection; closing twice does nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _next(self) -> tuple[bytes, ...] | None:
        if self._socket is None:
            return None
        was_ready = self._talk.is_ready
        try:
            message = self._talk.message()
        except FrameRejected as error:
            self.discarded += 1
            if isinstance(error, KeysExpected):
                self.trouble = f"{error}: give the --keys that its people gave you"
            self._hang_up(str(error))
            return None
        self._unsent += self._talk.replies()
        if self._talk.is_ready and not was_ready:
            self.trouble = ""
            self._unsent += self._question or b""
        return message

    def _step(self, most_s: float) -> None:
        """Do the next thing that can be done within so many seconds: connect, send or receive."""
        if self._socket is None:
            wait_s = self._retry_s - self._clock()
            if wait_s > 0:
                time.sleep(min(wait_s, most_s))
            if self._retry_s <= self._clock():
                self._connect()
            return
        line = self._socket
        readable, writable, _ = select.select([line], [line] if self._unsent else [], [], most_s)
        try:
            if writable:
                self._unsent = self._unsent[line.send(self._unsent) :]
            if readable:
                chunk = line.recv(_CHUNK_BYTES)
                if not chunk:
                    self._hang_up("the other side ended it")
                    return
                self._talk.hear(chunk)
        except BlockingIOError:
            return
        except OSError as error:
            self._hang_up(str(error))

    def _connect(self) -> None:
        family = socket.AF_INET6 if self._endpoint.is_v6 else socket.AF_INET
        try:
            line = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            self._hang_up(str(error))
            return
        line.setblocking(False)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = line.connect_ex((self._endpoint.host, self._endpoint.port))
        if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            line.close()
            self._hang_up(errno.errorcode.get(code, str(code)))
            return
        self._socket = line
        self._talk = Conversation(b"DEALER", _PARTS, self._most_bytes)
        self._unsent = self._talk.replies()

    def _hang_up(self, why: str) -> None:
        _log.debug("no connection to %s: %s", self._endpoint, why)
        self.close()
        self._talk = Conversation(b"DEALER", _PARTS, self._most_bytes)
        self._unsent = b""
        self._retry_s = self._clock() + _RETRY_S
