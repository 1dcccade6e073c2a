import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.plans import count, scan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ophyd.sim import SynAxis, SynGauss, SynSignal

from operando.errors import DamagedFileError, FrameRejected
from operando.io.disk import DiskRoom
from operando.io.runlog import LogReader, LogWriter
from operando.live.recorder import Recorder, RecorderStatus
from verified import verify

PATIENCE_S = 30.0

Documents = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def engine() -> Iterator[RunEngine]:
    engine = RunEngine(context_managers=[])
    yield engine
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join()
    engine.loop.close()


@pytest.fixture
def motor() -> SynAxis:
    return SynAxis(name="motor")


@pytest.fixture
def detector(motor: SynAxis) -> SynGauss:
    return SynGauss("det", motor, "motor", center=0, Imax=1, sigma=1)


def read_all(path: Path) -> Documents:
    with LogReader(path) as log:
        return [(row.name, row.document) for row in log.read(0, 100_000)]


def events(count: int) -> Documents:
    return [("event", {"n": n}) for n in range(count)]


class FailingDisk:
    """A log that fails as often as it is told, then works; it counts and signals its failures."""

    def __init__(self, path: Path, failures: float, poison: Exception | None = None) -> None:
        self.path = path
        self.failures = failures
        self.poison = poison or FrameRejected("it has no place here")
        self.has_failed = threading.Event()
        self.opened = 0

    def open(self, path: Path) -> "FailingDisk":
        assert path == self.path
        self.opened += 1
        return self

    def append(self, documents: Sequence[tuple[str, Mapping[str, Any]]], recorded_s: float) -> int:
        if self.failures > 0:
            self.failures -= 1
            self.has_failed.set()
            raise sqlite3.OperationalError("database or disk is full")
        if any("poison" in document for _, document in documents):
            raise self.poison
        with LogWriter(self.path) as writer:
            return writer.append(documents, recorded_s)

    def room(self) -> DiskRoom:
        return DiskRoom(10**12, 0.0)

    def close(self) -> None:
        pass


def test_all_documents_of_a_plan_are_in_the_log_in_order(
    tmp_path: Path, engine: RunEngine, motor: SynAxis, detector: SynGauss
) -> None:
    emitted: Documents = []
    engine.subscribe(lambda name, doc: emitted.append((name, doc)))
    with Recorder(tmp_path / "run.log", clock=lambda: 5.0) as recorder:
        engine.subscribe(recorder)
        (uid,) = engine(scan([detector], motor, -1, 1, 12))
        engine(count([detector], 3))
        assert recorder.flush(PATIENCE_S)
        assert recorder.status == RecorderStatus(
            written=15 + 6, queued=0, dropped=0, last_error="", refused=0
        )
    assert len(emitted) == 21
    assert read_all(tmp_path / "run.log") == [(str(name), as_stored(doc)) for name, doc in emitted]
    with LogReader(tmp_path / "run.log") as log:
        rows = log.read(0, 100)
    assert [row.run for row in rows[:15]] == [uid] * 15
    assert {row.recorded_s for row in rows} == {5.0}


def as_stored(value: Any) -> Any:
    """As the log gives it back: tuples are lists."""
    if isinstance(value, Mapping):
        return {key: as_stored(item) for key, item in value.items()}
    return [as_stored(item) for item in value] if isinstance(value, list | tuple) else value


def test_a_live_buffer_is_recorded_as_it_was(tmp_path: Path, engine: RunEngine) -> None:
    buffer = np.zeros((4, 5))

    def expose() -> np.ndarray:
        buffer[:] += 1
        return buffer

    camera = SynSignal(func=expose, name="camera")
    with Recorder(tmp_path / "run.log") as recorder:
        engine.subscribe(recorder)
        engine(count([camera], 5))
        buffer[:] = -1
    images = [doc["data"]["camera"] for name, doc in read_all(tmp_path / "run.log") if name == "event"]
    assert len(images) == 5
    assert [np.unique(image).size for image in images] == [1] * 5
    assert (np.diff([image[0, 0] for image in images]) > 0).all()
    assert (np.stack(images) > 0).all()


