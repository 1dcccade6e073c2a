"""A served log reads like the file, whatever is asked for and whatever is in it."""

from __future__ import annotations

import os
import socket as sockets
import sqlite3
import threading
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.log_server import LogServer
from operando.io.logrows import RowReader
from operando.io.remote_log import Patience, RecordedPart, RemoteLog
from operando.io.wire import (
    BATCH_BYTES,
    MAX_LIMIT,
    Answer,
    Question,
    Refusal,
    pack_answer,
    pack_refusal,
    unpack_answer,
)
from served import (
    ANY_PORT,
    DEADLINE_S,
    HURRIED,
    NEVER,
    Fake,
    asking,
    documents,
    flat,
    in_file,
    record,
    remote,
    row_with,
    serving,
    talking,
)


@settings(max_examples=40, deadline=None)
@given(limits=st.lists(st.integers(1, 30), max_size=30))
def test_batches_of_any_size_give_every_document_once(
    log: Path, served: LogServer, limits: list[int]
) -> None:
    with remote(served.address) as source:
        assert source.head() == 60
        assert flat(source, 0, 60, limits) == in_file(log)
        assert source.read(60, 10) == []


@settings(max_examples=20, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 70)), min_size=1, max_size=8))
def test_any_part_can_be_asked_for_again(log: Path, served: LogServer, places: list[tuple[int, int]]) -> None:
    expected = in_file(log)
    with remote(served.address, Patience()) as source:
        for after, limit in places:
            assert [row.seq for row in source.read(after, limit)] == [
                row[0] for row in expected[after : after + limit]
            ]


def test_a_growing_log_is_followed_and_ends_when_told(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(3))
    ended = threading.Event()
    with serving(path) as server, remote(server.address, Patience(), ended) as source:
        part = RecordedPart(source)
        assert len(flat(source, 0, 3)) == 3
        record(path, documents(2, "run-2"))
        ended.set()
        assert not source.has_ended(3)
        assert [row.run for row in source.read(3, 10)] == ["run-2", ""]
        assert not source.has_ended(4)
        assert source.has_ended(5)
        assert (part.head(), part.has_ended(3), part.read(3, 10)) == (3, True, [])
        assert [row.seq for row in part.read(1, 10)] == [2, 3]


