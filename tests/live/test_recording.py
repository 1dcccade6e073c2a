"""Laws of the recorder's standing: who may record, how long the disk lasts, and what is an alarm."""

import logging
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from operando.errors import ConfigurationError, DamagedFileError
from operando.io.disk import DiskRoom
from operando.io.runlog import LogReader, LogWriter
from operando.live.backlog import Backlog, Waiting
from operando.live.recorder import Recorder, RecorderStatus
from verified import verify

PATIENCE_S = 30.0

KILLED = """
import os, signal, sys
from operando.live import Recorder
recorder = Recorder(sys.argv[1])
recorder("event", {"n": 0})
assert recorder.flush(30)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_second_recorder_is_kept_out_with_a_sentence_and_let_in_later(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with Recorder(path) as first:
        with pytest.raises(ConfigurationError, match="being written by another program"):
            Recorder(path)
        first("event", {"n": 1})
    with Recorder(path) as second:
        second("event", {"n": 2})
    with LogReader(path) as log:
        assert [row.document["n"] for row in log.read(0, 9)] == [1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_killed_recorder_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -9
    with Recorder(path) as recorder:
        recorder("event", {"n": 1})
    assert verify(path).good == 2


def test_a_refused_path_is_let_go_of(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"something else" * 1000)
    for _ in range(2):
        with pytest.raises(DamagedFileError):
            Recorder(path)
    path.unlink()
    Recorder(path).close()


def test_a_disk_that_comes_back_ends_the_alarm_though_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operando.live.recorder._ROOM_EVERY_S", 0.001)
    opened = threading.Event()

    def mounted(path: Path) -> LogWriter:
        path.parent.mkdir(exist_ok=True)
        opened.set()
        return LogWriter(path)

    with Recorder(tmp_path / "away" / "run.log", open_log=mounted, retry_s=0.001) as recorder:
        assert "recording fails" in recorder.status.alarm
        (tmp_path / "away").mkdir()
        assert opened.wait(PATIENCE_S)
        recorder("event", {"n": 1})
        assert recorder.flush(PATIENCE_S)
        assert recorder.status.alarm == ""


class Disk(LogWriter):
    """A log on a disk that is as large as it is told, and that can be held up."""

    hours = 100.0
    may_write = threading.Event()
    is_writing = threading.Event()

    def append(self, documents: Sequence[tuple[str, Mapping[str, Any]]], recorded_s: float) -> int:
        self.is_writing.set()
        assert self.may_write.wait(PATIENCE_S)
        return super().append(documents, recorded_s)

    def room(self) -> DiskRoom:
        return DiskRoom(int(self.hours * 3_600_000), 1000.0)


@pytest.fixture
def disk() -> type[Disk]:
    class Fresh(Disk):
        may_write = threading.Event()
        is_writing = threading.Event()

    Fresh.may_write.set()
    return Fresh


@pytest.mark.parametrize(("hours", "is_alarm"), [(0.5, True), (30.0, False)])
def test_hours_left_are_known_and_the_last_one_is_an_alarm(
    tmp_path: Path, disk: type[Disk], caplog: pytest.LogCaptureFixture, hours: float, is_alarm: bool
) -> None:
    disk.hours = hours
    with Recorder(tmp_path / "run.log", open_log=disk) as recorder:
        recorder("event", {"n": 1})
        assert recorder.flush(PATIENCE_S)
        recorder("event", {"n": 2})
        assert recorder.flush(PATIENCE_S)
        status = recorder.status
    assert status.hours_left == hours
    assert ("the disk is full in 30 min" in status.alarm) == is_alarm
    assert len([record for record in caplog.records if record.levelno == logging.CRITICAL]) == is_alarm


def test_a_disk_that_hangs_is_seen_from_outside_and_holds_up_nobody(tmp_path: Path, disk: type[Disk]) -> None:
    disk.may_write.clear()
    with Recorder(tmp_path / "run.log", open_log=disk) as recorder:
        recorder("event", {"n": 0})
        assert disk.is_writing.wait(PATIENCE_S)
        first = recorder.status
        for n in range(1, 100):
            recorder("event", {"n": n})
        second = recorder.status
        assert (second.written, second.queued) == (0, 100)
        assert second.writing_s > first.writing_s > 0.0
        disk.may_write.set()
        assert recorder.flush(PATIENCE_S)
        assert recorder.status.writing_s == 0.0
    assert verify(tmp_path / "run.log").good == 100


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RecorderStatus(9, 0, 0, ""), ""),
        (RecorderStatus(9, 5, 0, "database or disk is full"), "5 documents are kept in memory, make room"),
        (RecorderStatus(9, 5, 3, "database or disk is full"), "3 are lost already"),
        (RecorderStatus(9, 5, 0, "", writing_s=8.0), "writing for 8 s"),
        (RecorderStatus(9, 5, 0, "", writing_s=2.0), ""),
        (RecorderStatus(9, 0, 0, "", hours_left=0.25), "full in 15 min"),
    ],
)
def test_the_alarm_says_what_to_do(status: RecorderStatus, said: str) -> None:
    assert said in status.alarm
    assert bool(said) == bool(status.alarm)


def test_what_is_in_hand_is_bounded_too() -> None:
    backlog = Backlog(1e9)
    for n in range(100):
        backlog.add(Waiting("event", {"n": n}, 300_000, frozenset()))
    backlog.add(Waiting("event", {"n": 100}, 9_000_000, frozenset()))
    sizes: list[int] = []
    seen: list[int] = []
    while backlog:
        batch = backlog.take(256, 1_000_000)
        sizes.append(sum(item.size_bytes for item in batch))
        seen += [item.document["n"] for item in batch]
    assert seen == list(range(101))
    assert max(sizes[:-1]) <= 1_300_000
    assert backlog.size_bytes == 0
