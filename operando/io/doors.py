"""The door of a server on this machine: it lets anybody ask, and nobody take more than a share.

One thread, no lock. A visitor has one answer at a time: while that is not taken, nothing more is
heard from it, and the system holds up what it sends. So what a stranger costs is bounded whatever it
sends: a few kilobytes for each of so many visitors, and so many bytes of answers that wait.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from operando.errors import ConfigurationError, FrameRejected
from operando.io.endpoints import Endpoint
from operando.io.wire import MAX_QUESTION_BYTES, TOKEN_BYTES
from operando.io.zmtp import Conversation, framed

__all__ = ["MOST_VISITORS", "MOST_WAITING_BYTES", "Door", "PlainDoor"]

_log = logging.getLogger(__name__)

MOST_VISITORS = 32
"""One more, and the one that has not asked for the longest time has to go."""
MOST_WAITING_BYTES = 32 * 2**20
"""Answers that wait to be taken; beyond it, the one that has waited longest is given up."""

_PARTS = 2
_CHUNK_BYTES = 4096
_SEND_BYTES = 2**20
_BACKLOG = 128


class Door(Protocol):
    """Where questions come in and answers go out."""

    address: str
    refused: int

    def attend(self, timeout_s: float, reply: Callable[[bytes], bytes]) -> None:
        """Wait for questions, up to so long, and send to each what `reply` makes of it."""
        ...

    def close(self) -> None:
        """Let go of the address."""
        ...


@dataclass(slots=True, eq=False)
class _Visitor:
    """Somebody who is connected.

    Attributes
    ----------
    asked_s
        When the last question came, or the connection, if there was none.
    unsent
        What waits to be taken.
    stalled_s
        Since when nothing of it was taken.
    """

    socket: socket.socket
    talk: Conversation
    asked_s: float
    unsent: memoryview
    stalled_s: float = 0.0


class PlainDoor:
    """Listen at an address of this machine.

    Parameters
    ----------
    endpoint
        Where.
    clock
        Seconds that only go forward.

    Attributes
    ----------
    address
        Where it listens.
    refused
        Messages and visitors that did not keep to the protocol.

    Raises
    ------
    ConfigurationError
        If the address is taken, or the machine does not have it.
    """

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float] = time.monotonic) -> None:
        self.refused = 0
        self._clock = clock
        self._visitors: list[_Visitor] = []
        family = socket.AF_INET6 if endpoint.is_v6 else socket.AF_INET
        try:
            self._listener = socket.create_server(
                (endpoint.host, endpoint.port), family=family, backlog=_BACKLOG
            )
        except OSError as error:
            message = f"{endpoint} cannot be listened at: {error.strerror}; give another --address"
            raise ConfigurationError(message) from error
        self._listener.setblocking(False)
        self.address = str(Endpoint(endpoint.host, self._listener.getsockname()[1]))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of answers that are not taken yet."""
        return sum(len(visitor.unsent) for visitor in self._visitors)

    def attend(self, timeout_s: float, reply: Callable[[bytes], bytes]) -> None:
        """Wait up to `timeout_s` for something to happen, and deal with it: one question of each visitor."""
        for key, _ in self._selector.select(timeout_s):
            visitor = key.data
            if visitor is None:
                self._welcome()
            elif visitor in self._visitors:
                self._deal_with(visitor, reply)

    def close(self) -> None:
        """Send everybody away and let go of the address; closing twice does nothing."""
        while self._visitors:
            self._dismiss(self._visitors[0])
        self._listener.close()
        self._selector.close()

    def _welcome(self) -> None:
        try:
            arrived, _ = self._listener.accept()
        except OSError as error:
            # Gone before it was let in, or no more files may be open.
            _log.debug("a visitor did not come in: %s", error)
            return
        if len(self._visitors) >= MOST_VISITORS:
            self._dismiss(min(self._visitors, key=lambda visitor: visitor.asked_s))
        arrived.setblocking(False)
        arrived.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk = Conversation(b"ROUTER", _PARTS, TOKEN_BYTES + MAX_QUESTION_BYTES)
        visitor = _Visitor(arrived, talk, self._clock(), memoryview(talk.replies()))
        self._visitors.append(visitor)
        self._selector.register(arrived, selectors.EVENT_READ, visitor)
        self._send(visitor)

    def _deal_with(self, visitor: _Visitor, reply: Callable[[bytes], bytes]) -> None:
        """Go on sending what waits; where nothing does, hear more and answer one question."""
        try:
            if not visitor.unsent:
                chunk = visitor.socket.recv(_CHUNK_BYTES)
                if not chunk:
                    self._dismiss(visitor)
                    return
                visitor.talk.hear(chunk)
            self._send(visitor)
            while not visitor.unsent and visitor in self._visitors:
                parts = visitor.talk.message()
                said = visitor.talk.replies()
                if parts is not None:
                    said += self._answer(visitor, parts, reply)
                if not said:
                    return
                visitor.unsent = memoryview(said)
                self._send(visitor)
        except FrameRejected as error:
            self.refused += 1
            _log.debug("a visitor was sent away: %s", error)
            self._dismiss(visitor)
        except OSError as error:
            _log.debug("a visitor was gone: %s", error)
            self._dismiss(visitor)

    def _answer(self, visitor: _Visitor, parts: tuple[bytes, ...], reply: Callable[[bytes], bytes]) -> bytes:
        """Return the answer to a question as it is sent.

        Raises
        ------
        FrameRejected
            If it does not have the parts of a question.
        """
        if len(parts) != _PARTS or len(parts[0]) != TOKEN_BYTES:
            message = f"a message with parts of {[len(part) for part in parts]} bytes was found"
            raise FrameRejected(message)
        visitor.asked_s = self._clock()
        answer = framed(parts[0], reply(parts[1]))
        while self.waiting_bytes + len(answer) > MOST_WAITING_BYTES and self.waiting_bytes:
            _log.debug("an answer that nobody took was given up")
            self._dismiss(min(filter(_is_waiting, self._visitors), key=lambda other: other.stalled_s))
        return answer

    def _send(self, visitor: _Visitor) -> None:
        """Send as much as is taken now, and be told when more will be."""
        try:
            while visitor.unsent:
                sent = visitor.socket.send(visitor.unsent[:_SEND_BYTES])
                visitor.unsent = visitor.unsent[sent:]
                visitor.stalled_s = self._clock()
        except BlockingIOError:
            # The socket takes no more for now: the selector says when it does again.
            pass
        except OSError as error:
            _log.debug("a visitor was gone before it was answered: %s", error)
            self._dismiss(visitor)
            return
        awaited = selectors.EVENT_WRITE if visitor.unsent else selectors.EVENT_READ
        if self._selector.get_key(visitor.socket).events != awaited:
            self._selector.modify(visitor.socket, awaited, visitor)

    def _dismiss(self, visitor: _Visitor) -> None:
        if visitor in self._visitors:
            self._visitors.remove(visitor)
            self._selector.unregister(visitor.socket)
            visitor.socket.close()
            visitor.unsent = memoryview(b"")


def _is_waiting(visitor: _Visitor) -> bool:
    return bool(visitor.unsent)