def test_nested_containers_are_copied_too(tmp_path: Path) -> None:
    lines = [[1.0, 2.0], [3.0]]
    document = {"data": {"lines": lines, "where": (np.arange(2), {"deep": [0]})}}
    with Recorder(tmp_path / "run.log") as recorder:
        recorder("event_page", document)
        lines[0][0] = -1.0
        document["data"]["where"][1]["deep"][0] = -1
        document["data"]["more"] = 1
    ((_, stored),) = read_all(tmp_path / "run.log")
    assert list(stored["data"]) == ["lines", "where"]
    assert stored["data"]["lines"] == [[1.0, 2.0], [3.0]]
    assert stored["data"]["where"][1] == {"deep": [0]}


def test_a_failing_disk_does_not_disturb_the_plan_and_loses_nothing(
    tmp_path: Path, engine: RunEngine, detector: SynGauss, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FailingDisk(tmp_path / "run.log", failures=float("inf"))
    recorder = Recorder(disk.path, open_log=disk.open, retry_s=0.001)
    with caplog.at_level(logging.WARNING, "operando.live.recorder"), recorder:
        engine.subscribe(recorder)
        engine(count([detector], 20))
        assert disk.has_failed.wait(PATIENCE_S)
        failing = recorder.status
        assert (failing.written, failing.queued, failing.dropped) == (0, 23, 0)
        assert "full" in failing.last_error
        disk.failures = 3
        assert recorder.flush(PATIENCE_S)
        assert recorder.status == RecorderStatus(written=23, queued=0, dropped=0, last_error="")
    assert [name for name, _ in read_all(disk.path)] == ["start", "descriptor", *["event"] * 20, "stop"]
    assert disk.opened > 3, "a failed log is opened anew"
    alarms = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(alarms) == 1, "one alarm for one failure, however often it is tried"
    assert "works again" in caplog.text


def test_a_disk_that_cannot_be_opened_at_first_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "not mounted yet"
    with Recorder(folder / "run.log", retry_s=0.001) as recorder:
        for name, document in events(3):
            recorder(name, document)
        assert "check its folder" in recorder.status.last_error
        folder.mkdir()
        assert recorder.flush(PATIENCE_S)
    assert read_all(folder / "run.log") == events(3)
    assert caplog.text.count("recording in") == 2, "one alarm and one all-clear"


def test_beyond_the_bound_the_newest_and_the_framework_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FailingDisk(tmp_path / "run.log", failures=float("inf"))
    # Ten events of 100 kB each, and a little for the rest.
    with Recorder(disk.path, open_log=disk.open, memory_mb=1.06, retry_s=0.001) as recorder:
        recorder("event", {"n": -1})
        assert disk.has_failed.wait(PATIENCE_S)  # from here on the thread holds that one, and all else waits
        recorder("start", {"uid": "a"})
        for n in range(100):
            recorder("event", {"n": n, "image": np.full(12_500, n)})
        recorder("stop", {"run_start": "a"})
        assert recorder.status.dropped == 90
        disk.failures = 0
        assert recorder.flush(PATIENCE_S)
        assert recorder.status == RecorderStatus(written=13, queued=0, dropped=90, last_error="")
    found = read_all(disk.path)
    assert [name for name, _ in found] == ["event", "start", *["event"] * 10, "stop"]
    assert [doc["n"] for name, doc in found if name == "event"] == [-1, *range(90, 100)]
    assert caplog.text.count("oldest documents are lost") == 1


@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    failures=st.integers(0, 6),
    bad=st.sets(st.integers(0, 39), max_size=4),
    batch=st.integers(1, 40),
    poison=st.sampled_from([FrameRejected("no place"), MemoryError(), UnicodeError("name"), KeyError("uid")]),
)
def test_every_document_is_written_once_in_order_whatever_fails(
    tmp_path_factory: pytest.TempPathFactory, failures: int, bad: set[int], batch: int, poison: Exception
) -> None:
    disk = FailingDisk(tmp_path_factory.mktemp("log") / "run.log", failures, poison)
    with Recorder(disk.path, open_log=disk.open, retry_s=0.0) as recorder:
        for n, (name, document) in enumerate(events(40)):
            recorder(name, {**document, "poison": 1} if n in bad else document)
            if n % batch == 0:
                assert recorder.flush(PATIENCE_S)
        assert recorder.flush(PATIENCE_S)
        assert recorder.status == RecorderStatus(40 - len(bad), 0, 0, "", refused=len(bad))
    assert [doc["n"] for _, doc in read_all(disk.path)] == [n for n in range(40) if n not in bad]


