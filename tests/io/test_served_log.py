"""A served log reads like the file, whatever happens on the way and whatever strangers send."""

from __future__ import annotations

import os
import random
import signal
import socket as sockets
import sqlite3
import struct
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, suppress
from pathlib import Path

import msgpack
import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.doors import MOST_VISITORS
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
    pack_question,
    pack_refusal,
    unpack_answer,
)
from operando.io.zmtp import framed
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from scans import library, recipe
from served import (
    ANY_PORT,
    DEADLINE_S,
    HURRIED,
    NEVER,
    Fake,
    altered,
    asking,
    documents,
    flat,
    frozen,
    in_file,
    is_prefix,
    record,
    remote,
    row_with,
    serving,
    started,
    talking,
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("served") / "run.log", documents(60))


@pytest.fixture(scope="module")
def served(log: Path) -> Generator[LogServer]:
    with serving(log) as server:
        yield server


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


@pytest.mark.parametrize("had", [0, 1, 30, 60])
def test_a_server_that_comes_back_is_found_again(log: Path, had: int) -> None:
    with serving(log) as server:
        address = server.address
        source = RemoteLog(address, NEVER, HURRIED)
        found = flat(source, 0, had)
    assert source.read(had, 10) == []
    assert source.read(had, 10) == []
    with serving(log, address):
        found += flat(source, had, 60)
        assert found == in_file(log)
        assert source.read(60, 10) == []
    source.close()


def test_a_killed_server_process_is_found_again(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(40))
    with started(path, ANY_PORT) as (process, address):
        source = RemoteLog(address, NEVER, HURRIED)
        found = flat(source, 0, 20, [20])
        process.kill()
        process.wait(DEADLINE_S)
    assert source.read(20, 10) == []
    with started(path, address):
        found += flat(source, 20, 40)
    source.close()
    assert found == in_file(path)


def test_a_frozen_server_process_is_waited_for(log: Path) -> None:
    with started(log, ANY_PORT) as (process, address), remote(address) as source:
        process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            assert source.read(0, 10) == []
        process.send_signal(signal.SIGCONT)
        assert source.renewed >= 3
        assert flat(source, 0, 60) == in_file(log)


def test_another_log_at_the_same_address_is_not_mixed_in(log: Path, tmp_path: Path) -> None:
    with serving(log) as server:
        address = server.address
        source = RemoteLog(address, NEVER, HURRIED)
        flat(source, 0, 10, [10])
    with (
        serving(record(tmp_path / "other.log", documents(90, "run-2")), address),
        pytest.raises(SourceUnreachable, match="another run log"),
    ):
        flat(source, 10, 90)
    source.close()


def test_a_file_that_cannot_be_read_for_a_while_is_waited_for(log: Path) -> None:
    refused = iter([False, True, True])

    def reply(fake: Fake, token: bytes, question: Question) -> list[tuple[bytes, bytes]]:
        if next(refused, False):
            return [(token, pack_refusal(Refusal("unreachable", "the disk is busy")))]
        return [(token, fake.answer(question))]

    with Fake(reply, log) as fake, remote(fake.address) as source:
        assert flat(source, 0, 60) == in_file(log)
        assert source.renewed == 2


TRICKS = ("good", "twice", "silent", "late", "old", "garbage", "alien", "altered", "parts", "huge")


