"""bluesky's own Proxy and Publisher, on this machine: read as far as they carry, repaired from a log."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from bluesky.callbacks.zmq import Publisher
from event_model import NumpyEncoder

from following import ended, offline
from operando.app.keeper import Keeper
from operando.app.open_source import follow_log, open_recording
from operando.errors import ConfigurationError
from operando.io.messages import message_of
from operando.io.proxy import ProxySource
from operando.io.runlog import LogWriter
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))
WORK = Work(library(), recipe(), LayoutSettings())
DEADLINE_S = 30.0


PROXY = """
import sys
from bluesky.callbacks.zmq import Proxy
Proxy(in_address=("127.0.0.1", int(sys.argv[1])), out_address=("127.0.0.1", int(sys.argv[2]))).start()
"""


@contextmanager
def proxy() -> Generator[tuple[str, str]]:
    """Run bluesky's proxy in a process; give the addresses to publish to and to subscribe at."""
    to, at = _free_port(), _free_port()
    with subprocess.Popen(
        [sys.executable, "-c", PROXY, str(to), str(at)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield f"127.0.0.1:{to}", f"proxy://127.0.0.1:{at}"
        finally:
            process.kill()


def _free_port() -> int:
    with zmq.Context() as context, context.socket(zmq.REP) as socket:
        return socket.bind_to_random_port("tcp://127.0.0.1")


@contextmanager
def publishing(address: str, serializer: Callable[..., bytes]) -> Generator[Publisher]:
    publisher = Publisher(address, serializer=serializer)
    try:
        yield publisher
    finally:
        publisher.close()


def connected(publisher: Publisher, source: ProxySource) -> None:
    """Publish until something comes through: a subscriber of 0MQ is not there at once."""
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        publisher("hello", {"uid": "is anybody there"})
        if source._socket.poll(50):
            while source._socket.poll(50):
                source.read(0, 100)
            return
    pytest.fail("nothing came through the proxy")


def as_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, cls=NumpyEncoder).encode()


@pytest.mark.parametrize("serializer", [message_of, as_json])
def test_what_comes_through_the_proxy_is_fitted_as_it_is_offline(
    tmp_path: Path, serializer: Callable[..., bytes]
) -> None:
    expected = offline(DOCUMENTS, tmp_path / "offline" / "out.h5", WORK)
    is_over = threading.Event()
    with proxy() as (to, at), publishing(to, serializer) as publisher:
        source = ProxySource(at, is_over)
        assert source.name.endswith("(best effort)")
        connected(publisher, source)
        keeper = Keeper(tmp_path / "out.h5", WORK)
        keeper.prepare()
        monitor = Monitor(source, WORK, keeper)
        for document in DOCUMENTS:
            publisher(*document)
        publisher("tomorrow", {"uid": "x"})
        until = time.monotonic() + DEADLINE_S
        while monitor.delivery.documents <= len(DOCUMENTS) and time.monotonic() < until:
            monitor.pull()
        is_over.set()
        assert source.has_ended(monitor.delivery.documents)
        assert ended(monitor, keeper) == expected
        assert monitor.delivery.lost == 0
        assert monitor.newest is not None
        assert "best-effort" in {finding.code for finding in monitor.newest.findings}
        source.close()


def test_what_the_proxy_never_carried_comes_from_the_log(tmp_path: Path) -> None:
    documents = [
        *DOCUMENTS,
        *documents_of(replace(PLAN, run="run-2"), stack_of(PLAN, np.random.default_rng(1))),
    ]
    expected = offline(documents, tmp_path / "offline" / "out.h5", WORK)
    log = tmp_path / "series.runlog"
    is_over = threading.Event()
    with LogWriter(log) as writer, proxy() as (to, at), publishing(to, message_of) as publisher:
        writer.append(documents, 1.0)
        source = follow_log(at, is_over, repair=log).source
        keeper = Keeper(tmp_path / "out.h5", WORK)
        keeper.prepare()
        monitor = Monitor(source, WORK, keeper)
        # Nobody waits for the subscriber, and every third is lost on purpose.
        for number, document in enumerate(documents):
            if number % 3:
                publisher(*document)
            monitor.pull()
        is_over.set()
        until = time.monotonic() + DEADLINE_S
        while not source.has_ended(monitor.delivery.documents) and time.monotonic() < until:
            monitor.pull()
        assert ended(monitor, keeper) == expected
        assert monitor.delivery.lost == 0
        source.close()


def test_pickled_documents_are_refused_with_the_line_to_change(caplog: pytest.LogCaptureFixture) -> None:
    with proxy() as (to, at):
        publisher = Publisher(to)
        source = ProxySource(at, threading.Event())
        connected(publisher, source)
        publisher.close()
        codes = {finding.code: finding for finding in source.findings()}
        source.close()
    assert "serializer=message_of" in codes["pickled"].advice
    assert sum("RE.subscribe(Publisher(ADDRESS))" in message for message in caplog.messages) == 1


def test_noise_is_counted_and_passed_over() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PUB)
    at = f"proxy://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
    source = ProxySource(at, threading.Event())
    until = time.monotonic() + DEADLINE_S
    found = []
    while not found and time.monotonic() < until:
        socket.send(b"noise")
        socket.send_multipart([b" start {}", b"more"])
        socket.send(b' start {"uid": "a", "time": 3.0}')
        source._socket.poll(50)
        found = source.read(7, 10)
    assert (found[0].seq, found[0].run, found[0].name, found[0].recorded_s) == (8, "a", "start", 3.0)
    assert "no-documents" in {finding.code for finding in source.findings()}
    source.close()
    context.destroy(linger=0)


def test_a_proxy_is_not_replayed_nor_read_from_other_machines(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="keeps nothing"):
        open_recording("proxy://127.0.0.1:5578")
    with pytest.raises(ConfigurationError):
        follow_log("proxy://192.0.2.1:5578", threading.Event())
    with pytest.raises(ConfigurationError, match="leave --repair out"):
        follow_log(str(tmp_path / "a.runlog"), threading.Event(), repair=tmp_path / "b.runlog")
