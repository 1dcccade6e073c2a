"""A run log that a server gives out: read by offset, patient with silence, never stuck.

Every question waits for its own answer, and for a while only: then its socket is thrown away, with
whatever may still come from it, and the same question is asked from a new one. So a server that was
killed, cut off or frozen is found again, and nothing is lost or comes twice, because the reader says
from where on.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from operando.errors import ConfigurationError, DamagedFileError, FrameRejected, SourceUnreachable
from operando.io.callers import Caller, PlainCaller
from operando.io.curve import KeyedCaller
from operando.io.endpoints import loopback, reached
from operando.io.keys import ClientKeys
from operando.io.runlog import LoggedDocument
from operando.io.sources import Source
from operando.io.wire import (
    BATCH_BYTES,
    MAX_LIMIT,
    OVERHEAD_BYTES,
    TOKEN_BYTES,
    Answer,
    Question,
    pack_question,
    unpack_answer,
)
from operando.types import Finding

__all__ = ["Patience", "RecordedPart", "RemoteLog"]

_log = logging.getLogger(__name__)

_PARTS = 2
_SLOWEST_BYTES_PER_S = 20e6
"""A server that is slower than this with a large document is taken for silent; loopback does 1 GB/s."""
_SILENCE_TOLD_S = 10.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a reader waits.

    Attributes
    ----------
    first_s
        For the first answer, before the log is called unreachable.
    answer_s
        For any other, before it is asked for again; longer for documents above 8 MB.
    call_s
        Within one call of `read`, so that whoever follows can be stopped.
    """

    first_s: float = 5.0
    answer_s: float = 2.0
    call_s: float = 0.25


@dataclass(frozen=True, slots=True)
class _Pending:
    """A question that awaits its answer."""

    token: bytes
    question: Question
    asked_s: float
    had_ended: bool


