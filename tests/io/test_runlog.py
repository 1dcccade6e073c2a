import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from event_model import compose_resource, compose_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.errors import DamagedFileError, FrameRejected, SourceUnreachable
from operando.io.logrows import RowReader
from operando.io.runlog import LogReader, LogWriter
from verified import Verification, verify

# Shared machines pause for seconds; each example makes its own file, so the fixture may be shared.
patient = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

Documents = list[tuple[str, dict[str, Any]]]


def numbered(count: int, first: int = 0) -> Documents:
    return [("event", {"uid": f"event {n}", "value": n}) for n in range(first, first + count)]


def one_run(uid: str) -> Documents:
    run = compose_run(uid=uid)
    keys = {"image": {"source": "test", "dtype": "array", "shape": [2, 2]}}
    primary = run.compose_descriptor(name="primary", data_keys=keys)
    event = primary.compose_event(data={"image": np.ones((2, 2))}, timestamps={"image": 1.0})
    page = {"descriptor": primary.descriptor_doc["uid"], "uid": ["a"], "seq_num": [2]}
    resource = compose_resource(
        start=run.start_doc, spec="HDF5", root="/", resource_path="a.h5", resource_kwargs={}
    )
    datum = resource.compose_datum(datum_kwargs={})
    stream = run.compose_stream_resource(
        mimetype="application/x-hdf5", uri="file://localhost/a.h5", data_key="image", parameters={}
    )
    stream_datum = {
        "uid": f"{uid} stream datum/0",
        "stream_resource": stream.stream_resource_doc["uid"],
        "indices": {"start": 0, "stop": 1},
    }
    return [
        ("start", run.start_doc),
        ("descriptor", primary.descriptor_doc),
        ("event", event),
        ("event_page", page),
        ("resource", resource.resource_doc),
        ("datum", datum),
        ("datum_page", {"resource": resource.resource_doc["uid"], "datum_id": ["x"]}),
        ("stream_resource", stream.stream_resource_doc),
        ("stream_datum", stream_datum),
        ("stop", run.compose_stop()),
    ]


def read_all(path: Path) -> Documents:
    with LogReader(path) as log:
        return [(row.name, row.document) for row in log.read(0, 10_000)]


@patient
@given(batches=st.lists(st.integers(0, 7), max_size=6), limit=st.integers(1, 9), reopen=st.booleans())
def test_what_is_appended_is_read_however_it_is_batched(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], limit: int, reopen: bool
) -> None:
    path = tmp_path_factory.mktemp("log") / "run.log"
    written = 0
    writer = LogWriter(path)
    for count in batches:
        assert writer.append(numbered(count, written), 1.0 + written) == written + count
        written += count
        if reopen:
            writer.close()
            writer = LogWriter(path)
    with LogReader(path) as log:
        assert log.head() == written
        found = []
        while batch := log.read(len(found), limit):
            assert len(batch) <= limit
            found.extend(batch)
    writer.close()
    assert [row.seq for row in found] == list(range(1, written + 1))
    assert [(row.name, row.document) for row in found] == numbered(written)
    assert all(earlier.recorded_s <= later.recorded_s for earlier, later in pairwise(found))


@patient
@given(order=st.permutations([0] * 10 + [1] * 10), restart_at=st.integers(0, 20))
def test_every_document_is_filed_under_its_run(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], restart_at: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "run.log"
    runs = [iter(one_run("run A")), iter(one_run("run B"))]
    documents = [(which, next(runs[which])) for which in order]
    for part in (documents[:restart_at], documents[restart_at:]):
        with LogWriter(path) as writer:
            for _, document in part:
                writer.append([document], 0.0)
    with LogReader(path) as log:
        assert [row.run for row in log.read(0, 100)] == [("run A", "run B")[which] for which, _ in documents]


def test_a_document_of_unknown_descent_belongs_to_no_run(tmp_path: Path) -> None:
    with LogWriter(tmp_path / "run.log") as writer:
        writer.append(
            [("event", {"descriptor": "never seen"}), ("stop", {}), ("resource", {"uid": "r"})], 0.0
        )
    with LogReader(tmp_path / "run.log") as log:
        assert [row.run for row in log.read(0, 9)] == ["", "", ""]


