"""Images outside the documents: read when they are written, from trusted folders only, named when missing."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from event_model import compose_run

from following import offline
from operando.io.filled import FilledSource, with_images
from operando.io.layouts import DocumentReader
from operando.io.runlog import LogReader, LogWriter
from operando.io.sources import DocumentSource, RecordedLog
from operando.io.written_frames import frames_in
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from operando.types import Line
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
FRAMES = COUNTS.reshape(-1, *PLAN.grid.shape)
Documents = list[tuple[str, dict[str, Any]]]
KINDS = ["datum", "stream"]


def pointing_at(path: str, kind: str, *, dataset: str | None = None) -> Documents:
    """Return the run of `COUNTS` by frames, whose images lie in a file."""
    start, descriptor, *events, stop = documents_of(PLAN, COUNTS, group="frame")
    is_stream = kind == "stream"
    about = descriptor[1]["data_keys"]["counter"]
    about["external"] = "STREAM:" if is_stream else "FILESTORE:"
    where = {} if dataset is None else {"dataset": dataset}
    found: Documents = [start, descriptor]
    if is_stream:
        resource = {
            "uid": "file",
            "data_key": "counter",
            "mimetype": "application/x-hdf5",
            "uri": f"file://localhost{path}",
            "parameters": {"dataset": "/entry/data/data", "chunk_shape": [1, 4, 5], **where},
            "run_start": PLAN.run,
        }
        found.append(("stream_resource", resource))
    else:
        resource = {"uid": "file", "spec": "AD_HDF5", "root": "/", "resource_path": path.lstrip("/")}
        found.append(("resource", {**resource, "resource_kwargs": {"frame_per_point": 1, **where}}))
    for frame, (name, event) in enumerate(events):
        number = event["seq_num"]
        data = {key: value for key, value in event["data"].items() if key != "counter"}
        if is_stream:
            span = {"start": frame, "stop": frame + 1}
            datum = {"uid": f"file/{frame}", "stream_resource": "file", "descriptor": event["descriptor"]}
            seq_nums = {"start": number, "stop": number + 1}
            found.append(("stream_datum", {**datum, "indices": span, "seq_nums": seq_nums}))
        else:
            datum = {"datum_id": f"file/{frame}", "resource": "file", "datum_kwargs": {"point_number": frame}}
            found.append(("datum", datum))
            data["counter"] = f"file/{frame}"
        found.append((name, {**event, "data": data}))
    return [*found, stop]


def written(path: Path, frames: int = len(FRAMES), *, dataset: str = "entry/data/data") -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset(dataset, data=FRAMES[:frames], chunks=(1, 4, 5), maxshape=(None, 4, 5))
    return path


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def source_of(documents: Documents, root: Path, clock: Clock | None = None) -> FilledSource:
    return FilledSource(DocumentSource(iter(documents), "memory"), (root,), clock=clock or Clock())


def counts_of(source: FilledSource, clock: Clock, limit: int = 7) -> np.ndarray:
    """Return all counts that a source gives, while its clock goes on whenever it gives nothing."""
    reader, after = DocumentReader(), 0
    found = np.full(COUNTS.shape, np.nan)
    while not source.has_ended(after):
        batch = source.read(after, limit)
        clock.now_s += 0.0 if batch else 1.0
        for logged in batch:
            after = logged.seq
            for item in reader.read(logged.name, logged.document):
                if isinstance(item, Line):
                    found[item.cycle, item.energy, item.row] = item.counts
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_results_are_those_of_the_same_images_in_the_documents(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "images.h5")
    layout = LayoutSettings(asset_roots=(str(tmp_path),))
    found = offline(
        pointing_at(str(path), kind), tmp_path / "one" / "out.h5", Work(library(), recipe(), layout)
    )
    work = Work(library(), recipe(), LayoutSettings())
    inside = offline(documents_of(PLAN, COUNTS, group="frame"), tmp_path / "two" / "out.h5", work)
    assert found == inside


DETECTOR = """
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w", libver="latest") as file:
    about = {"maxshape": (None, 4, 5), "chunks": (1, 4, 5), "dtype": "f8"}
    images = file.create_dataset("entry/data/data", (0, 4, 5), **about)
    file.swmr_mode = True
    frames = np.load(sys.argv[2])
    for line in sys.stdin:
        before, stop = len(images), int(line)
        images.resize(stop, 0)
        images[before:stop] = frames[before:stop]
        images.flush()
        print("flushed", flush=True)
