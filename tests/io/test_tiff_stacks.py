"""Stacks of TIFF images: the counts of the file by energy and cycle, and a sentence for what is no stack."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from following import offline
from operando.app.open_source import open_recording
from operando.errors import ConfigurationError, DamagedFileError, RunRejected, SourceUnreachable
from operando.io.layouts import DocumentReader
from operando.io.tiff_chain import ends_its_list
from operando.io.tiff_stack import read_tiff_stack
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from operando.types import Line, RunClosed, ScanPlan
from scans import library, plan_of, recipe, stack_of

tifffile = pytest.importorskip("tifffile", reason="extra [tiff]")

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0)).astype(np.uint32)
IMAGES = COUNTS.reshape(-1, 4, 5)
BESIDE = f"""
energies_ev = {PLAN.energies_ev.tolist()}
pitch_um = 0.5
dwell_ms = 2.0
started = 2026-05-01T10:00:00Z
sample = "NMC"
"""


def stack(folder: Path, images: Any = IMAGES, *, beside: str | None = BESIDE, **options: Any) -> Path:
    path = folder / "stack.tif"
    tifffile.imwrite(path, images, photometric=options.pop("photometric", "minisblack"), **options)
    if beside is not None:
        path.with_suffix(".toml").write_text(beside)
    return path


def recorded(path: Path) -> list[tuple[str, dict[str, Any]]]:
    source = open_recording(str(path))
    found: list[tuple[str, dict[str, Any]]] = []
    while not source.has_ended(len(found)):
        found += [(each.name, each.document) for each in source.read(len(found), 50)]
    return found


def items_of(path: Path) -> list[Any]:
    reader = DocumentReader(LayoutSettings())
    return [item for name, document in recorded(path) for item in reader.read(name, document)]


def counts_in(items: list[Any]) -> np.ndarray:
    found = np.full(COUNTS.shape, np.nan)
    for item in items:
        if isinstance(item, Line):
            found[item.cycle, item.energy, item.row] = item.counts
    return found


@settings(max_examples=20, deadline=None)
@given(
    kind=st.sampled_from(["u2", "u4", "i4", "f4", "f8", ">u2", ">f4"]),
    compression=st.sampled_from([None, "zlib"]),
    is_big=st.booleans(),
    rows=st.integers(1, 4),
)
def test_any_kind_of_numbers_comes_back(
    tmp_path_factory: pytest.TempPathFactory, *, kind: str, compression: str | None, is_big: bool, rows: int
) -> None:
    folder = tmp_path_factory.mktemp("tiff")
    images = IMAGES.astype(kind)
    path = stack(folder, images, compression=compression, bigtiff=is_big, rowsperstrip=rows)
    items = items_of(path)
    np.testing.assert_array_equal(counts_in(items), images.reshape(COUNTS.shape))
    plan = [item for item in items if isinstance(item, ScanPlan)][-1]
    assert plan.energies_ev.tolist() == PLAN.energies_ev.tolist()
    assert plan.grid.x_um.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert (plan.sample, plan.plan_name) == ("NMC", "tiff_stack")
    assert plan.started_s == dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC).timestamp()


def test_a_folder_gives_what_one_file_gives(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    # Behind image_9 comes image_10, and not image_1 before image_2.
    for number, image in enumerate(IMAGES, start=5):
        tifffile.imwrite(folder / f"image_{number}.tiff", image)
    (folder / "stack.toml").write_text(BESIDE)
    work = Work(library(), recipe(), LayoutSettings())
    found, one = (counts_in(items_of(path)) for path in (folder, stack(tmp_path)))
    np.testing.assert_array_equal(found, one)
    held = offline(recorded(folder), tmp_path / "out" / "out.h5", work)
    assert any(name.endswith(".h5") for name in held)
    # The same files are the same run.
    assert recorded(folder)[0][1]["uid"] == recorded(folder)[0][1]["uid"]


@pytest.mark.parametrize("is_big", [False, True])
def test_a_stack_that_is_cut_off_gives_what_is_there(tmp_path: Path, *, is_big: bool) -> None:
    path = stack(tmp_path, bigtiff=is_big)
    content = path.read_bytes()
    assert ends_its_list(path)
    given = []
    for kept in range(len(content) - 1, 0, -23):
        path.write_bytes(content[:kept])
        try:
            items = items_of(path)
        except (DamagedFileError, RunRejected):
            continue
        found = counts_in(items)
        (closed,) = [item for item in items if isinstance(item, RunClosed)]
        # Never a part that passes for the whole, and never another number.
        assert "cut off" in closed.reason or (found == COUNTS).all()
        assert (np.isnan(found) | (found == COUNTS)).all()
        given.append(np.isfinite(found).sum())
    assert max(given) > 0


@pytest.mark.parametrize("content", [b"", b"not a tiff", b"II*\0\xff\xff\xff\x7f", b"MM\0*" + bytes(40)])
def test_what_is_no_tiff_is_said(tmp_path: Path, content: bytes) -> None:
    path = stack(tmp_path)
    path.write_bytes(content)
    with pytest.raises((DamagedFileError, RunRejected), match=r"stack\.tif"):
        recorded(path)


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (None, r"write .*stack\.toml with energies_ev"),
        ("energies_ev = []", "energies_ev"),
        ("energies_ev = [700.0, -1.0]", "energies_ev"),
        ("energies_ev = [700.0]\ndwell_ms = [1.0, 2.0]", "2 values for 1 energies"),
        ("energies_ev = [700.0]\nenergy = 3", "energy"),
    ],
)
def test_energies_that_are_not_said_are_asked_for(tmp_path: Path, beside: str | None, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        recorded(stack(tmp_path, beside=beside))


def test_what_is_no_stack_of_one_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunRejected, match="8 images for 3 energies"):
        recorded(stack(tmp_path, beside="energies_ev = [700.0, 705.0, 710.0]"))
    colours = np.zeros((4, 4, 5, 3), np.uint8)
    with pytest.raises(RunRejected, match="expected one shape for all, rows and columns"):
        recorded(stack(tmp_path, colours, photometric="rgb"))
    with tifffile.TiffWriter(tmp_path / "stack.tif") as writer:
        for rows in (4, 4, 5, 4):
            writer.write(np.zeros((rows, 5), np.uint16))
    with pytest.raises(RunRejected, match=r"image 3 of stack\.tif has the shape"):
        recorded(tmp_path / "stack.tif")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnreachable, match="has no TIFF images"):
        list(read_tiff_stack(tmp_path / "empty"))
