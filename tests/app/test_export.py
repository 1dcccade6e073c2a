"""Exported recordings: the same maps, whatever file the counts went through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from operando.app.export import export
from operando.app.open_source import open_recording
from operando.core.pipeline import due, record, start, step
from operando.errors import ConfigurationError
from operando.io.layouts import DocumentReader
from operando.io.runlog import LogWriter
from operando.settings import LayoutSettings
from operando.types import Line, LithiationMap, ScanPlan
from scans import documents_of, library, plan_of, recipe, stack_of


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "series.runlog"
    plan = plan_of(cycles=3)
    with LogWriter(path) as writer:
        writer.append(documents_of(plan, stack_of(plan, np.random.default_rng(0), 3)), 0.0)
    return path


def maps_in(path: Path) -> list[LithiationMap]:
    """Fit a recording as the monitor does, and return its cycles of record."""
    source = open_recording(str(path))
    reader, after, found = DocumentReader(), 0, []
    state = None
    while not source.has_ended(after):
        for logged in source.read(after, 100):
            after = logged.seq
            for item in reader.read(logged.name, logged.document):
                if isinstance(item, ScanPlan) and state is None:
                    state = start(item, library(), recipe())
                elif isinstance(item, Line):
                    assert state is not None
                    state = step(state, item)
                    for cycle in due(state):
                        state, snapshot = record(state, cycle)
                        assert snapshot.map is not None
                        found.append(snapshot.map)
    return found


def test_a_replay_of_the_exported_file_gives_the_maps_of_the_log(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "series.hdf5"
    assert export(open_recording(str(log)), output, LayoutSettings()) == 3
    before, after = maps_in(log), maps_in(output)
    assert len(before) == len(after) == 3
    for one, other in zip(before, after, strict=True):
        assert one.lithium.tobytes() == other.lithium.tobytes()
        assert one.lithium_error.tobytes() == other.lithium_error.tobytes()
        assert one.time_s == other.time_s


def test_nothing_is_written_over_and_other_endings_are_refused(log: Path, tmp_path: Path) -> None:
    (tmp_path / "there.nxs").touch()
    with pytest.raises(ConfigurationError, match="exists"):
        export(open_recording(str(log)), tmp_path / "there.nxs", LayoutSettings())
    with pytest.raises(ConfigurationError, match=r"\.tif"):
        export(open_recording(str(log)), tmp_path / "series.tif", LayoutSettings())


def test_the_command_says_what_it_wrote(log: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "operando", "export", str(log), str(tmp_path / "series.hdr")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "3 cycles are in" in ended.stderr
    assert sorted(path.name for path in tmp_path.glob("*.hdr")) == [
        "series-2.hdr",
        "series-3.hdr",
        "series.hdr",
    ]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 3