class RemoteLog:
    """A run log behind an address; it is followed until told that it has ended.

    Parameters
    ----------
    address
        Of `operando serve`, such as `tcp://127.0.0.1:5577`; without keys on this machine.
    ended
        Set by whoever knows that no more will be written.
    patience
        How long to wait.
    clock
        Seconds that only go forward; injectable for tests.
    keys
        By which server and reader know each other; None for a server without.

    Attributes
    ----------
    name
        The address.
    renewed
        How often a question was asked again from a new socket.

    Raises
    ------
    ConfigurationError
        If the address is not on this machine and there are no keys, or they are not the right ones.
    SourceUnreachable
        If nothing answers there, or something else than a log server of this version.
    """

    def __init__(
        self,
        address: str,
        ended: threading.Event,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        keys: ClientKeys | None = None,
    ) -> None:
        self._endpoint = loopback(address) if keys is None else reached(address)
        self._keys = keys
        self.name = address
        self._discarded = 0
        self._trouble = ""
        self.renewed = 0
        self._ended = ended
        self._patience = patience or Patience()
        self._clock = clock
        self._head = 0
        self._final_head: int | None = None
        self._first_crc32: int | None = None
        self._room_bytes = BATCH_BYTES
        self._pending: _Pending | None = None
        self._silent_since_s = clock()
        self._has_told_silence = False
        # The monitor opens here and reads in its thread, one after the other, as ZeroMQ demands.
        self._caller = self._connected()
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents after number `after`; empty also while the server is silent.

        Returns within `Patience.call_s`, and the time to take over what has arrived. What is good is
        delivered first: only a batch that would begin with a bad document raises.

        Raises
        ------
        DamagedFileError
            If the next document is bad; says which.
        SourceUnreachable
            If another log, or another version of the server, has taken the address.
        """
        question = Question(after, min(limit, MAX_LIMIT), self._room_bytes)
        if self._pending is None:
            self._silent_since_s = self._clock()
            self._ask(question)
        elif self._pending.question != question:
            self._renew(question)
        answer = self._await(self._patience.call_s)
        return [] if answer is None else self._decoded(answer)

    def head(self) -> int:
        """Return the number of the last document known from the newest answer."""
        return self._head

    def has_ended(self, after: int) -> bool:
        """Return whether the writer has finished and number `after` is the last one."""
        return self._final_head is not None and after >= self._final_head

    def findings(self) -> tuple[Finding, ...]:
        """Return none."""
        return ()

    def close(self) -> None:
        """Let go of the connection; closing twice does nothing."""
        self._caller.close()

    @property
    def discarded(self) -> int:
        """Messages that were no answer to what was asked: late, repeated or garbage."""
        return self._discarded + self._caller.discarded

    def _greet(self) -> None:
        """Wait for the first answer.

        Raises
        ------
        SourceUnreachable
            If there is none in time.
        ConfigurationError
            If it is the keys that prevent it.
        """
        patience_s = self._patience.first_s
        self._ask(Question(0, 0, self._room_bytes))
        if self._await(patience_s) is not None:
            return
        trouble = self._caller.trouble or self._trouble
        if trouble:
            message = f"{self.name} cannot be read: {trouble}"
            raise ConfigurationError(message)
        found = "nothing answers" if not self.discarded else "something else than a run log's server answers"
        message = (
            f"{found} at {self.name} within {patience_s:g} s; check the address, or start "
            "'operando serve LOG' there first"
        )
        raise SourceUnreachable(message)

    def _ask(self, question: Question) -> None:
        token = secrets.token_bytes(TOKEN_BYTES)
        # The flag before the question: a head in the answer is then the last one, if it was set.
        self._pending = _Pending(token, question, self._clock(), self._ended.is_set())
        self._caller.ask(token, pack_question(question))

    def _renew(self, question: Question) -> None:
        """Ask over a new connection; what may still come over the old one is lost with it."""
        self.renewed += 1
        self._discarded += self._caller.discarded
        self._trouble = self._caller.trouble
        self._caller.close()
        self._caller = self._connected()
        self._ask(question)

    def _connected(self) -> Caller:
        most_bytes = self._room_bytes + OVERHEAD_BYTES
        if self._keys is None:
            return PlainCaller(self._endpoint, most_bytes, self._clock)
        return KeyedCaller(self._endpoint, most_bytes, self._keys)

    def _await(self, wait_s: float) -> Answer | None:
        """Return the answer to the question that was asked, or None if it does not come in time."""
        until_s = self._clock() + wait_s
        while self._pending is not None:
            now_s = self._clock()
            again_s = self._pending.asked_s + self._answer_s()
            if now_s >= again_s:
                self._renew(self._pending.question)
                continue
            if now_s >= until_s:
                break
            parts = self._caller.wait(min(until_s, again_s) - now_s)
            answer = None if parts is None else self._taken(parts, self._pending)
            if answer is not None:
                return answer
        self._tell_silence()
        return None

    def _answer_s(self) -> float:
        return self._patience.answer_s + (self._room_bytes - BATCH_BYTES) / _SLOWEST_BYTES_PER_S

    def _taken(self, parts: tuple[bytes, ...], pending: _Pending) -> Answer | None:
        """Return a message if it is the answer to the pending question.

        Raises
        ------
        DamagedFileError, SourceUnreachable
            As `read`.
        """
        try:
            if len(parts) != _PARTS or parts[0] != pending.token:
                message = "its token is not that of the question"
                raise FrameRejected(message)
            answer = unpack_answer(parts[1], pending.question)
        except FrameRejected as error:
            self._discarded += 1
            _log.debug("a message from %s was discarded: %s", self.name, error)
            return None
        if isinstance(answer, Answer):
            self._check_identity(answer)
            self._pending = None
            return self._noted(answer, pending)
        if answer.error == "damaged":
            self._pending = None
            raise DamagedFileError(answer.text)
        if answer.error == "refused":
            message = f"the server at {self.name} does not understand this program: {answer.text}"
            raise SourceUnreachable(message)
        # The server is there, its file is not, for now: the question is asked again in its time.
        _log.warning("%s: %s", self.name, answer.text)
        return None

    def _noted(self, answer: Answer, pending: _Pending) -> Answer | None:
        """Keep what an answer says of the log; ask again, and return None, if a document needs more room."""
        now_s = self._clock()
        if self._has_told_silence:
            _log.warning("%s answers again after %.0f s", self.name, now_s - self._silent_since_s)
            self._has_told_silence = False
        self._silent_since_s = now_s
        self._head = answer.head
        if pending.had_ended:
            self._final_head = answer.head
        if answer.needed_bytes > self._room_bytes:
            self._room_bytes = answer.needed_bytes
            self._renew(Question(pending.question.after, pending.question.limit, self._room_bytes))
            return None
        return answer

    def _check_identity(self, answer: Answer) -> None:
        if self._first_crc32 is None:
            self._first_crc32 = answer.first_crc32
        if answer.first_crc32 != self._first_crc32:
            message = (
                f"another run log than before is served at {self.name}; "
                "start the command again to read that one from its beginning"
            )
            raise SourceUnreachable(message)

    def _decoded(self, answer: Answer) -> list[LoggedDocument]:
        found: list[LoggedDocument] = []
        for row in answer.rows:
            try:
                found.append(row.logged())
            except DamagedFileError as error:
                if found:
                    break
                message = (
                    f"document {row.seq} of {self.name} is damaged: {error}; "
                    f"{row.seq - 1} documents stand before it and can be read"
                )
                raise DamagedFileError(message) from error
        return found

    def _tell_silence(self) -> None:
        silent_s = self._clock() - self._silent_since_s
        if silent_s >= _SILENCE_TOLD_S and not self._has_told_silence:
            self._has_told_silence = True
            _log.warning("%s has not answered for %.0f s; it is asked again and again", self.name, silent_s)


class RecordedPart:
    """Another source up to the last document that it has now.

    Parameters
    ----------
    source
        Its documents are numbered from 1; closed together with this one.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._last = source.head()
        self.name = source.name

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents after number `after`."""
        return self._source.read(after, min(limit, self._last - after)) if after < self._last else []

    def head(self) -> int:
        """Return the number of the last document when this was made."""
        return self._last

    def has_ended(self, after: int) -> bool:
        """Return whether number `after` is the last one."""
        return after >= self._last

    def findings(self) -> tuple[Finding, ...]:
        """Return those of the source."""
        return self._source.findings()

    def close(self) -> None:
        """Close the source."""
        self._source.close()
