"""ZeroMQ's protocol on the wire, without its library: one conversation, within limits that hold.

Of ZMTP 3.1 (https://rfc.zeromq.org/spec/37) what a reader and a server need of each other: the
greeting with the NULL mechanism, READY, messages of parts, and PING. libzmq limits the size of a
part, but not how many parts a message has, and keeps them all until the last one has come: ten million
empty parts, 20 MB on the wire, took 612 MB of the server's memory (docs/decisions/0021). Here a
message is refused at the head of the first part that is one too many, or too long.

Nothing here knows sockets: bytes go in, bytes and messages come out.
"""

from __future__ import annotations

import struct

from operando.errors import FrameRejected

__all__ = ["MAX_COMMAND_BYTES", "Conversation", "KeysExpected", "framed"]

MAX_COMMAND_BYTES = 512
"""READY of a common socket has 40; more only with an identity or an application's own properties."""

_SIGNATURE_BYTES = 10
_GREETING_BYTES = 64
_VERSION = 3
_MECHANISM = slice(12, 32)
_MORE, _LONG, _COMMAND = 1, 2, 4
_SHORT_MOST = 255
_GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
_PING_HEAD_BYTES = 7
_CONTEXT_BYTES = 16


class KeysExpected(FrameRejected):
    """The other side speaks with keys, or by another mechanism that is not spoken here."""


class Conversation:
    """One side of a connection, from the first byte on.

    Parameters
    ----------
    socket_type
        What this side is: b"DEALER" or b"ROUTER".
    most_parts, most_bytes
        Most parts of a message, and most bytes of all its parts together.

    Attributes
    ----------
    is_ready
        Whether both sides have introduced themselves, so that messages may be sent.
    """

    def __init__(self, socket_type: bytes, most_parts: int, most_bytes: int) -> None:
        self.is_ready = False
        self._socket_type = socket_type
        self._most_parts = most_parts
        self._most_bytes = most_bytes
        self._heard = bytearray()
        # A reader keeps its mechanism back until it knows the server's, which may hang up at the sight of
        # another before it has shown its own.
        shown = len(_GREETING) if socket_type == b"ROUTER" else _MECHANISM.start
        self._replies, self._kept_back = bytearray(_GREETING[:shown]), _GREETING[shown:]
        self._has_greeted = False
        self._parts: list[bytes] = []
        self._parts_bytes = 0

    def hear(self, chunk: bytes) -> None:
        """Take over bytes as they came; hold no more than one message and a chunk by asking for messages."""
        self._heard += chunk

    def replies(self) -> bytes:
        """Return, once, what this side has to send besides messages, which comes before them."""
        found = bytes(self._replies)
        self._replies.clear()
        return found

    def message(self) -> tuple[bytes, ...] | None:
        """Return the next complete message; None if more bytes are needed.

        Raises
        ------
        FrameRejected
            If the other side does not keep to the protocol or to the limits: hang up.
        """
        if not self._has_greeted and not self._greet():
            return None
        while (frame := self._frame()) is not None:
            flags, body = frame
            if flags & _COMMAND:
                self._obey(body)
                continue
            self._parts.append(body)
            self._parts_bytes += len(body)
            if not flags & _MORE:
                parts = tuple(self._parts)
                self._parts.clear()
                self._parts_bytes = 0
                return parts
        return None

    def _greet(self) -> bool:
        heard = self._heard
        if heard and (heard[0] != 0xFF or (len(heard) >= _SIGNATURE_BYTES and not heard[9] & 1)):
            message = "the other side does not speak ZeroMQ"
            raise FrameRejected(message)
        if len(heard) > _SIGNATURE_BYTES and heard[_SIGNATURE_BYTES] < _VERSION:
            message = f"the other side speaks version {heard[_SIGNATURE_BYTES]} of ZMTP; 3 was expected"
            raise FrameRejected(message)
        if len(heard) < _GREETING_BYTES:
            return False
        mechanism = bytes(heard[_MECHANISM]).rstrip(b"\0")
        if mechanism != b"NULL":
            message = f"the other side speaks by the mechanism {mechanism!r}, and this side without keys"
            raise KeysExpected(message)
        del heard[:_GREETING_BYTES]
        self._has_greeted = True
        properties = _property(b"Socket-Type", self._socket_type) + _property(b"Identity", b"")
        self._replies += self._kept_back + _command(b"\x05READY" + properties)
        return True

    def _frame(self) -> tuple[int, bytes] | None:
        """Return flags and body of the next frame, if it is complete; refuse it at its head."""
        heard = self._heard
        if len(heard) < 2:
            return None
        flags = heard[0]
        if flags & ~(_MORE | _LONG | _COMMAND) or (flags & _COMMAND and flags & _MORE):
            message = f"a frame with the flags {flags:#04x} was found"
            raise FrameRejected(message)
        start = 9 if flags & _LONG else 2
        if len(heard) < start:
            return None
        length = int.from_bytes(heard[1:start], "big")
        self._check(flags, length)
        if len(heard) < start + length:
            return None
        body = bytes(memoryview(heard)[start : start + length])
        del heard[: start + length]
        return flags, body

    def _check(self, flags: int, length: int) -> None:
        if flags & _COMMAND:
            if length > MAX_COMMAND_BYTES:
                message = f"a command of {length} bytes was announced; the limit is {MAX_COMMAND_BYTES}"
                raise FrameRejected(message)
            return
        if not self.is_ready:
            message = "a message was found where the other side should have introduced itself"
            raise FrameRejected(message)
        if len(self._parts) >= self._most_parts:
            message = f"a message of more than {self._most_parts} parts was found"
            raise FrameRejected(message)
        if self._parts_bytes + length > self._most_bytes:
            message = (
                f"a message of at least {self._parts_bytes + length} bytes was announced; "
                f"the limit is {self._most_bytes}"
            )
            raise FrameRejected(message)

    def _obey(self, body: bytes) -> None:
        if not self.is_ready:
            if not body.startswith(b"\x05READY"):
                message = "the other side did not introduce itself"
                raise FrameRejected(message)
            self.is_ready = True
        elif body.startswith(b"\x04PING"):
            self._replies += _command(b"\x04PONG" + body[_PING_HEAD_BYTES:][:_CONTEXT_BYTES])


def framed(*parts: bytes) -> bytes:
    """Return a message of these parts as it goes over the wire."""
    last = len(parts) - 1
    pieces: list[bytes] = []
    for number, part in enumerate(parts):
        pieces += [_head(_MORE if number < last else 0, part), part]
    return b"".join(pieces)


def _command(body: bytes) -> bytes:
    return _head(_COMMAND, body) + body


def _head(flags: int, body: bytes) -> bytes:
    if len(body) <= _SHORT_MOST:
        return struct.pack(">BB", flags, len(body))
    return struct.pack(">BQ", flags | _LONG, len(body))


def _property(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">I", len(value)) + value
