"""A flyer of ophyd-async itself, through a RunEngine: its frames are those of its file, without one event."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import h5py
import numpy as np
import pytest
from bluesky import RunEngine

from operando.io.filled import FilledSource
from operando.io.layouts import DocumentReader
from operando.io.sources import DocumentSource
from operando.types import Line

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHAPE = (240, 320)
ENERGIES_EV = [700.0, 705.0, 710.0]
ABOUT = {
    "stxm": {
        "contract_version": 1,
        "shape": [len(ENERGIES_EV), *SHAPE],
        "energies": ENERGIES_EV,
        "dwell_ms": 1.0,
        "x_extent": [0.0, 10.0],
        "y_extent": [0.0, 8.0],
        "data_field": "camera",
    }
}


def test_frames_without_events_are_those_of_the_file(tmp_path: Path) -> None:
    core = pytest.importorskip("ophyd_async.core", reason="ophyd-async is not installed")
    sim = pytest.importorskip("ophyd_async.sim", reason="ophyd-async is not installed")
    engine = RunEngine({})
    provider = core.StaticPathProvider(core.StaticFilenameProvider("images"), tmp_path)
    with core.init_devices():
        camera = sim.SimBlobDetector(provider, name="camera")

    @bpp.stage_decorator([camera])
    @bpp.run_decorator(md=ABOUT)
    def fly() -> Iterator[Any]:
        trigger = core.TriggerInfo(number_of_events=len(ENERGIES_EV), livetime=0.02)
        yield from bps.prepare(camera, trigger, wait=True)
        yield from bps.declare_stream(camera, name="primary", collect=True)
        yield from bps.kickoff(camera, wait=True)
        yield from bps.collect_while_completing([camera], [camera], flush_period=0.1, stream_name="primary")

    documents: list[tuple[str, dict[str, Any]]] = []
    engine(fly(), lambda name, document: documents.append((name, dict(document))))
    assert not {"event", "event_page"} & {name for name, _ in documents}
    source = FilledSource(DocumentSource(iter(documents), "memory"), (tmp_path,))
    reader, found = DocumentReader(), np.full((len(ENERGIES_EV), *SHAPE), np.nan)
    for logged in source.read(0, 100):
        for item in reader.read(logged.name, logged.document):
            if isinstance(item, Line):
                found[item.energy, item.row] = item.counts
    resource = next(document for name, document in documents if name == "stream_resource")
    with h5py.File(tmp_path / "images.h5") as file:
        np.testing.assert_array_equal(found, file[resource["parameters"]["dataset"]])
