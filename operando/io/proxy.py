"""The documents of bluesky's own 0MQ proxy: as they come, and only as long as one listens.

A proxy keeps nothing. What was sent before, or while nobody listened or could keep up, is gone without
a word; the gaps show in the numbers of the events. So this is best effort, and says so.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import zmq

from operando.errors import FrameRejected
from operando.io.blob import MAX_BYTES
from operando.io.endpoints import loopback
from operando.io.messages import PickledMessage, document_of
from operando.io.readings import is_time
from operando.io.runlog import LoggedDocument
from operando.types import Finding, Severity

__all__ = ["ProxySource"]

_log = logging.getLogger(__name__)

_MOST_WAITING = 20_000
"""Messages that are held for a monitor that is busy; more are dropped by 0MQ, and then missed."""
_PARTS = 3
_ADVICE = (
    "in the startup of the beamline write 'from operando.live import message_of' and "
    "'RE.subscribe(Publisher(ADDRESS, serializer=message_of))' in place of 'RE.subscribe(Publisher(ADDRESS))'"
)


class ProxySource:
    """What a proxy sends from now on.

    Parameters
    ----------
    address
        Where it publishes, such as `proxy://127.0.0.1:5578`; on this machine.
    ended
        Set by whoever knows that no more will come.

    Raises
    ------
    ConfigurationError
        If the address is not on this machine.
    """

    def __init__(self, address: str, ended: threading.Event) -> None:
        endpoint = loopback(f"tcp://{address.partition('://')[2]}")
        self.name = f"{address} (best effort)"
        self._ended = ended
        self._head = 0
        self._pickled = 0
        self._refused = 0
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, _MOST_WAITING)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        self._socket.setsockopt(zmq.IPV6, int(endpoint.is_v6))
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        self._socket.connect(str(endpoint))

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents that have come, with the numbers after `after`."""
        found: list[LoggedDocument] = []
        for _ in range(limit):
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            document = self._document(parts)
            if document is not None:
                found.append(_logged(after + len(found) + 1, *document))
        self._head = max(self._head, after + len(found))
        return found

    def head(self) -> int:
        """Return the number of the last document that was given."""
        return self._head

    def has_ended(self, after: int) -> bool:
        """Return whether no more will come, and nothing waits."""
        return self._ended.is_set() and after >= self._head and not self._socket.poll(0)

    def findings(self) -> tuple[Finding, ...]:
        """Say that nothing is promised, and what was refused."""
        words = "documents come through a proxy that keeps nothing: what was missed is missing"
        found = [Finding("best-effort", Severity.INFO, words, "record a run log, and name it with --repair")]
        if self._pickled:
            words = f"{self._pickled} messages of {self.name} are pickles and were refused"
            found.append(Finding("pickled", Severity.ALARM, words, _ADVICE))
        if self._refused:
            words = f"{self._refused} messages of {self.name} are no documents and were refused"
            found.append(Finding("no-documents", Severity.WARNING, words))
        return tuple(found)

    def close(self) -> None:
        """Let go of the connection; closing twice does nothing."""
        self._context.destroy(linger=0)

    def _document(self, parts: list[bytes]) -> tuple[str, dict[str, Any]] | None:
        """Return name and document of a message, or None for one that is refused."""
        try:
            # A prefix, which may be empty, the name, and the document, with spaces between.
            fields = parts[0].split(b" ", _PARTS - 1)
            if len(parts) != 1 or len(fields) != _PARTS:
                text = "a message has another form than bluesky's Publisher gives it"
                raise FrameRejected(text)
            return fields[1].decode("utf-8", "replace"), document_of(fields[2])
        except PickledMessage:
            if not self._pickled:
                _log.error(
                    "the documents of %s are pickled, and pickles are not opened: %s", self.name, _ADVICE
                )
            self._pickled += 1
        except FrameRejected as error:
            if not self._refused:
                _log.warning("%s: %s", self.name, error)
            self._refused += 1
        return None


def _logged(seq: int, name: str, document: dict[str, Any]) -> LoggedDocument:
    uid = document.get("uid" if name == "start" else "run_start")
    time_s = document.get("time")
    if isinstance(time_s, list) and time_s:
        time_s = time_s[-1]
    recorded_s = float(time_s) if is_time(time_s) else float("nan")
    return LoggedDocument(seq, uid if isinstance(uid, str) else "", name, document, recorded_s)
