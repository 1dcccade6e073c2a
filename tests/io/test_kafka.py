"""A Kafka topic is read by offset, as a log is; a message that is none is passed over."""

from __future__ import annotations

import pickle
import socket
import threading
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_messages import as_msgpack_numpy

from following import ended, let_go_of, offline, started
from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.kafka import KafkaSource, Message, open_kafka
from operando.io.past_damage import PastDamage
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))
WORK = Work(library(), recipe(), LayoutSettings())
NAME = "kafka://127.0.0.1:9092/lab.bluesky.runengine.documents"


class Topic:
    """A topic of one partition in memory, with the five methods that are asked of Kafka."""

    def __init__(self, values: list[bytes], oldest: int = 0, partitions: int = 1) -> None:
        self.values = values
        self.oldest = oldest
        self._partitions = partitions
        self._at = 0
        self.is_closed = False

    def partitions(self) -> int:
        return self._partitions

    def bounds(self) -> tuple[int, int]:
        return self.oldest, len(self.values)

    def seek(self, offset: int) -> None:
        assert offset >= self.oldest
        self._at = offset

    def take(self, limit: int, wait_s: float) -> list[Message]:
        first = self._at
        self._at = min(first + limit, len(self.values))
        return [Message(place, self.values[place], 1.0 + wait_s) for place in range(first, self._at)]

    def close(self) -> None:
        self.is_closed = True


def sent(documents: list[tuple[str, dict]]) -> list[bytes]:
    return [msgpack.packb(document, default=as_msgpack_numpy) for document in documents]


@given(limits=st.lists(st.integers(1, 9), max_size=8), again=st.integers(0, 20))
def test_it_is_read_by_offset_however_it_is_batched(limits: list[int], again: int) -> None:
    source = KafkaSource(Topic(sent(DOCUMENTS)), NAME, threading.Event())
    seen: list[str] = []
    for limit in [*limits, 1000]:
        seen += [logged.name for logged in source.read(len(seen), limit)]
    assert seen == [name for name, _ in DOCUMENTS]
    assert [logged.seq for logged in source.read(again, 3)] == list(range(again + 1, again + 4))
    assert source.head() == len(DOCUMENTS)


def test_a_killed_monitor_goes_on_in_a_topic(tmp_path: Path) -> None:
    expected = offline(DOCUMENTS, tmp_path / "offline" / "out.h5", WORK)
    is_over = threading.Event()
    topic = Topic(sent(DOCUMENTS[:20]))
    output = tmp_path / "out.h5"
    monitor, keeper = started(PastDamage(KafkaSource(topic, NAME, is_over)), output, WORK)
    monitor.pull()
    let_go_of(keeper)
    topic.values += sent(DOCUMENTS[20:])
    is_over.set()
    monitor, keeper = started(PastDamage(KafkaSource(topic, NAME, is_over)), output, WORK)
    assert monitor.pull() == len(DOCUMENTS) - 20
    assert monitor.delivery.is_finished
    assert ended(monitor, keeper) == expected


def test_a_message_that_is_none_is_passed_over_and_counted() -> None:
    values = sent(DOCUMENTS)
    values[3:3] = [pickle.dumps(("event", {})), b"noise"]
    raw = KafkaSource(Topic(values), NAME, threading.Event())
    assert len(raw.read(0, 100)) == 3
    with pytest.raises(DamagedFileError, match="document 4 of kafka"):
        raw.read(3, 100)
    source = PastDamage(raw)
    found = source.read(0, 100)
    found += source.read(found[-1].seq, 100)
    assert [logged.name for logged in found] == [name for name, _ in DOCUMENTS]
    assert source.findings()[0].message.startswith("2 damaged documents of kafka")


def test_what_kafka_no_longer_has_is_said() -> None:
    source = KafkaSource(Topic(sent(DOCUMENTS), oldest=4), NAME, threading.Event())
    assert source.read(0, 100)[0].seq == 5
    assert "no longer has 4 documents" in source.findings()[0].message


def test_other_topics_are_refused() -> None:
    with pytest.raises(SourceUnreachable, match="no topic"):
        KafkaSource(Topic([], partitions=0), NAME, threading.Event())
    with pytest.raises(ConfigurationError, match="3 partitions"):
        KafkaSource(Topic([], partitions=3), NAME, threading.Event())
    with pytest.raises(ConfigurationError, match="names no topic"):
        open_kafka("kafka://127.0.0.1:9092", threading.Event())
    with pytest.raises(ConfigurationError):
        open_kafka("kafka://192.0.2.1:9092/topic", threading.Event())


def test_where_no_kafka_is_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("confluent_kafka", reason="Kafka's own client; extra [kafka]")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr("operando.io.kafka._PATIENCE_S", 0.2)
        with pytest.raises(SourceUnreachable, match="no Kafka answers"):
            open_kafka(f"kafka://127.0.0.1:{taken.getsockname()[1]}/topic", threading.Event())
