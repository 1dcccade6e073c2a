"""Streams without events, as flyers write them: the lines are those of the same data in events."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from event_model import compose_run
from hypothesis import given, settings
from hypothesis import strategies as st

from following import offline
from operando.errors import RunRejected
from operando.io.filled import FilledSource
from operando.io.layouts import DocumentReader, Rejection
from operando.io.runlog import LogReader, LogWriter
from operando.io.sources import DocumentSource, RecordedLog, Source
from operando.io.written_frames import frames_in
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from operando.types import Line, ScanPlan
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
LINES = COUNTS.reshape(-1, 5)
LABELS = {
    name: values.ravel()
    for name, values in zip(("cycle", "energy_index", "row"), np.indices(COUNTS.shape[:3]), strict=True)
}
NX = 5
SHAPES = {"one row an event": (LINES, [NX]), "with a leading one": (LINES[:, None], [1, NX])}
SHAPES["one behind the other"] = (LINES.ravel(), [NX])
"""What the file has and what the descriptor says of one event: ophyd-async has all of them."""
Documents = list[tuple[str, dict[str, Any]]]


def flown(
    path: Path,
    cuts: Sequence[int],
    *,
    shape: str = "one row an event",
    order: Sequence[int] = (),
    lines: int = 32,
) -> Documents:
    """Return the run of `COUNTS` without events, and write its file.

    Parameters
    ----------
    path
        Of the file.
    cuts
        Where one `stream_datum` ends and the next begins.
    shape
        One of `SHAPES`.
    order
        In which order the keys are told; each is told all of its spans by turns.
    lines
        That are in the file.
    """
    stored, declared = SHAPES[shape]
    start, descriptor, *_, stop = documents_of(PLAN, COUNTS)
    held = {"counter": stored[: lines * (NX if stored.ndim == 1 else 1)]}
    held |= {name: values[:lines] for name, values in LABELS.items()}
    with h5py.File(path, "w") as file:
        for key, values in held.items():
            file.create_dataset(key, data=values)
    descriptor[1]["data_keys"] = {
        key: {
            "source": "test",
            "dtype": "array" if key == "counter" else "number",
            "shape": declared if key == "counter" else [],
            "external": "STREAM:",
        }
        for key in held
    }
    found: Documents = [start, descriptor]
    for key in held:
        resource = {"uid": f"file {key}", "data_key": key, "mimetype": "application/x-hdf5"}
        resource |= {"uri": f"file://localhost{path}", "parameters": {"dataset": f"/{key}"}}
        found.append(("stream_resource", resource))
    ends = [0, *cuts, len(LINES)]
    spans = list(pairwise(ends))
    told = [(key, span) for span in spans for key in held]
    for place in [*order, *range(len(told))]:
        if place >= len(told) or told[place] is None:
            continue
        key, (first, last) = told[place]
        datum = {"uid": f"{key}/{first}", "stream_resource": f"file {key}"}
        datum |= {"descriptor": descriptor[1]["uid"], "indices": {"start": first, "stop": last}}
        found.append(("stream_datum", {**datum, "seq_nums": {"start": first + 1, "stop": last + 1}}))
        told[place] = None  # type: ignore[call-overload]
    return [*found, stop]


def filled(source: Source, root: Path, clock: Any = lambda: 0.0) -> FilledSource:
    return FilledSource(source, (root,), clock=clock)


def memory(documents: Documents) -> DocumentSource:
    return DocumentSource(iter(documents), "memory")


def lines_in(source: FilledSource, limit: int = 7) -> tuple[np.ndarray, DocumentReader]:
    reader, after = DocumentReader(), 0
    found = np.full(COUNTS.shape, np.nan)
    while not source.has_ended(after):
        for logged in source.read(after, limit):
            after = logged.seq
            for item in reader.read(logged.name, logged.document):
                assert not isinstance(item, Rejection), item
                if isinstance(item, Line):
                    found[item.cycle, item.energy, item.row] = item.counts
    return found, reader


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.sets(st.integers(1, len(LINES) - 1), max_size=6).map(sorted),
    order=st.permutations(range(28)),
    shape=st.sampled_from(sorted(SHAPES)),
    limit=st.integers(1, 40),
)
def test_however_the_stream_is_told_the_lines_are_those_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], order: list[int], shape: str, limit: int
) -> None:
    folder = tmp_path_factory.mktemp("flown")
    documents = flown(folder / "a.h5", cuts, shape=shape, order=order)
    found, reader = lines_in(filled(memory(documents), folder), limit)
    np.testing.assert_array_equal(found, COUNTS)
    assert (reader.lost, reader.unknown) == (0, 0)


def test_the_results_are_those_of_the_same_lines_in_events(tmp_path: Path) -> None:
    work = Work(library(), recipe(), LayoutSettings(asset_roots=(str(tmp_path),)))
    found = offline(flown(tmp_path / "a.h5", [3, 17]), tmp_path / "one" / "out.h5", work)
    told = documents_of(PLAN, COUNTS)
    for name, event in told:
        if name == "event":
            # A stream says no times: its events have that of the descriptor, or of their recording.
            event["time"], event["timestamps"] = PLAN.started_s, dict.fromkeys(event["data"], PLAN.started_s)
    work = Work(library(), recipe(), LayoutSettings())
    assert found == offline(told, tmp_path / "two" / "out.h5", work)


def test_lines_have_the_time_at_which_they_were_recorded(tmp_path: Path) -> None:
    with LogWriter(tmp_path / "a.runlog") as writer:
        writer.append(flown(tmp_path / "a.h5", [3]), recorded_s=1234.5)
    log = LogReader(tmp_path / "a.runlog")
    batch = filled(RecordedLog(log, "log"), tmp_path).read(0, 100)
    pages = [logged.document for logged in batch if logged.name == "event_page"]
    assert [page["seq_num"] for page in pages] == [[1, 2, 3], list(range(4, 33))]
    assert {time_s for page in pages for time_s in page["time"]} == {1234.5}
    # Whoever begins in the middle gets the same.
    for after in (1, 8, 10, len(batch) - 1):
        middle = filled(RecordedLog(log, "log"), tmp_path)
        assert repr(middle.read(after, 3)) == repr(batch[after : after + 3])
    log.close()


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_what_is_not_written_yet_is_waited_for_and_then_named(tmp_path: Path, shape: str) -> None:
    clock = Clock()
    source = filled(memory(flown(tmp_path / "a.h5", [10], shape=shape, lines=8)), tmp_path, clock)
    before = source.read(0, 100)
    assert [logged.name for logged in before].count("event_page") == 0
    assert source.read(before[-1].seq, 100) == []
    # The file grows, and the first part is there.
    flown(tmp_path / "a.h5", [10], shape=shape, lines=14)
    first = source.read(before[-1].seq, 100)
    assert first[0].document["seq_num"] == list(range(1, 11))
    assert source.read(first[-1].seq, 100) == []
    assert source.findings() == ()
    clock.now_s = 11.0
    rest = source.read(first[-1].seq, 100)
    assert rest[0].document["seq_num"] == [11, 12, 13, 14]
    (finding,) = source.findings()
    assert "'counter' of event 15 was not written in time (frame 14 of a.h5), and 17 more" in finding.message
    assert source.has_ended(rest[-1].seq)


def test_a_key_that_stays_behind_holds_back_the_others(tmp_path: Path) -> None:
    documents = flown(tmp_path / "a.h5", [10])
    kept = [each for each in documents if each[1].get("uid") != "row/10"]
    found, _ = lines_in(filled(memory(kept), tmp_path))
    np.testing.assert_array_equal(found.reshape(LINES.shape)[:10], LINES[:10])
    assert np.isnan(found.reshape(LINES.shape)[10:]).all()


def test_where_events_come_they_count(tmp_path: Path) -> None:
    start, descriptor, *events, stop = documents_of(PLAN, COUNTS, group="frame")
    images = COUNTS.reshape(-1, 4, 5)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["counter"] = images
    about = {"source": "test", "dtype": "array", "shape": [1, 4, 5], "external": "STREAM:"}
    descriptor[1]["data_keys"] = {"counter": about}
    resource = {"uid": "file", "data_key": "counter", "mimetype": "application/x-hdf5"}
    resource |= {"uri": f"file://localhost{tmp_path}/a.h5", "parameters": {"dataset": "/counter"}}
    documents: Documents = [start, descriptor, ("stream_resource", resource)]
    for number, (_, event) in enumerate(events):
        datum = {"uid": f"file/{number}", "stream_resource": "file", "descriptor": descriptor[1]["uid"]}
        datum |= {"indices": {"start": number, "stop": number + 1}}
        datum |= {"seq_nums": {"start": number + 1, "stop": number + 2}}
        documents += [("stream_datum", datum), ("event", {**event, "data": {}, "timestamps": {}})]
    found, reader = lines_in(filled(memory([*documents, stop]), tmp_path))
    np.testing.assert_array_equal(found, COUNTS)
    # Before the first event nobody knows that any will come.
    assert reader.repeated == 1


def test_exposures_of_an_event_lie_one_behind_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.arange(2 * 3 * 4 * 5).reshape(6, 4, 5)
        file["points"] = np.arange(6)
    images = frames_in(path, "images", 1, 2, (3, 4, 5))
    assert images is not None
    np.testing.assert_array_equal(images, np.arange(60, 120).reshape(3, 4, 5))
    points = frames_in(path, "points", 0, 2, (3,))
    assert points is not None
    assert points.tolist() == [0, 1, 2, 3, 4, 5]
    assert frames_in(path, "points", 1, 3, (3,)) is None


def test_images_with_their_energies_beside_them_need_no_block(tmp_path: Path) -> None:
    run = compose_run(metadata={"x_extent": [0, 1], "y_extent": [0, 1]}, time=50.0)
    energies_ev = np.array([700.0, 705.0, 710.0])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["camera"], file["mono_energy"] = COUNTS[0, :3], energies_ev
    keys = {
        "camera": {"source": "t", "dtype": "array", "shape": [1, 4, 5], "external": "STREAM:"},
        "mono_energy": {"source": "t", "dtype": "number", "shape": [1], "external": "STREAM:", "units": "eV"},
    }
    stream = run.compose_descriptor(name="primary", data_keys=keys, time=50.0)
    documents: Documents = [("start", dict(run.start_doc)), ("descriptor", dict(stream.descriptor_doc))]
    for key in keys:
        bundle = run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{tmp_path}/a.h5",
            data_key=key,
            parameters={"dataset": f"/{key}"},
        )
        documents.append(("stream_resource", dict(bundle.stream_resource_doc)))
        datum = bundle.compose_stream_datum(
            indices={"start": 0, "stop": 3},
            seq_nums={"start": 1, "stop": 4},
            descriptor=stream.descriptor_doc,
        )
        documents.append(("stream_datum", dict(datum)))
    reader = DocumentReader()
    source = filled(memory(documents), tmp_path)
    items = [item for logged in source.read(0, 100) for item in reader.read(logged.name, logged.document)]
    plans = [item for item in items if isinstance(item, ScanPlan)]
    assert plans[-1].energies_ev.tolist() == energies_ev.tolist()
    lines = [item for item in items if isinstance(item, Line)]
    np.testing.assert_array_equal([line.counts for line in lines], COUNTS[0, :3].reshape(-1, 5))


def test_without_folders_in_the_profile_the_run_says_where_they_would_be_named(tmp_path: Path) -> None:
    reader = DocumentReader()
    items = [item for each in flown(tmp_path / "a.h5", []) for item in reader.read(*each)]
    (refusal,) = [item.error for item in items if isinstance(item, Rejection)]
    assert isinstance(refusal, RunRejected)
    assert "which have no events" in str(refusal)
    assert "[layout] asset_roots" in str(refusal)


@pytest.mark.parametrize(
    "seq_nums", [{"start": 0, "stop": 2**30}, {"start": -5, "stop": 2}, {"start": 9}, None]
)
def test_numbers_that_no_scan_has_are_refused(tmp_path: Path, seq_nums: object) -> None:
    documents = flown(tmp_path / "a.h5", [])
    for name, document in documents:
        if name == "stream_datum":
            document["seq_nums"] = seq_nums
    clock = Clock()
    source, after = filled(memory(documents), tmp_path, clock), 0
    while not source.has_ended(after):
        batch = source.read(after, 100)
        clock.now_s += 0.0 if batch else 6.0
        after = batch[-1].seq if batch else after
    assert clock.now_s < 60.0
