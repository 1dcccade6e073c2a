"""A served log whose server goes away, or whose answers come late, twice or false, is read whole."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import SourceUnreachable
from operando.io.remote_log import Patience, RemoteLog
from operando.io.wire import BATCH_BYTES, Question, Refusal, pack_refusal
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
    documents,
    flat,
    in_file,
    is_prefix,
    record,
    remote,
    serving,
    started,
)


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
