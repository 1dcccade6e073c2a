"""Door and caller for other machines: ZeroMQ with CURVE keys, and a list of whom the server lets in.

Until a reader has shown that it holds a listed key, libzmq keeps one command of at most `MAX_FRAME_BYTES`
of it, and nothing of what it sends is answered. Both sides are known to each other, and what they
say is encrypted. A reader with a listed key is trusted not to fill the server's memory.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import zmq
from zmq.utils.monitor import recv_monitor_message

from operando.errors import ConfigurationError
from operando.io.endpoints import Endpoint
from operando.io.keys import ClientKeys, ServerKeys
from operando.io.wire import TOKEN_BYTES

__all__ = ["KeyedCaller", "KeyedDoor"]

_log = logging.getLogger(__name__)

MAX_FRAME_BYTES = 1024
"""A question in its envelope has 300 bytes, the longest command of the handshake about as many."""

_PARTS = 3
_ZAP_PARTS = 7
_HANDSHAKE_MS = 5000
_QUESTIONS_WAITING = 16
_ANSWERS_WAITING = 2
"""Answers kept for one reader that does not take them; a reader that keeps to the rules awaits one."""
_BACKLOG = 16
_REFUSED_KEY = 400


class KeyedDoor:
    """Listen at any address of this machine, and let in who has a listed key.

    Parameters
    ----------
    endpoint
        Where.
    keys
        The server's own, and those it lets in.

    Attributes
    ----------
    address
        Where it listens.
    refused
        Readers whose key is not listed, and messages that are no questions.

    Raises
    ------
    ConfigurationError
        If the address is taken, or the machine does not have it.
    """

    def __init__(self, endpoint: Endpoint, keys: ServerKeys) -> None:
        self.refused = 0
        self._clients = keys.clients
        self._context = zmq.Context()
        try:
            # Before the other: libzmq lets in everybody while nobody is there to be asked.
            self._porter = self._context.socket(zmq.REP)
            self._porter.bind("inproc://zeromq.zap.01")
            self._socket = _bound(self._context, endpoint, keys)
        except BaseException:
            self.close()
            raise
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def attend(self, timeout_s: float, reply: Callable[[bytes], bytes]) -> None:
        """Wait up to `timeout_s` for a reader or a question, and deal with it."""
        poller = zmq.Poller()
        poller.register(self._porter, zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN)
        waiting = dict(poller.poll(round(timeout_s * 1000)))
        if self._porter in waiting:
            self._admit()
        if self._socket in waiting:
            self._answer(reply)

    def close(self) -> None:
        """Let go of the address; closing twice does nothing."""
        self._context.destroy(linger=0)

    def _admit(self) -> None:
        """Answer libzmq's question whether a key is listed (https://rfc.zeromq.org/spec/27)."""
        asked = self._porter.recv_multipart()
        is_listed = len(asked) == _ZAP_PARTS and asked[5] == b"CURVE" and asked[6] in self._clients
        if not is_listed:
            self.refused += 1
            _log.debug("a reader was refused: its key is not listed")
        request = asked[1] if len(asked) > 1 else b""
        status, text = (b"200", b"OK") if is_listed else (b"400", b"this key is not listed")
        self._porter.send_multipart((b"1.0", request, status, text, b"", b""))

    def _answer(self, reply: Callable[[bytes], bytes]) -> None:
        try:
            parts = _received(self._socket, _PARTS)
            if parts is None or len(parts) != _PARTS or len(parts[1]) != TOKEN_BYTES:
                self.refused += 1
                _log.debug("a message was refused: it does not have the parts of a question")
                return
            reader, token, body = parts
            # To a reader that is gone, or does not take its answers, ROUTER sends nothing and does not wait.
            self._socket.send_multipart((reader, token, reply(body)), zmq.NOBLOCK)
        except zmq.Again:
            _log.debug("the reader was gone before it was answered")