"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [1, 5, 40])
def test_a_file_that_a_detector_is_writing_is_read_as_far_as_it_is_flushed(
    tmp_path: Path, kind: str, limit: int
) -> None:
    path = tmp_path / "images.h5"
    np.save(tmp_path / "frames.npy", FRAMES)
    source = source_of(pointing_at(str(path), kind), tmp_path)
    command = [sys.executable, "-c", DETECTOR, str(path), str(tmp_path / "frames.npy")]
    seen, after = 0, 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as detector:
        assert detector.stdin is not None
        assert detector.stdout is not None
        for frames in (1, 3, 4, len(FRAMES)):
            detector.stdin.write(f"{frames}\n")
            detector.stdin.flush()
            assert detector.stdout.readline() == "flushed\n"
            while batch := source.read(after, limit):
                after = batch[-1].seq
                for logged in batch:
                    if logged.name == "event":
                        image = np.asarray(logged.document["data"]["counter"])
                        np.testing.assert_array_equal(image[0], FRAMES[seen])
                        seen += 1
            assert seen == frames
        detector.stdin.close()
    assert not source.findings()
    assert source.has_ended(after)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_never_written_is_named_after_one_patience(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path / "images.h5", frames=5)
    clock = Clock()
    source = source_of(pointing_at(str(path), kind), tmp_path, clock)
    with caplog.at_level(logging.WARNING):
        found = counts_of(source, clock)
    assert np.isfinite(found).sum() == 5 * 20
    np.testing.assert_array_equal(found.reshape(FRAMES.shape)[:5], FRAMES[:5])
    # Three images are missing, of one file: one patience for all of them.
    assert 10 <= clock.now_s <= 12
    (finding,) = source.findings()
    assert finding.message == (
        "'counter' of event 6 was not written in time (frame 5 of images.h5), and 2 more"
    )
    assert sum("images.h5" in record.message for record in caplog.records) == 3


def test_a_place_without_values_is_not_taken_for_zeros(tmp_path: Path) -> None:
    path = tmp_path / "images.h5"
    with h5py.File(path, "w") as file:
        images = file.create_dataset("data", shape=(3, 4, 5), chunks=(1, 2, 5), dtype="u2")
        images[0] = 7
        images[1, :2] = 7
    assert frames_in(path, "data", 0, 1) is not None
    assert frames_in(path, "data", 1, 2) is None
    assert frames_in(path, "data", 2, 3) is None
    assert frames_in(path, "data", 2, 4) is None
    assert frames_in(path, "elsewhere", 0, 1) is None
    assert frames_in(tmp_path / "none.h5", "data", 0, 1) is None


