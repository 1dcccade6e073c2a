"""The server of a run log: it answers who asks for rows, remembers nobody, and outlives what it is sent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import zmq

from operando.errors import ConfigurationError, DamagedFileError, FrameRejected, SourceUnreachable
from operando.io.logrows import RowReader
from operando.io.wire import (
    BATCH_BYTES,
    MAX_QUESTION_BYTES,
    MAX_ROOM_BYTES,
    TOKEN_BYTES,
    Answer,
    Question,
    Refusal,
    loopback,
    pack_answer,
    pack_refusal,
    receive,
    unpack_question,
)

__all__ = ["LogServer", "serve"]

_log = logging.getLogger(__name__)

_POLL_S = 0.1
_PARTS = 3
_QUESTIONS_WAITING = 16
_ANSWERS_WAITING = 2
"""Answers kept for one reader that does not take them; a reader that keeps to the rules awaits one."""


class LogServer:
    """Give the rows of one run log to readers on this machine.

    Parameters
    ----------
    path
        A file made by `LogWriter`; it may still be growing.
    address
        Where to listen, `tcp://127.0.0.1:5577`; port 0 takes any that is free.

    Attributes
    ----------
    address
        Where it listens.
    answered
        Questions that were understood.
    refused
        Messages that were not.

    Raises
    ------
    ConfigurationError
        If the address is not on this machine, or is taken.
    SourceUnreachable, DamagedFileError
        If there is no run log at `path`.
    """

    def __init__(self, path: str | Path, address: str) -> None:
        endpoint = loopback(address)
        self.answered = 0
        self.refused = 0
        self._log = RowReader(path)
        self._context = zmq.Context()
        try:
            self._socket = _bound(self._context, endpoint)
        except BaseException:
            self.close()
            raise
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def serve(self, stop: threading.Event) -> None:
        """Answer until `stop` is set, which is noticed within 0.1 s."""
        while not stop.is_set():
            self.answer(_POLL_S)

    def answer(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for a message and deal with it."""
        if not self._socket.poll(round(timeout_s * 1000)):
            return
        try:
            parts = receive(self._socket, _PARTS)
            if parts is None or len(parts) != _PARTS or len(parts[1]) != TOKEN_BYTES:
                self.refused += 1
                _log.debug("a message was refused: it does not have the parts of a question")
                return
            reader, token, body = parts
            # To a reader that is gone, or does not take its answers, ROUTER sends nothing and does not wait.
            self._socket.send_multipart((reader, token, self._reply(body)), zmq.NOBLOCK)
        except zmq.Again:
            _log.debug("the reader was gone before it was answered")

    def close(self) -> None:
        """Let go of the file and the address; closing twice does nothing."""
        self._context.destroy(linger=0)
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _reply(self, body: bytes) -> bytes:
        try:
            question = unpack_question(body)
            self.answered += 1
            return pack_answer(self._answer(question))
        except FrameRejected as error:
            self.refused += 1
            _log.debug("a question was refused: %s", error)
            return pack_refusal(Refusal("refused", str(error)))
        except DamagedFileError as error:
            _log.warning("%s", error)
            return pack_refusal(Refusal("damaged", str(error)))
        except SourceUnreachable as error:
            _log.warning("%s", error)
            return pack_refusal(Refusal("unreachable", str(error)))

    def _answer(self, question: Question) -> Answer:
        room_bytes = question.room_bytes
        batch = self._log.rows(question.after, question.limit, min(room_bytes, BATCH_BYTES), room_bytes)
        if batch.needed_bytes > MAX_ROOM_BYTES:
            message = (
                f"document {question.after + 1} has {batch.needed_bytes} bytes; the limit is {MAX_ROOM_BYTES}"
            )
            raise DamagedFileError(message)
        # The head after the rows: it is then never behind them.
        return Answer(self._log.head(), self._log.first_crc32(), batch.rows, batch.needed_bytes)


def serve(
    path: str | Path,
    address: str,
    stop: threading.Event,
    tell: Callable[[LogServer], None] = lambda _server: None,
) -> None:
    """Serve the run log at `path` until `stop` is set.

    Parameters
    ----------
    path, address
        As `LogServer`.
    stop
        Set by whoever wants it to end.
    tell
        Called with the server once it listens.

    Raises
    ------
    ConfigurationError, SourceUnreachable, DamagedFileError
        As `LogServer`.
    """
    with LogServer(path, address) as server:
        tell(server)
        try:
            server.serve(stop)
        finally:
            if server.refused:
                _log.warning("%d messages at %s were refused", server.refused, server.address)
            _log.info("%d questions were answered at %s", server.answered, server.address)


def _bound(context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_QUESTION_BYTES)
    socket.setsockopt(zmq.RCVHWM, _QUESTIONS_WAITING)
    socket.setsockopt(zmq.SNDHWM, _ANSWERS_WAITING)
    socket.setsockopt(zmq.IPV6, int("[" in endpoint))
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        message = f"{endpoint} cannot be listened at: {error}; give another --address"
        raise ConfigurationError(message) from error
    return socket