def test_an_empty_log_is_served_and_followed(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", [])
    with serving(path) as server, remote(server.address, Patience()) as source:
        assert (source.head(), source.read(0, 10)) == (0, [])
        record(path, documents(3))
        assert len(source.read(0, 10)) == 3


def test_a_batch_is_bounded_whatever_is_asked_for(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(MAX_LIMIT + 100))
    record(path, [("event", {"frame": np.zeros(2**20)}) for _ in range(2)])  # 8 MB each
    greedy = Question(0, 2**63 - 1, 2**63 - 1)
    with serving(path) as server, asking(server.address) as ask:
        first = ask(greedy)
        assert len(first.rows) == MAX_LIMIT
        second = ask(Question(MAX_LIMIT, 2**63 - 1, 2**63 - 1))
        assert [row.seq for row in second.rows] == list(range(MAX_LIMIT + 1, MAX_LIMIT + 101))
        third = ask(Question(MAX_LIMIT + 100, 2**63 - 1, 2**63 - 1))
        assert len(third.rows) == 1
        fourth = ask(Question(MAX_LIMIT + 100, 5, BATCH_BYTES))
        assert fourth.rows == ()
        assert fourth.needed_bytes == third.rows[0].size_bytes > BATCH_BYTES


def test_a_document_beyond_a_batch_is_announced_and_given_room(tmp_path: Path) -> None:
    frame = np.arange(3 * 2**20, dtype=np.uint32).reshape(3, 1024, 1024)
    path = record(tmp_path / "run.log", [*documents(2), ("event", {"frame": frame}), *documents(2)])
    with serving(path) as server, remote(server.address, Patience()) as source:
        assert flat(source, 0, 5) == in_file(path)
        assert source.renewed == 1


def test_a_damaged_or_missing_row_is_named_after_all_that_is_good(tmp_path: Path) -> None:
    for statement, words in (
        ("UPDATE documents SET blob = x'80' WHERE seq = 4", "document 4 .*damaged.*3 documents"),
        ("UPDATE documents SET name = 5 WHERE seq = 4", "document 4 .*damaged.*3 documents"),
        ("UPDATE documents SET crc32 = 'x' WHERE seq = 4", "document 4 .*damaged.*3 documents"),
        ("DELETE FROM documents WHERE seq = 4", "document 4 .*missing.*3 documents"),
    ):
        path = record(tmp_path / f"{len(list(tmp_path.iterdir()))}.log", documents(6))
        with sqlite3.connect(path) as db:
            db.execute(statement)
        db.close()
        with serving(path) as server, remote(server.address, Patience()) as source:
            assert len(source.read(0, 10)) == 3
            with pytest.raises(DamagedFileError, match=words):
                source.read(3, 10)
            assert [row.seq for row in source.read(4, 10)] == [5, 6]


def test_a_row_that_is_no_document_is_named_by_the_reader(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(3))
    with RowReader(path) as reader:
        good = reader.rows(0, 3, BATCH_BYTES, BATCH_BYTES).rows
    bad = row_with(good[1], b"\x93\x01\x02\x03")

    def reply(_fake: Fake, token: bytes, question: Question) -> list[tuple[bytes, bytes]]:
        rows = (good[0], bad, good[2])[question.after : question.after + question.limit]
        return [(token, pack_answer(Answer(3, good[0].crc32, rows, 0)))]

    with Fake(reply) as fake, remote(fake.address, Patience()) as source:
        assert [row.seq for row in source.read(0, 3)] == [1]
        with pytest.raises(DamagedFileError, match=r"document 2 of tcp://.*1 documents stand before"):
            source.read(1, 3)


def test_an_unknown_version_is_told_so_on_both_sides(log: Path) -> None:
    with serving(log) as server, talking(server.address) as newer:
        newer.send_multipart((b"12345678", msgpack.packb({"version": 2, "after": 0})))
        assert newer.poll(int(DEADLINE_S * 1000))
        token, body = newer.recv_multipart()
        assert token == b"12345678"
        refusal = unpack_answer(body, Question(0, 0, 0))
        assert isinstance(refusal, Refusal)
        assert "version 1" in refusal.text
    body = pack_refusal(Refusal("refused", "this program speaks version 2"))
    with (
        Fake(lambda _fake, token, _question: [(token, body)]) as fake,
        pytest.raises(SourceUnreachable, match="speaks version 2"),
    ):
        RemoteLog(fake.address, NEVER, HURRIED)


def test_nobody_there_and_somebody_else_there_are_told_apart() -> None:
    shortly = Patience(first_s=0.3, answer_s=0.1, call_s=0.05)
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SourceUnreachable, match=r"nothing answers.*operando serve"):
            RemoteLog(f"tcp://127.0.0.1:{taken.getsockname()[1]}", NEVER, shortly)
    with (
        Fake(lambda _fake, token, _question: [(token, b"hello")]) as fake,
        pytest.raises(SourceUnreachable, match="something else"),
    ):
        RemoteLog(fake.address, NEVER, shortly)


def test_an_address_of_another_machine_is_refused_by_both(log: Path) -> None:
    for opened in (
        lambda: LogServer(log, "tcp://0.0.0.0:0"),
        lambda: RemoteLog("tcp://10.0.0.5:5577", NEVER),
    ):
        with pytest.raises(ConfigurationError, match="keys"):
            opened()


def test_an_address_in_use_is_refused_with_its_name(log: Path, served: LogServer) -> None:
    with pytest.raises(ConfigurationError, match="--address"):
        LogServer(log, served.address)


def test_the_address_with_six_groups_works_where_the_machine_has_it(log: Path) -> None:
    try:
        server = LogServer(log, "tcp://[::1]:0")
    except ConfigurationError:
        pytest.skip("this machine has no ::1")
    address = server.address
    server.close()
    with serving(log, address), remote(address) as source:
        assert flat(source, 0, 60) == in_file(log)


def test_closing_leaves_no_thread_and_no_socket(log: Path) -> None:
    def used() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names, not paths

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not say which files are open")
    shortly = Patience(first_s=0.05, answer_s=0.02, call_s=0.01)
    before = used()
    for _ in range(5):
        with serving(log) as server:
            with remote(server.address) as source:
                flat(source, 0, 60)
            source.close()
            with pytest.raises(ConfigurationError):
                LogServer(log, server.address)
        with pytest.raises(SourceUnreachable):
            RemoteLog(server.address, NEVER, shortly)
        with pytest.raises(SourceUnreachable):
            LogServer(log.with_name("nothing.log"), ANY_PORT)
        server.close()
    assert used() == before
