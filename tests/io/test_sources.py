"""Sources are read by offset; what is asked for again comes again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.errors import DamagedFileError
from operando.io.documents import read_json_documents
from operando.io.runlog import LogReader, LogWriter
from operando.io.sources import DocumentSource, FollowedLog, PacedSource, RecordedLog

DOCUMENTS = [
    ("start", {"uid": "run-1", "time": 10.0}),
    ("event", {"uid": "e1", "time": 11.0}),
    ("event_page", {"uid": ["e2"], "time": [14.0]}),
    ("stop", {"uid": "s", "run_start": "run-1", "time": 20.0}),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "run.log"
    with LogWriter(path) as writer:
        writer.append(DOCUMENTS, recorded_s=1.0)
    return path


@given(limits=st.lists(st.integers(1, 3), min_size=4, max_size=6))
def test_batches_of_any_size_give_every_document_once(limits: list[int]) -> None:
    source = DocumentSource(iter(DOCUMENTS), "memory")
    seen: list[str] = []
    for limit in limits:
        seen += [logged.name for logged in source.read(len(seen), limit)]
    assert seen == [name for name, _ in DOCUMENTS]
    assert source.read(4, 10) == []
    assert source.has_ended(4)


def test_a_generator_can_only_be_read_on() -> None:
    source = DocumentSource(iter(DOCUMENTS), "memory")
    source.read(0, 2)
    assert source.read(2, 1)[0].run == "run-1"
    with pytest.raises(ValueError, match="go on from there"):
        source.read(1, 1)


@given(limits=st.lists(st.integers(1, 5), min_size=5, max_size=6), good=st.integers(0, 4))
def test_what_stands_before_a_damaged_place_is_read_however_it_is_batched(
    limits: list[int], good: int
) -> None:
    failure = DamagedFileError("the file is cut")

    def documents() -> Iterator[tuple[str, dict[str, Any]]]:
        yield from DOCUMENTS[:good]
        raise failure

    source = DocumentSource(documents(), "memory")
    seen: list[str] = []
    for limit in limits:
        if len(seen) < good:
            seen += [logged.name for logged in source.read(len(seen), limit)]
            assert not source.has_ended(len(seen))
    assert seen == [name for name, _ in DOCUMENTS[:good]]
    for _ in range(2):
        with pytest.raises(DamagedFileError, match="the file is cut"):
            source.read(good, 1)
    assert not source.has_ended(good), "an end would hide the damage"


def test_a_file_that_was_cut_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    text = json.dumps(DOCUMENTS)
    path.write_text(text[: len(text) - 20])
    source = DocumentSource(read_json_documents(path), path.name)
    assert [logged.name for logged in source.read(0, 256)] == ["start", "event", "event_page"]
    with pytest.raises(DamagedFileError, match="behind its first 3 documents"):
        source.read(3, 256)


def test_a_start_without_a_uid_is_read_all_the_same() -> None:
    (logged,) = DocumentSource(iter([("start", {"time": 1.0})]), "memory").read(0, 2)
    assert logged.run == ""


def test_a_recorded_log_ends_where_it_ended_when_it_was_opened(log: Path) -> None:
    source = RecordedLog(LogReader(log), "log")
    with LogWriter(log) as writer:
        writer.append(DOCUMENTS[:1], recorded_s=2.0)
    assert len(source.read(0, 100)) == 4
    assert source.read(4, 100) == []
    assert source.has_ended(4)
    assert not source.has_ended(3)
    source.close()


def test_a_followed_log_ends_only_when_its_writer_has_and_all_is_read(log: Path) -> None:
    ended = threading.Event()
    source = FollowedLog(LogReader(log), "log", ended)
    assert len(source.read(0, 100)) == 4
    assert not source.has_ended(4)
    with LogWriter(log) as writer:
        writer.append(DOCUMENTS[:1], recorded_s=2.0)
    ended.set()
    assert not source.has_ended(4)
    assert [logged.seq for logged in source.read(4, 100)] == [5]
    assert source.has_ended(5)
    source.close()


@pytest.mark.parametrize("time_s", [float("nan"), float("inf"), float("-inf"), 1e18, 10**400, "noon", None])
@pytest.mark.parametrize("place", range(4))
def test_a_time_that_no_clock_reaches_is_due_at_once(place: int, time_s: Any) -> None:
    documents = [(name, dict(document)) for name, document in DOCUMENTS]
    paged = documents[place][0] == "event_page"
    documents[place][1]["time"] = [time_s] if paged else time_s
    now = [100.0]
    source = PacedSource(DocumentSource(iter(documents), "memory"), 1.0, clock=lambda: now[0])
    seen = len(source.read(0, 100))
    now[0] += 10.1
    while batch := source.read(seen, 100):
        seen += len(batch)
    assert seen == len(documents)
    assert source.has_ended(seen)


@given(speed=st.floats(0.5, 100.0))
def test_a_paced_source_holds_documents_back_until_their_time(speed: float) -> None:
    now = [100.0]
    source = PacedSource(DocumentSource(iter(DOCUMENTS), "memory"), speed, clock=lambda: now[0])
    seen = 0
    # Just before and just after each document's time; 1e-6 s is beyond the rounding of the clock.
    for elapsed_s, expected in ((0.0, 1), (0.999, 1), (1.001, 2), (3.999, 2), (4.001, 3), (10.001, 4)):
        now[0] = 100.0 + elapsed_s / speed
        seen += len(source.read(seen, 100))
        assert seen == expected
    source.read(seen, 100)
    assert source.has_ended(seen)
