"""What the doctor makes of what is found, and that it finds something on this machine."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.app.doctor import (
    Check,
    Clock,
    Disk,
    Link,
    State,
    judge_cache,
    judge_clock,
    judge_disk,
    judge_link,
    judge_newest,
    judge_python,
    judge_screen,
    judge_versions,
)
from operando.app.examine import examine
from operando.io.log_server import LogServer
from served import ANY_PORT, DEADLINE_S, documents, record

GOOD_CLOCK = Clock(0.0, "CET +0100", is_synchronised=True)
GOOD_DISK = Disk("/data", 400.0, 5000.0, 10**12, 1e6, "1 MB/s")


@pytest.mark.parametrize(
    ("check", "state", "words"),
    [
        (judge_python((3, 11, 0)), State.OK, "3.11.0"),
        (judge_python((3, 10, 9)), State.FAILED, "3.11 or newer"),
        (judge_versions({"numpy": "2.0"}), State.OK, "numpy 2.0"),
        (judge_versions({"numpy": "2.0", "zmq": None}), State.FAILED, "zmq missing"),
        (judge_screen(None), State.OK, "window"),
        (judge_screen("Qt is not there. apt install libegl1"), State.WARNING, "apt install libegl1"),
        (judge_clock(GOOD_CLOCK), State.OK, "CET"),
        (judge_clock(replace(GOOD_CLOCK, is_synchronised=None)), State.OK, "not known"),
        (judge_clock(replace(GOOD_CLOCK, is_synchronised=False)), State.WARNING, "NTP"),
        (judge_clock(replace(GOOD_CLOCK, step_s=-3.0)), State.WARNING, "-3.00 s"),
        (judge_newest(1000.0, 1004.0), State.WARNING, "4.0 s ahead"),
        (judge_newest(1000.0, 1000.5), State.OK, "0.0 s ago"),
        (judge_newest(1000.0 + 7 * 3600, 1000.0), State.OK, "7 h ago"),
        (judge_disk(GOOD_DISK), State.OK, "278 h"),
        (judge_disk(replace(GOOD_DISK, free_bytes=10**10)), State.WARNING, "less than a day"),
        (judge_disk(replace(GOOD_DISK, free_bytes=10**9)), State.FAILED, "make room"),
        (judge_disk(replace(GOOD_DISK, mb_per_s=3.0)), State.WARNING, "local disk"),
        (judge_disk(replace(GOOD_DISK, lines_per_s=3.0)), State.WARNING, "local disk"),
        (judge_disk(replace(GOOD_DISK, bytes_per_s=0.0)), State.OK, "inf h"),
        (judge_cache("/c", is_writable=False, files=3), State.WARNING, "NUMBA_CACHE_DIR"),
        (judge_cache("/c", is_writable=True, files=0), State.OK, "first fit"),
        (judge_cache("/c", is_writable=True, files=3), State.OK, "3 files"),
        (judge_link(Link("a", 5, None)), State.OK, "5 documents"),
        (judge_link(Link("a", 5, 1.0)), State.OK, "1.0 ms"),
        (judge_link(Link("a", 5, 900.0)), State.WARNING, "slow"),
    ],
)
def test_a_judgement_says_what_was_found_and_what_to_do(check: Check, state: State, words: str) -> None:
    assert check.state is state
    assert words in f"{check.found}: {check.advice}"
    assert bool(check.advice) or state is State.OK


@pytest.mark.parametrize("version", ["6.8.3", "6.8.9", "6.9.0", "6.9.3", "6.10.1", "6.11.3"])
def test_a_qt_that_runs_is_good(version: str) -> None:
    assert judge_versions({"PySide6-Essentials": version}).state is State.OK


@pytest.mark.parametrize("version", ["6.8.2", "6.9.1", "6.9.2", "6.12.0", "6.12.1", "7.0.0", "5.15.2"])
def test_a_qt_that_aborts_is_named(version: str) -> None:
    found = judge_versions({"PySide6-Essentials": version})
    assert found.state is State.FAILED
    assert "6.12" in found.advice


@given(free_bytes=st.integers(0, 10**15), less=st.integers(0, 10**15))
def test_less_room_is_never_better(free_bytes: int, less: int) -> None:
    order = [State.OK, State.WARNING, State.FAILED]
    more, fewer = (
        judge_disk(replace(GOOD_DISK, free_bytes=size)).state
        for size in (free_bytes, max(free_bytes - less, 0))
    )
    assert order.index(fewer) >= order.index(more)


def test_this_machine_is_looked_at(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(20))
    found = {check.name: check for check in examine(str(path), None)}
    assert {"python", "packages", "screen", "compiled fit", "clock", "source", "disk"} <= set(found)
    assert found["python"].state is State.OK
    assert "20 documents" in found["source"].found
    assert str(tmp_path) in found["disk"].found
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".operando")] == []


def test_a_served_log_is_timed_and_one_that_is_not_there_fails(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(20))
    stop = threading.Event()
    with LogServer(path, ANY_PORT) as server:
        thread = threading.Thread(target=server.serve, args=(stop,))
        thread.start()
        found = {check.name: check for check in examine(server.address, None)}
        stop.set()
        thread.join(DEADLINE_S)
    assert "ms and has 20 documents" in found["source"].found
    missing = {check.name: check for check in examine(str(tmp_path / "no.log"), None)}
    assert missing["source"].state is State.FAILED
