"""Documents in a Kafka topic, as bluesky-kafka puts them there: read by the offsets of its one partition.

A message is msgpack of name and document, arrays as msgpack-numpy writes them. bluesky-kafka itself is
not used to read it: on import it makes msgpack open pickles everywhere in the program.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import urlsplit

from operando.errors import ConfigurationError, DamagedFileError, FrameRejected, SourceUnreachable
from operando.io.endpoints import loopback
from operando.io.messages import named_document_of
from operando.io.runlog import LoggedDocument
from operando.types import Finding, Severity

__all__ = ["Consumer", "KafkaSource", "Message", "open_kafka"]

_log = logging.getLogger(__name__)

_PATIENCE_S = 5.0
_CALL_S = 0.1


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a partition.

    Attributes
    ----------
    offset
        Its place, from 0.
    value
        What it holds.
    written_s
        Wall clock of whoever wrote it, seconds since the epoch; NaN where unknown.
    """

    offset: int
    value: bytes
    written_s: float


class Consumer(Protocol):
    """What is asked of Kafka."""

    def partitions(self) -> int:
        """Return how many partitions the topic has; 0 if there is no such topic."""
        ...

    def bounds(self) -> tuple[int, int]:
        """Return the offset of the oldest message kept, and that of the next one to come."""
        ...

    def seek(self, offset: int) -> None:
        """Go to a message."""
        ...

    def take(self, limit: int, wait_s: float) -> list[Message]:
        """Return the next messages, waiting so long for the first."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class KafkaSource:
    """The documents of one topic; document n is the message with offset n - 1.

    Parameters
    ----------
    consumer
        Reads the topic's only partition; closed together with this source.
    name
        As the user would write it.
    ended
        Set by whoever knows that no more will be written.

    Raises
    ------
    SourceUnreachable
        There is no such topic.
    ConfigurationError
        It has several partitions, and so no order.
    """

    def __init__(self, consumer: Consumer, name: str, ended: threading.Event) -> None:
        self._consumer = consumer
        self._ended = ended
        self._next = -1
        self._expired = 0
        self.name = name
        partitions = consumer.partitions()
        if not partitions:
            msg = f"there is no topic at {name}; check its name"
            raise SourceUnreachable(msg)
        if partitions > 1:
            msg = (
                f"{name} has {partitions} partitions, and documents have an order within one only; "
                "let the beamline publish to a topic with a single partition"
            )
            raise ConfigurationError(msg)

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents after number `after`; empty if there are none now.

        Raises
        ------
        DamagedFileError
            The next message is no document; what stands before it is delivered first.
        """
        oldest, _ = self._consumer.bounds()
        if after < oldest:
            if not self._expired:
                _log.warning("%s no longer has its first %d documents", self.name, oldest - after)
            self._expired = max(self._expired, oldest - after)
            after = oldest
        if after != self._next:
            self._consumer.seek(after)
        found: list[LoggedDocument] = []
        for message in self._consumer.take(limit, _CALL_S):
            try:
                found.append(_logged(message))
            except FrameRejected as error:
                self._next = -1
                if found:
                    return found
                msg = f"document {message.offset + 1} of {self.name} is none: {error}"
                raise DamagedFileError(msg) from error
        self._next = found[-1].seq if found else after
        return found

    def head(self) -> int:
        """Return the number of the last document in the topic."""
        return self._consumer.bounds()[1]

    def has_ended(self, after: int) -> bool:
        """Return whether the writer has finished and number `after` is the last one."""
        return self._ended.is_set() and after >= self.head()

    def findings(self) -> tuple[Finding, ...]:
        """Say what Kafka no longer has."""
        if not self._expired:
            return ()
        words = f"{self.name} no longer has {self._expired} documents that it had"
        return (Finding("expired", Severity.ALARM, words, "keep the topic longer, or record a run log"),)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


def open_kafka(address: str, ended: threading.Event) -> KafkaSource:
    """Return the documents of a topic.

    Parameters
    ----------
    address
        `kafka://127.0.0.1:9092/TOPIC`; on this machine.
    ended
        Set by whoever knows that no more will be written.

    Raises
    ------
    ConfigurationError
        The extra is not installed, the address is not on this machine, or it names no topic.
    SourceUnreachable
        Nothing answers there, or there is no such topic.
    """
    parts = urlsplit(address)
    topic = parts.path.strip("/")
    loopback(f"tcp://{parts.netloc}")
    if not topic or "/" in topic:
        msg = f"{address} names no topic; write kafka://127.0.0.1:9092/TOPIC"
        raise ConfigurationError(msg)
    consumer = _Confluent(parts.netloc, topic)
    try:
        return KafkaSource(consumer, address, ended)
    except BaseException:
        consumer.close()
        raise


class _Confluent:
    """Kafka's own client."""

    def __init__(self, server: str, topic: str) -> None:
        try:
            # Only where it is asked for, and not known to every installation.
            self._kafka: Any = import_module("confluent_kafka")
        except ImportError as error:
            msg = "confluent-kafka, which reads Kafka, is missing: install operando with its extra [kafka]"
            raise ConfigurationError(msg) from error
        self._server = server
        self._topic = topic
        self._consumer: Any = self._kafka.Consumer(
            {
                "bootstrap.servers": server,
                # Asked for by Kafka, and never used: the place in the topic is ours to keep.
                "group.id": "operando",
                "enable.auto.commit": False,
                "enable.partition.eof": False,
                "auto.offset.reset": "error",
            }
        )

    def partitions(self) -> int:
        """Return how many partitions the topic has."""
        try:
            found = self._consumer.list_topics(self._topic, _PATIENCE_S).topics.get(self._topic)
        except self._kafka.KafkaException as error:
            msg = f"no Kafka answers at {self._server} ({error}); check the address"
            raise SourceUnreachable(msg) from error
        return 0 if found is None or found.error is not None else len(found.partitions)

    def bounds(self) -> tuple[int, int]:
        """Return the offset of the oldest message kept, and that of the next one to come."""
        try:
            low, high = self._consumer.get_watermark_offsets(self._place(0), _PATIENCE_S)
        except self._kafka.KafkaException as error:
            msg = f"Kafka at {self._server} does not answer any more ({error})"
            raise SourceUnreachable(msg) from error
        return low, high

    def seek(self, offset: int) -> None:
        """Go to a message."""
        self._consumer.assign([self._place(offset)])

    def take(self, limit: int, wait_s: float) -> list[Message]:
        """Return the next messages."""
        found: list[Message] = []
        for message in self._consumer.consume(limit, wait_s):
            if message.error() is not None:
                break
            kind, time_ms = message.timestamp()
            is_known = kind != self._kafka.TIMESTAMP_NOT_AVAILABLE
            found.append(
                Message(
                    message.offset(), message.value() or b"", time_ms / 1000 if is_known else float("nan")
                )
            )
        return found

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _place(self, offset: int) -> Any:  # noqa: ANN401 - Kafka has no types
        return self._kafka.TopicPartition(self._topic, 0, offset)


def _logged(message: Message) -> LoggedDocument:
    name, document = named_document_of(message.value)
    uid = document.get("uid" if name == "start" else "run_start")
    run = uid if isinstance(uid, str) else ""
    return LoggedDocument(message.offset + 1, run, name, document, message.written_s)
