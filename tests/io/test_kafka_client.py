"""Kafka's own client against the broker that its library brings along for tests, over a real socket."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from test_messages import as_msgpack_numpy

from following import ended, let_go_of, offline, started
from operando.errors import ConfigurationError
from operando.io.kafka import open_kafka
from operando.io.past_damage import PastDamage
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

kafka = pytest.importorskip("confluent_kafka", reason="Kafka's own client; extra [kafka]")

TOPIC = "lab.bluesky.runengine.documents"
PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))
WORK = Work(library(), recipe(), LayoutSettings())


class Broker:
    """The library's broker, which lives as long as the producer it came with."""

    def __init__(self) -> None:
        self._producer: Any = kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
        (found,) = self._producer.list_topics(timeout=10).brokers.values()
        self.address = f"kafka://{found.host}:{found.port}/{TOPIC}"

    def send(self, documents: list[tuple[str, dict[str, Any]]]) -> None:
        for document in documents:
            value = msgpack.packb(document, default=as_msgpack_numpy)
            self._producer.produce(TOPIC, value, partition=0)
        assert self._producer.flush(10) == 0


@pytest.fixture
def broker() -> Broker:
    broker = Broker()
    broker.send(DOCUMENTS[:20])
    return broker


@pytest.fixture
def one_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the first of the four partitions that this broker gives every topic; only it is written to."""

    def one(_client: object) -> int:
        return 1

    monkeypatch.setattr("operando.io.kafka._Confluent.partitions", one)


def pull(monitor: Monitor, documents: int) -> None:
    """A call waits a tenth of a second for messages, and Kafka may take longer for the first."""
    for _ in range(300):
        monitor.pull()
        if monitor.delivery.documents >= documents:
            return
    pytest.fail(f"{monitor.delivery.documents} of {documents} documents came")


def test_a_topic_of_several_partitions_is_refused(broker: Broker) -> None:
    with pytest.raises(ConfigurationError, match="4 partitions"):
        open_kafka(broker.address, threading.Event())


@pytest.mark.usefixtures("one_partition")
def test_a_killed_monitor_goes_on_where_it_was(broker: Broker, tmp_path: Path) -> None:
    expected = offline(DOCUMENTS, tmp_path / "offline" / "out.h5", WORK)
    is_over = threading.Event()
    output = tmp_path / "out.h5"
    source = open_kafka(broker.address, is_over)
    assert source.head() == 20
    monitor, keeper = started(PastDamage(source), output, WORK)
    pull(monitor, 20)
    source.close()
    let_go_of(keeper)

    source = open_kafka(broker.address, is_over)
    monitor, keeper = started(PastDamage(source), output, WORK)
    broker.send(DOCUMENTS[20:])
    pull(monitor, len(DOCUMENTS))
    is_over.set()
    monitor.pull()
    assert monitor.delivery.is_finished
    assert ended(monitor, keeper) == expected
    source.close()