def outside(tmp_path: Path) -> Iterator[str]:
    root = tmp_path / "trusted"
    root.mkdir()
    other = tmp_path / "other"
    other.mkdir()
    path = written(other / "images.h5")
    (root / "link.h5").symlink_to(path)
    (root / "folder").symlink_to(other)
    yield str(path)
    yield f"{root}/../other/images.h5"
    yield f"{root}/link.h5"
    yield f"{root}/folder/images.h5"
    yield f"{tmp_path}/trusted-not/images.h5"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_read_outside_the_folders_of_the_profile(tmp_path: Path, kind: str) -> None:
    for name in outside(tmp_path):
        clock = Clock()
        source = source_of(pointing_at(name, kind), tmp_path / "trusted", clock)
        assert np.isnan(counts_of(source, clock)).all()
        assert clock.now_s == 0.0
        assert "below none of the folders of the profile" in source.findings()[0].message
    # A link in the file to another file is not followed either.
    written(tmp_path / "other" / "images.h5")
    with h5py.File(tmp_path / "trusted" / "linked.h5", "w") as file:
        file["entry/data/data"] = h5py.ExternalLink(str(tmp_path / "other" / "images.h5"), "entry/data/data")
    assert frames_in(tmp_path / "trusted" / "linked.h5", "/entry/data/data", 0, 1) is None


def test_what_is_too_large_or_no_image_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "images.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("large", shape=(2, 2**14, 2**14), dtype="f8", chunks=(1, 64, 64))
        file.create_dataset("chunks", shape=(2**10, 2**9, 2**9), dtype="f8", chunks=(2**10, 2**9, 2**8))
        file.create_dataset("text", data=np.array([[b"a"], [b"b"]]))
        file.create_dataset("number", data=3.0)
    for dataset in ("large", "chunks"):
        with pytest.raises(ValueError, match="bytes for one event; at most"):
            frames_in(path, dataset, 0, 1)
    for dataset in ("text", "number"):
        with pytest.raises(ValueError, match="expected frames of numbers"):
            frames_in(path, dataset, 0, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spec": "AD_SPE"}, "file of the kind 'AD_SPE'"),
        ({"root": "", "resource_path": "images.h5\0"}, "expected the whole path"),
    ],
)
def test_files_that_are_not_read_are_named(tmp_path: Path, change: dict[str, str], said: str) -> None:
    documents = pointing_at(str(written(tmp_path / "images.h5")), "datum")
    documents[2][1].update(change)
    clock = Clock()
    source = source_of(documents, tmp_path, clock)
    assert np.isnan(counts_of(source, clock)).all()
    assert said in source.findings()[0].message


def test_whoever_begins_in_the_middle_gets_the_same(tmp_path: Path) -> None:
    documents = pointing_at(str(written(tmp_path / "images.h5")), "datum")
    with LogWriter(tmp_path / "run.log") as writer:
        writer.append(documents, recorded_s=1.0)

    def opened() -> FilledSource:
        return FilledSource(RecordedLog(LogReader(tmp_path / "run.log"), "log"), (tmp_path,))

    whole = opened()
    everything = whole.read(0, 1000)
    whole.close()
    assert len(everything) == len(documents)
    for after in (0, 4, 9, len(documents) - 1):
        middle = opened()
        assert repr(middle.read(after, 3)) == repr(everything[after : after + 3])
        assert repr(middle.read(2, 5)) == repr(everything[2:7])
        middle.close()


def test_without_folders_in_the_profile_the_run_says_where_its_images_would_be_named(tmp_path: Path) -> None:
    source = DocumentSource(iter([]), "memory")
    assert with_images(source, LayoutSettings()) is source
    run = compose_run(metadata={"x_extent": [0, 1], "y_extent": [0, 1]}, time=50.0)
    keys = {
        "camera": {"source": "t", "dtype": "array", "shape": [4, 5], "external": "FILESTORE:"},
        "mono_energy": {"source": "t", "dtype": "number", "shape": [], "units": "eV"},
    }
    stream = run.compose_descriptor(name="primary", data_keys=keys, time=50.0)
    event = stream.compose_event(
        data={"camera": "a/0", "mono_energy": 700.0},
        timestamps=dict.fromkeys(keys, 60.0),
        filled={"camera": False},
    )
    reader = DocumentReader()
    documents = [("start", run.start_doc), ("descriptor", stream.descriptor_doc), ("event", event)]
    (item,) = [item for name, document in documents for item in reader.read(name, document)]
    assert "[layout] asset_roots" in str(item.error)