class KeyedCaller:
    """Call a server on any machine that proves to have the expected key.

    Parameters
    ----------
    endpoint
        Where it listens.
    most_bytes
        Most bytes of one part of an answer.
    keys
        The reader's own, and the server's public one.

    Attributes
    ----------
    discarded
        Always 0: libzmq keeps to the protocol, or hangs up.
    trouble
        Why keys prevent a connection; else empty.
    """

    def __init__(self, endpoint: Endpoint, most_bytes: int, keys: ClientKeys) -> None:
        self.discarded = 0
        self.trouble = ""
        self._name = keys.name
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, most_bytes)
        self._socket.setsockopt(zmq.RCVHWM, 2 * _ANSWERS_WAITING)
        self._socket.setsockopt(zmq.IPV6, int(endpoint.is_v6))
        self._socket.curve_secretkey = keys.secret
        self._socket.curve_publickey = keys.public
        self._socket.curve_serverkey = keys.server
        self._events = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED
            | zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        )
        self._socket.connect(str(endpoint))

    def ask(self, token: bytes, body: bytes) -> None:
        """Send a question, as soon as the server can be reached."""
        # It never waits here: a socket carries one question at a time, and keeps it until connected.
        self._socket.send_multipart((token, body), zmq.NOBLOCK)

    def wait(self, timeout_s: float) -> tuple[bytes, ...] | None:
        """Return the parts of the next message, or None if none comes within so many seconds."""
        until_s = time.monotonic() + timeout_s
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._events, zmq.POLLIN)
        while (left_s := until_s - time.monotonic()) > 0:
            waiting = dict(poller.poll(int(left_s * 1000) + 1))
            if self._events in waiting:
                self._note()
            if self._socket in waiting:
                parts = _received(self._socket, 2)
                return () if parts is None else tuple(parts)
        return None

    def close(self) -> None:
        """Let go of the connection; closing twice does nothing."""
        self._context.destroy(linger=0)

    def _note(self) -> None:
        """Keep what libzmq says of the handshake."""
        event = recv_monitor_message(self._events, zmq.NOBLOCK)
        if event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.trouble = ""
        elif event["event"] == zmq.EVENT_HANDSHAKE_FAILED_AUTH and event["value"] == _REFUSED_KEY:
            self.trouble = (
                f"the server does not know the key '{self._name}': put clients/{self._name}.public into its "
                "folder of keys, and start it again"
            )
        else:
            self.trouble = (
                "the server has another key than server.public says, or serves without keys: copy its "
                "server.public here, or start it with --keys"
            )


def _bound(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: Endpoint, keys: ServerKeys
) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
    socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
    socket.setsockopt(zmq.BACKLOG, _BACKLOG)
    socket.setsockopt(zmq.RCVHWM, _QUESTIONS_WAITING)
    socket.setsockopt(zmq.SNDHWM, _ANSWERS_WAITING)
    socket.setsockopt(zmq.IPV6, int(endpoint.is_v6))
    socket.setsockopt(zmq.ZAP_DOMAIN, b"operando")
    socket.curve_server = True
    socket.curve_secretkey = keys.secret
    try:
        socket.bind(str(endpoint))
    except zmq.ZMQError as error:
        message = f"{endpoint} cannot be listened at: {error}; give another --address"
        raise ConfigurationError(message) from error
    return socket


def _received(socket: zmq.Socket[bytes], most_parts: int) -> list[bytes] | None:
    """Return the parts of the message that waits at `socket`; None if they are more than `most_parts`.

    Raises
    ------
    zmq.Again
        If none waits.
    """
    parts = [socket.recv(zmq.NOBLOCK)]
    while socket.getsockopt(zmq.RCVMORE):
        part = socket.recv(zmq.NOBLOCK)
        # All are taken from the socket, or the rest would be taken for the next message.
        if len(parts) <= most_parts:
            parts.append(part)
    return parts if len(parts) <= most_parts else None