class Mute:
    """It cannot even be written as text."""

    def __str__(self) -> str:
        raise ConnectionError("the device does not answer")


def test_odd_metadata_does_not_cost_the_start_document(
    tmp_path: Path, engine: RunEngine, detector: SynGauss, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {
        "beamtime_start": datetime(2026, 11, 22, tzinfo=UTC),
        "users": {"b", "a"},
        "folder": PurePosixPath("/data"),
        "rois": {1: "left"},
        "big": 2**70,
        "mute": Mute(),
    }
    with Recorder(tmp_path / "run.log") as recorder:
        engine.subscribe(recorder)
        for _ in range(2):
            # Past the RunEngine's own check of metadata, which knows fewer kinds of trouble.
            recorder("start", {"uid": "a", "time": 1.0, **odd})
            engine(count([detector], 2))
        assert recorder.flush(PATIENCE_S)
        assert recorder.status.refused == 0
    found = read_all(tmp_path / "run.log")
    assert [name for name, _ in found] == ["start", "start", "descriptor", "event", "event", "stop"] * 2
    assert found[0][1] == {
        "uid": "a",
        "time": 1.0,
        "beamtime_start": "<datetime>",
        "users": ["a", "b"],
        "folder": "<PurePosixPath>",
        "rois": {"<int>": "left"},
        "big": str(2**70),
        "mute": "<Mute>",
    }
    assert caplog.text.count("mute of start documents is recorded as text") == 1


def test_metadata_are_recorded_as_their_text(
    tmp_path: Path, engine: RunEngine, detector: SynGauss, caplog: pytest.LogCaptureFixture
) -> None:
    with Recorder(tmp_path / "run.log") as recorder:
        engine.subscribe(recorder)
        engine(count([detector], 1), began=datetime(2026, 11, 22, tzinfo=UTC), names=np.array(["a", "b"]))
    start = read_all(tmp_path / "run.log")[0][1]
    assert (start["began"], start["names"]) == ("2026-11-22 00:00:00+00:00", ["a", "b"])
    assert "began of start documents is recorded as text" in caplog.text


def test_a_name_that_is_not_text_is_recorded(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run.log") as recorder:
        recorder("event\ud800", {"uid": "\ud800"})
    assert read_all(tmp_path / "run.log") == [("event\\ud800", {"uid": "\\ud800"})]


def test_memory_that_is_short_for_a_moment_costs_nothing(tmp_path: Path) -> None:
    shortages = [MemoryError(), MemoryError()]

    class ShortOfMemory(LogWriter):
        def append(self, documents: Sequence[tuple[str, Mapping[str, Any]]], recorded_s: float) -> int:
            if shortages:
                raise shortages.pop()
            return super().append(documents, recorded_s)

    with Recorder(tmp_path / "run.log", open_log=ShortOfMemory, retry_s=0.0) as recorder:
        recorder("start", {"uid": "a"})
        assert recorder.flush(PATIENCE_S)
        assert recorder.status == RecorderStatus(written=1, queued=0, dropped=0, last_error="", refused=0)
    assert read_all(tmp_path / "run.log") == [("start", {"uid": "a"})]


@pytest.mark.skipif(sys.platform == "win32", reason="a file in use cannot be moved or deleted there")
@pytest.mark.parametrize("is_moved", [True, False], ids=["moved", "deleted"])
def test_a_log_that_is_taken_away_is_begun_again_with_the_framework_of_its_run(
    tmp_path: Path, is_moved: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path, elsewhere = tmp_path / "run.log", tmp_path / "elsewhere.log"
    framework = [("start", {"uid": "a"}), ("descriptor", {"uid": "d", "run_start": "a"})]
    lines = [("event", {"descriptor": "d", "n": n}) for n in range(6)]
    with Recorder(path, retry_s=0.001) as recorder:
        for name, document in [("start", {"uid": "old"}), ("stop", {"run_start": "old"}), *framework]:
            recorder(name, document)
        for name, document in lines[:3]:
            recorder(name, document)
        assert recorder.flush(PATIENCE_S)
        if is_moved:
            path.rename(elsewhere)
        else:
            path.unlink()
        for name, document in [*lines[3:], ("stop", {"run_start": "a"})]:
            recorder(name, document)
            assert recorder.flush(PATIENCE_S)
    assert read_all(path) == [*framework, *lines[3:], ("stop", {"run_start": "a"})]
    with LogReader(path) as log:
        assert {row.run for row in log.read(0, 100)} == {"a"}
    assert verify(path).first_bad_seq is None
    if is_moved:
        assert read_all(elsewhere)[2:7] == [*framework, *lines[:3]]
        assert verify(elsewhere).first_bad_seq is None
    assert caplog.text.count("was deleted or moved while it was written") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a file in use cannot be deleted there")
def test_a_write_ahead_log_that_is_deleted_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with Recorder(path, retry_s=0.001) as recorder:
        for name, document in events(6):
            recorder(name, document)
            assert recorder.flush(PATIENCE_S)
            if document["n"] == 2:
                path.with_name("run.log-wal").unlink()
    found = [document["n"] for _, document in read_all(path)]
    # What was written when it was noticed is in the log already, and comes once more.
    assert found == [0, 1, 2, 3, 3, 4, 5]
    assert verify(path).first_bad_seq is None


FORGETFUL = """
import logging, sqlite3, sys, threading
from pathlib import Path
from operando.io.runlog import LogWriter
from operando.live import recorder
logging.basicConfig(format="%(message)s")
recorder._EXIT_S = float(sys.argv[2])

class Slow(LogWriter):
    def append(self, documents, recorded_s):
        if sys.argv[3] == "dead":
            raise sqlite3.OperationalError("disk I/O error")
        # Until the interpreter is on its way out.
        threading.main_thread().join()
        return super().append(documents, recorded_s)

forgotten = recorder.Recorder(Path(sys.argv[1]), open_log=Slow, retry_s=0.01)
for n in range(700):
    forgotten("event", {"n": n})
"""


def forget(path: Path, exit_s: float, disk: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", FORGETFUL, str(path), str(exit_s), disk]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def test_a_process_that_forgets_to_close_waits_for_the_log(tmp_path: Path) -> None:
    done = forget(tmp_path / "run.log", PATIENCE_S, "slow")
    assert verify(tmp_path / "run.log").good == 700
    assert done.stderr == ""


def test_a_process_that_forgets_to_close_says_what_a_dead_disk_cost(tmp_path: Path) -> None:
    done = forget(tmp_path / "run.log", 0.1, "dead")
    assert "700 documents were not recorded" in done.stderr
    assert "(700 event): disk I/O error" in done.stderr


def test_a_document_after_closing_is_reported_and_does_not_raise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(tmp_path / "run.log")
    recorder.close()
    recorder.close()
    recorder("event", {"n": 1})
    assert "unsubscribe it" in caplog.text
    assert verify(tmp_path / "run.log").good == 0


def test_closing_on_a_dead_disk_ends_and_says_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FailingDisk(tmp_path / "run.log", failures=float("inf"))
    recorder = Recorder(disk.path, open_log=disk.open, retry_s=3600.0)
    recorder("event", {"n": 1})
    assert disk.has_failed.wait(PATIENCE_S)
    recorder.close(timeout_s=0.01)
    assert "1 documents were not recorded" in caplog.text
    assert not any(thread.name == "recorder of run.log" for thread in threading.enumerate())


def test_something_else_at_the_path_is_said_before_the_beam_is_used(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a run log\n" * 100)
    with pytest.raises(DamagedFileError, match="not a run log"):
        Recorder(path)
