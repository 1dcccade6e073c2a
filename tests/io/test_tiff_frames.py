"""Frames of a detector in TIFF files, one a file: as those of the same images in events, and never half."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from following import offline
from operando.errors import FrameRejected
from operando.io.filled import FilledSource
from operando.io.sources import DocumentSource
from operando.io.tiff_frames import FileNames, file_names, tiff_frames_in
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

tifffile = pytest.importorskip("tifffile", reason="extra [tiff]")

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
FRAMES = COUNTS.reshape(-1, *PLAN.grid.shape)
NAMES = FileNames("cell_", ".tiff", 6)
Documents = list[tuple[str, dict[str, Any]]]


def written(folder: Path, frames: int = len(FRAMES)) -> None:
    for number, frame in enumerate(FRAMES[:frames]):
        tifffile.imwrite(folder / NAMES.of(number), frame)


def pointing_at(folder: Path, *, is_stream: bool) -> Documents:
    """Return the run of `COUNTS` by frames, each in a file of its own."""
    start, descriptor, *events, stop = documents_of(PLAN, COUNTS, group="frame")
    about = {"source": "test", "dtype": "array", "shape": [1, 4, 5] if is_stream else [4, 5]}
    descriptor[1]["data_keys"] = {"counter": {**about, "external": "STREAM:" if is_stream else "FILESTORE:"}}
    found: Documents = [start, descriptor]
    if is_stream:
        resource = {"uid": "files", "data_key": "counter", "mimetype": "multipart/related;type=image/tiff"}
        resource |= {"uri": f"file://localhost{folder}/", "parameters": {"template": "cell_{:06d}.tiff"}}
        datum = {"uid": "files/0", "stream_resource": "files", "descriptor": descriptor[1]["uid"]}
        datum |= {"indices": {"start": 0, "stop": len(FRAMES)}}
        datum |= {"seq_nums": {"start": 1, "stop": len(FRAMES) + 1}}
        return [*found, ("stream_resource", resource), ("stream_datum", datum), stop]
    resource = {"uid": "files", "spec": "AD_TIFF", "root": "/", "resource_path": str(folder).lstrip("/")}
    arguments = {"template": "%s%s_%6.6d.tiff", "filename": "cell", "frame_per_point": 1}
    found.append(("resource", {**resource, "resource_kwargs": arguments}))
    for number, (name, event) in enumerate(events):
        datum = {"datum_id": f"files/{number}", "resource": "files", "datum_kwargs": {"point_number": number}}
        found += [("datum", datum), (name, {**event, "data": {"counter": f"files/{number}"}})]
    return [*found, stop]


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_results_are_those_of_the_same_images_in_the_documents(
    tmp_path: Path, *, is_stream: bool
) -> None:
    written(tmp_path)
    layout = LayoutSettings(asset_roots=(str(tmp_path),))
    documents = pointing_at(tmp_path, is_stream=is_stream)
    found = offline(documents, tmp_path / "one" / "out.h5", Work(library(), recipe(), layout))
    told = documents_of(PLAN, COUNTS, group="frame")
    for name, event in told:
        if name == "event":
            time_s = PLAN.started_s if is_stream else event["time"]
            event |= {"time": time_s, "timestamps": {"counter": time_s}}
    work = Work(library(), recipe(), LayoutSettings())
    assert found == offline(told, tmp_path / "two" / "out.h5", work)


@pytest.mark.parametrize("is_stream", [False, True])
def test_files_that_are_not_whole_are_waited_for_and_then_named(tmp_path: Path, *, is_stream: bool) -> None:
    now_s = 0.0
    written(tmp_path, 3)
    half = tmp_path / NAMES.of(3)
    tifffile.imwrite(half, FRAMES[3])
    content = half.read_bytes()
    half.write_bytes(content[: len(content) // 2])
    documents = pointing_at(tmp_path, is_stream=is_stream)
    source = FilledSource(DocumentSource(iter(documents), "memory"), (tmp_path,), clock=lambda: now_s)
    given = source.read(0, 100)
    assert source.read(given[-1].seq, 100) == []
    assert source.findings() == ()
    half.write_bytes(content)
    now_s = 11.0
    while batch := source.read(given[-1].seq, 100):
        given += batch
        now_s += 11.0
    while not source.has_ended(given[-1].seq):
        given += source.read(given[-1].seq, 100)
        now_s += 11.0
    events = [logged.document for logged in given if logged.name in {"event", "event_page"}]
    found = [
        image
        for event in events
        for image in (event["data"]["counter"] if is_stream else [event["data"]["counter"]])
        if not isinstance(image, str)
    ]
    np.testing.assert_array_equal(np.concatenate(found), FRAMES[:4])
    (finding,) = source.findings()
    assert "'counter' of event 5 was not written in time (frame 4 of" in finding.message


@pytest.mark.parametrize(
    ("template", "filename", "expected"),
    [
        ("%s%s_%6.6d.tiff", "cell", "cell_000007.tiff"),
        ("%s%s_%05d.tif", "cell", "cell_00007.tif"),
        ("%s/%s%d.tif", "cell", "cell7.tif"),
        ("cell_{:06d}.tiff", None, "cell_000007.tiff"),
    ],
)
def test_names_are_those_of_the_detector(template: str, filename: str | None, expected: str) -> None:
    assert file_names(template, filename).of(7) == expected


@pytest.mark.parametrize(
    ("template", "filename"),
    [
        ("%s%s_%999999999d.tiff", "cell"),
        ("%s%s_%.999999999d.tiff", "cell"),
        ("%s%s_%s_%d.tiff", "cell"),
        ("{:06d}{0.__class__}", None),
        ("../{:06d}.tiff", None),
        ("%s%s_%6.6d.tiff", "../../etc/cell"),
        ("cell.tiff", None),
        (None, None),
        (3, []),
    ],
)
def test_names_that_could_mean_anything_are_refused(template: object, filename: object) -> None:
    with pytest.raises(FrameRejected):
        file_names(template, filename)


def test_links_and_images_of_other_shapes_are_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "trusted"
    folder.mkdir()
    written(folder, 2)
    assert tiff_frames_in(folder, NAMES, 0, 3) is None
    tifffile.imwrite(tmp_path / "elsewhere.tiff", FRAMES[2])
    (folder / NAMES.of(2)).symlink_to(tmp_path / "elsewhere.tiff")
    with pytest.raises(ValueError, match="link to elsewhere"):
        tiff_frames_in(folder, NAMES, 0, 3)
    (folder / NAMES.of(2)).unlink()
    tifffile.imwrite(folder / NAMES.of(2), FRAMES[2][:3])
    with pytest.raises(ValueError, match="several shapes"):
        tiff_frames_in(folder, NAMES, 0, 3)