def test_a_batch_with_one_impossible_document_is_not_written_at_all(tmp_path: Path) -> None:
    with LogWriter(tmp_path / "run.log") as writer:
        with pytest.raises(FrameRejected):
            writer.append([*numbered(2), ("event", {"value": object()})], 0.0)
        assert writer.append(numbered(1), 0.0) == 1


def test_a_full_disk_takes_nothing_back_and_the_next_append_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with LogWriter(path) as writer:
        writer.append(numbered(3), 0.0)
        # SQLite's own limit on pages behaves as a full disk does.
        writer._db.execute("PRAGMA max_page_count = 10")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            writer.append([("event", {"image": np.zeros(100_000)})], 0.0)
        writer._db.execute("PRAGMA max_page_count = 100000")
        assert writer.append(numbered(2, 3), 0.0) == 5
    assert read_all(path) == numbered(5)


def test_a_reader_sees_each_commit_while_the_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    count = 300
    with LogWriter(path) as writer, LogReader(path) as log:
        thread = threading.Thread(target=lambda: [writer.append(numbered(1, n), 0.0) for n in range(count)])
        thread.start()
        seen: list[int] = []
        while len(seen) < count:
            seen.extend(row.document["value"] for row in log.read(len(seen), 50))
        thread.join()
    assert seen == list(range(count))