@settings(max_examples=25, deadline=None)
@given(
    tricks=st.lists(st.sampled_from(TRICKS), max_size=8),
    limits=st.lists(st.integers(1, 20), max_size=6),
    seed=st.integers(0, 2**32),
)
def test_late_repeated_and_false_answers_lose_nothing_and_repeat_nothing(
    log: Path, tricks: list[str], limits: list[int], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - not a secret
    coming = iter(["good", *tricks])
    given_before: list[tuple[bytes, bytes]] = []

    def reply(fake: Fake, token: bytes, question: Question) -> list[tuple[bytes, ...]]:
        trick = next(coming, "good")
        right = (token, fake.answer(question))
        before = list(given_before)
        given_before[:] = [right]
        false: dict[str, list[tuple[bytes, ...]]] = {
            "good": [right],
            "twice": [right, right],
            "silent": [],
            "late": before,
            "old": [*before, *((token, body) for _, body in before if not is_prefix(body, question)), right],
            "garbage": [(token, chance.randbytes(chance.randint(0, 300))), right],
            "alien": [(chance.randbytes(8), right[1]), (b"", right[1]), right],
            "altered": [(token, altered(right[1], question)), right],
            "parts": [(token,), (token, right[1], b""), (*right, *[b"x"] * 500), right],
            "huge": [(token, bytes(BATCH_BYTES + 2**20))],
        }
        return false[trick]

    with Fake(reply, log) as fake, remote(fake.address) as source:
        assert flat(source, 0, 60, limits) == in_file(log)


def test_strangers_who_send_anything_are_sent_away_and_change_nothing(log: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - not a secret
    with serving(log) as server:
        for _ in range(200):
            # Even a part of a greeting, of READY or of a question is among what they send.
            good = GREETING + READY + framed(bytes(8), pack_question(Question(0, 1, BATCH_BYTES)))
            sent = good[: chance.randint(0, len(good))] + chance.randbytes(chance.randint(1, 3000))
            with sockets.create_connection(("127.0.0.1", port_of(server)), DEADLINE_S) as stranger:
                stranger.sendall(sent)
        with remote(server.address) as source:
            assert flat(source, 0, 60) == in_file(log)
        # Random bytes may happen to be a frame that is not complete; most are none.
        assert server.refused > 100


def test_parts_that_are_no_question_cost_the_connection_and_nothing_else(log: Path) -> None:
    question = pack_question(Question(0, 1, BATCH_BYTES))
    with serving(log) as server:
        for parts in ((b"",), (bytes(8),), (bytes(7), question), (bytes(8), question, b""), (b"",) * 500):
            before = server.refused
            with sockets.create_connection(("127.0.0.1", port_of(server)), DEADLINE_S) as stranger:
                stranger.sendall(GREETING + READY + framed(*parts))
                with suppress(ConnectionError):
                    while stranger.recv(4096):
                        pass
            assert server.refused == before + 1
        with remote(server.address) as source:
            assert flat(source, 0, 60) == in_file(log)


def test_who_comes_and_says_nothing_takes_nobody_s_place(log: Path) -> None:
    with serving(log) as server, remote(server.address) as source, ExitStack() as crowd:
        assert flat(source, 0, 20, [20])
        for _ in range(2 * MOST_VISITORS):
            idle = sockets.create_connection(("127.0.0.1", port_of(server)), DEADLINE_S)
            crowd.enter_context(idle)
            assert source.read(20, 1)
        assert flat(source, 20, 60) == in_file(log)[20:]
        assert source.renewed == 0


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\x00") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


def port_of(server: LogServer) -> int:
    return int(server.address.rpartition(":")[2])


@pytest.mark.parametrize(
    "sent",
    [
        b"\x02" + struct.pack(">Q", 2**62),
        b"\x02" + struct.pack(">Q", 2**33),
        b"\x02" + struct.pack(">Q", 300) + bytes(300),
        b"\x01\x08" + bytes(8) + b"\x02" + struct.pack(">Q", 2**33),
        b"\x06" + struct.pack(">Q", 2**33),
    ],
)
def test_whoever_claims_or_sends_too_much_is_cut_off(log: Path, served: LogServer, sent: bytes) -> None:
    with sockets.create_connection(("127.0.0.1", port_of(served)), DEADLINE_S) as stranger:
        stranger.sendall(GREETING + READY)
        shaken = b""
        while not shaken.endswith(b"Identity" + bytes(4)):
            shaken += stranger.recv(1)
        # One who is cut off may see a reset; one who is kept runs into the deadline, which fails the test.
        with suppress(ConnectionError):
            stranger.sendall(sent)
            assert stranger.recv(1) == b""
    with remote(served.address) as source:
        assert flat(source, 0, 60) == in_file(log)


def test_who_speaks_another_protocol_holds_up_nobody(log: Path, served: LogServer) -> None:
    for sent in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(range(1, 256)) * 8, b"", GREETING):
        with (
            sockets.create_connection(("127.0.0.1", port_of(served)), DEADLINE_S) as stranger,
            remote(served.address) as source,
        ):
            stranger.sendall(sent)
            assert flat(source, 0, 60) == in_file(log)


def test_a_reader_that_does_not_take_its_answers_is_not_heard_and_holds_up_nobody(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", [("event", {"frame": np.zeros(2**20 - 2**10)})])
    question = pack_question(Question(0, 1, BATCH_BYTES))
    with serving(path) as server, frozen(server.address) as idle:
        for _ in range(40):
            assert idle.poll(int(DEADLINE_S * 1000), zmq.POLLOUT)
            idle.send_multipart((bytes(8), question))
        for _ in range(5):
            with remote(server.address, Patience(answer_s=DEADLINE_S, call_s=DEADLINE_S)) as source:
                assert flat(source, 0, 1) == in_file(path)
        # Ten were for the others. One waits; some are in both hands and in the system's buffers.
        assert server.answered - 10 <= 8
        for _ in range(40):
            assert idle.poll(int(DEADLINE_S * 1000))
            idle.recv_multipart()
        assert server.answered == 50


def test_a_late_answer_does_not_end_a_log_too_early(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(3))
    ended = threading.Event()
    kept: list[tuple[bytes, bytes]] = []

    def reply(fake: Fake, token: bytes, question: Question) -> list[tuple[bytes, bytes]]:
        kept.append((token, fake.answer(question)))
        return kept[-2:]

    with Fake(reply, path) as fake, remote(fake.address, Patience(), ended) as source:
        assert len(flat(source, 0, 3)) == 3
        assert source.read(3, 10) == []
        record(path, documents(2, "run-2"))
        ended.set()
        # The answer to the question before comes once more, ahead of this one's.
        assert [row.seq for row in source.read(3, 10)] == [4, 5]
        assert source.has_ended(5)


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


def test_a_call_returns_in_its_time_and_a_monitor_stops_while_it_waits(log: Path) -> None:
    asked = threading.Event()
    answers = iter([True])

    def reply(fake: Fake, token: bytes, question: Question) -> list[tuple[bytes, bytes]]:
        if next(answers, False):
            return [(token, fake.answer(question))]
        asked.set()
        return []

    with Fake(reply, log) as fake:
        source = RemoteLog(fake.address, NEVER, Patience(call_s=0.2))
        began = time.monotonic()
        assert source.read(0, 10) == []
        # The call waits 0.2 s; the rest is a machine that is busy with other things.
        assert 0.19 < time.monotonic() - began < 5.0
        asked.clear()
        monitor = Monitor(source, Work(library(), recipe(), LayoutSettings()))
        monitor.start()
        assert not monitor.join(0.5)
        monitor.stop()
        assert monitor.join(5.0)
        assert monitor.failure is None


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
