"""The server of a run log: it answers who asks for rows, remembers nobody, and outlives what it is sent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from operando.errors import DamagedFileError, FrameRejected, SourceUnreachable
from operando.io.curve import KeyedDoor
from operando.io.doors import Door, PlainDoor
from operando.io.endpoints import listening, loopback
from operando.io.keys import ServerKeys
from operando.io.logrows import RowReader
from operando.io.wire import (
    BATCH_BYTES,
    MAX_ROOM_BYTES,
    Answer,
    Question,
    Refusal,
    pack_answer,
    pack_refusal,
    unpack_question,
)

__all__ = ["LogServer", "serve"]

_log = logging.getLogger(__name__)

_POLL_S = 0.1


class LogServer:
    """Give the rows of one run log to readers on this machine or, by keys, to those on others.

    Parameters
    ----------
    path
        A file made by `LogWriter`; it may still be growing.
    address
        Where to listen, `tcp://127.0.0.1:5577`; port 0 takes any that is free.
    keys
        By which readers are told from strangers; None lets in everybody on this machine, and nobody else.

    Attributes
    ----------
    address
        Where it listens.
    answered
        Questions that were understood.

    Raises
    ------
    ConfigurationError
        If the address is taken, or is not on this machine and there are no keys.
    SourceUnreachable, DamagedFileError
        If there is no run log at `path`.
    """

    def __init__(self, path: str | Path, address: str, keys: ServerKeys | None = None) -> None:
        endpoint = loopback(address) if keys is None else listening(address)
        self.answered = 0
        self._misunderstood = 0
        self._log = RowReader(path)
        try:
            self._door: Door = PlainDoor(endpoint) if keys is None else KeyedDoor(endpoint, keys)
        except BaseException:
            self._log.close()
            raise
        self.address = self._door.address

    @property
    def refused(self) -> int:
        """Messages that were not understood, and readers that were sent away."""
        return self._misunderstood + self._door.refused

    def serve(self, stop: threading.Event) -> None:
        """Answer until `stop` is set, which is noticed within 0.1 s."""
        while not stop.is_set():
            self.answer(_POLL_S)

    def answer(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for questions and deal with them."""
        self._door.attend(timeout_s, self._reply)

    def close(self) -> None:
        """Let go of the file and the address; closing twice does nothing."""
        self._door.close()
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
            self._misunderstood += 1
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
    keys: ServerKeys | None = None,
) -> None:
    """Serve the run log at `path` until `stop` is set.

    Parameters
    ----------
    path, address, keys
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
    with LogServer(path, address, keys) as server:
        tell(server)
        try:
            server.serve(stop)
        finally:
            if server.refused:
                _log.warning("%d messages at %s were refused", server.refused, server.address)
            _log.info("%d questions were answered at %s", server.answered, server.address)