def test_two_writers_share_one_log(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with LogWriter(path) as one, LogWriter(path) as other:
        assert [
            one.append(numbered(1), 0.0),
            other.append(numbered(2), 0.0),
            one.append(numbered(1), 0.0),
        ] == [1, 3, 4]
    assert verify(path).good == 4


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_writer_loses_nothing_committed(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    program = (
        "import os, signal, sys\n"
        "from operando.io.runlog import LogWriter\n"
        "writer = LogWriter(sys.argv[1])\n"
        "for n in range(50):\n"
        "    writer.append([('event', {'uid': f'event {n}', 'value': n})], 0.0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.with_name("run.log-wal").exists(), "the crash should have left a write-ahead log"
    assert read_all(path) == numbered(50)
    with LogWriter(path) as writer:
        assert writer.append(numbered(1, 50), 0.0) == 51
    assert verify(path) == Verification(51, None, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to become another user")
def test_a_log_in_a_folder_that_cannot_be_written_is_read() -> None:
    # Not tmp_path: its parents are closed to the user that root becomes.
    folder = Path(tempfile.mkdtemp())
    path = folder / "run.log"
    with LogWriter(path) as writer:
        writer.append(numbered(4), 0.0)
    folder.chmod(0o555)
    program = (
        "import os, sys\n"
        "from operando.io.runlog import LogReader\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "print(len(LogReader(sys.argv[1]).read(0, 10)))\n"
    )
    try:
        done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, capture_output=True)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    assert (done.stdout.strip(), done.stderr) == (b"4", b"")


def damage(path: Path, statement: str, *values: object) -> None:
    database = sqlite3.connect(path)
    database.execute(statement, values)
    database.commit()
    database.close()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE documents SET blob = x'80' WHERE seq = 4", "checksum"),
        ("UPDATE documents SET name = 'start' WHERE seq = 4", "checksum"),
        ("UPDATE documents SET blob = 'text' WHERE seq = 4", "another type"),
        ("UPDATE documents SET recorded_s = 'soon' WHERE seq = 4", "another type"),
    ],
)
def test_a_damaged_row_is_named_and_the_rows_before_it_are_read(
    tmp_path: Path, statement: str, reason: str
) -> None:
    path = tmp_path / "run.log"
    with LogWriter(path) as writer:
        writer.append(numbered(6), 0.0)
    damage(path, statement)
    with LogReader(path) as log:
        assert [row.seq for row in log.read(0, 100)] == [1, 2, 3]
        with pytest.raises(DamagedFileError, match=rf"document 4 .*{reason}.*; 3 documents stand before it"):
            log.read(3, 100)
        assert [row.seq for row in log.read(4, 100)] == [5, 6]
    found = verify(path)
    assert (found.good, found.first_bad_seq) == (3, 4)
    assert reason in found.reason


@patient
@given(missing=st.sets(st.integers(1, 7), min_size=1, max_size=3), limit=st.integers(1, 9))
def test_no_reader_passes_over_a_row_that_was_taken_out(
    tmp_path_factory: pytest.TempPathFactory, missing: set[int], limit: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "run.log"
    with LogWriter(path) as writer:
        writer.append(numbered(8), 0.0)
    for seq in missing:
        damage(path, "DELETE FROM documents WHERE seq = ?", seq)
    first = min(missing)
    with LogReader(path) as log, RowReader(path) as rows:
        for read in (log.read, lambda after, limit: rows.rows(after, limit, 10**6, 10**6).rows):
            seen: list[int] = []
            while len(seen) < first - 1:
                seen += [row.seq for row in read(len(seen), limit)]
            assert seen == list(range(1, first))
            with pytest.raises(
                DamagedFileError, match=rf"document {first} of .* is missing; {len(seen)} doc"
            ):
                read(len(seen), limit)
    found = verify(path)
    assert (found.good, found.first_bad_seq) == (first - 1, first)
    assert "is missing" in found.reason


@patient
@given(st.data())
def test_a_damaged_byte_anywhere_never_yields_a_false_document(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    path = tmp_path_factory.mktemp("log") / "run.log"
    with LogWriter(path) as writer:
        writer.append([("event", {"uid": f"event {n}", "image": np.full(300, n)}) for n in range(8)], 0.0)
    content = bytearray(path.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    content[where] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        found = verify(path)
        with LogReader(path) as log:
            rows = log.read(0, 100)
    except (DamagedFileError, SourceUnreachable):
        return
    assert len(rows) >= found.good
    for n, row in enumerate(rows[: found.good]):
        assert row.document["uid"] == f"event {n}"
        np.testing.assert_array_equal(row.document["image"], np.full(300, n))


def test_a_truncated_log_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with LogWriter(path) as writer:
        writer.append([("event", {"image": np.full(3000, n)}) for n in range(20)], 0.0)
    os.truncate(path, path.stat().st_size // 2)
    found = verify(path)
    assert 0 < found.good < 20
    assert found.first_bad_seq == found.good + 1
    assert "damaged" in found.reason


def test_a_missing_log_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="there is no run log"):
        LogReader(tmp_path / "nowhere.log")
    with pytest.raises(SourceUnreachable, match="check its folder"):
        LogWriter(tmp_path / "no folder" / "run.log")


def test_a_log_that_nothing_was_written_to_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.touch()
    with pytest.raises(SourceUnreachable, match="empty"):
        LogReader(path)


@pytest.mark.parametrize(
    "content",
    [b"a text file\n" * 50, b"SQLite format 3\0" + b"\x10\x00\x01\x01", bytes(5000)],
    ids=["text", "header", "zeros"],
)
@pytest.mark.parametrize("opened_by", [LogReader, LogWriter])
def test_what_is_no_database_is_damaged(tmp_path: Path, content: bytes, opened_by: Any) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="not a run log"):
        opened_by(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "table", ["meta (name TEXT)", "meta (key TEXT, value TEXT)", "documents (seq INTEGER)"]
)
@pytest.mark.parametrize("opened_by", [LogReader, LogWriter])
def test_another_database_is_refused_and_left_alone(tmp_path: Path, table: str, opened_by: Any) -> None:
    path = tmp_path / "other.sqlite"
    damage(path, f"CREATE TABLE {table}")
    before = path.read_bytes()
    with pytest.raises(DamagedFileError, match="not a run log"):
        opened_by(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("opened_by", [LogReader, LogWriter])
def test_another_version_is_refused_with_a_sentence(tmp_path: Path, opened_by: Any) -> None:
    path = tmp_path / "run.log"
    LogWriter(path).close()
    damage(path, "UPDATE meta SET value = '2' WHERE key = 'version'")
    with pytest.raises(DamagedFileError, match="version '2'; this program knows version 1"):
        opened_by(path)


def test_a_closed_log_is_one_file_even_while_somebody_reads(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    writer = LogWriter(path)
    writer.append([("start", {"uid": "a", "time": 1.0})], 1.0)
    with LogReader(path) as reader:
        assert reader.head() == 1
        writer.close()
        copied = tmp_path / "copied.log"
        copied.write_bytes(path.read_bytes())
    with LogReader(copied) as reader:
        assert [logged.name for logged in reader.read(0, 10)] == ["start"]
