"""Into a real Tiled server and back: the maps of our own log, bit for bit, also by way of databroker 2."""

from __future__ import annotations

import gc
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalogs import again
from following import offline
from operando.app.export import export_documents
from operando.app.open_source import follow_log, open_recording
from operando.errors import SourceUnreachable
from operando.io.catalog import read_catalog
from operando.io.runlog import LogWriter
from operando.io.sources import Source
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
WORK = Work(library(), recipe(), LayoutSettings())
Documents = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    of = pytest.importorskip("tiled.server", reason="extra [catalog], and tiled[server]")
    pytest.importorskip("bluesky_tiled_plugins", reason="extra [catalog]")
    with of.SimpleTiledServer(tmp_path / "tiled") as running:
        yield running.uri
    # The server's own sockets are closed when they are collected, which pytest would call a failure.
    del running
    gc.collect()


def run_of(counts: np.ndarray) -> Documents:
    return documents_of(replace(PLAN, run=str(uuid.uuid4())), counts)


def uid_of(documents: Documents) -> str:
    return documents[0][1]["uid"]


def recorded(source: Source) -> Documents:
    found: Documents = []
    while not source.has_ended(len(found)):
        found += [(each.name, each.document) for each in source.read(len(found), 50)]
    source.close()
    return found


def test_our_log_into_the_catalog_and_back_gives_the_same_results(server: str, tmp_path: Path) -> None:
    one, two = run_of(COUNTS), run_of(COUNTS[::-1])
    one[9:9] = [("event", again(event, 0.25)) for _, event in one[6:9]]
    with LogWriter(tmp_path / "series.runlog") as writer:
        writer.append([*one, *two], recorded_s=1.0)
    assert export_documents(str(tmp_path / "series.runlog"), server) == 2
    found = recorded(open_recording(f"{server}#{uid_of(one)},{uid_of(two)}"))
    assert offline(found, tmp_path / "found" / "out.h5", WORK) == offline(
        [*one, *two], tmp_path / "log" / "out.h5", WORK
    )
    with pytest.raises(SourceUnreachable, match="has no run"):
        list(read_catalog(server, "nobody"))


def test_databroker_2_has_the_same_run(server: str, tmp_path: Path) -> None:
    databroker = pytest.importorskip("databroker.v1", reason="extra [catalog]")
    from tiled.client import from_uri  # noqa: PLC0415 - as the extra is

    documents = run_of(COUNTS)
    with LogWriter(tmp_path / "series.runlog") as writer:
        writer.append(documents, recorded_s=1.0)
    export_documents(str(tmp_path / "series.runlog"), server)
    client = from_uri(server)
    header = databroker.Broker(client)[uid_of(documents)]
    assert header.start["uid"] == uid_of(documents)
    client.context.close()
    found = list(read_catalog(server, header.start["uid"]))
    assert offline(found, tmp_path / "found" / "out.h5", WORK) == offline(
        documents, tmp_path / "log" / "out.h5", WORK
    )


def test_a_run_that_is_being_written_is_followed(server: str, tmp_path: Path) -> None:
    plugins = pytest.importorskip("bluesky_tiled_plugins", reason="extra [catalog]")
    from tiled.client import from_uri  # noqa: PLC0415 - as the extra is

    documents = run_of(COUNTS)
    client = from_uri(server)
    writer = plugins.TiledWriter(client, batch_size=1)
    found: Documents = []
    source: Source | None = None
    events_seen: list[int] = []
    for number, (name, document) in enumerate(documents, start=1):
        writer(name, document)
        if number in {1, 8, 20, len(documents)}:
            source = source or follow_log(f"{server}#{uid_of(documents)}", threading.Event()).source
            # As if a second had gone by.
            source._next_look = 0.0  # type: ignore[attr-defined]
            while batch := source.read(len(found), 50):
                found += [(each.name, each.document) for each in batch]
            events_seen.append(sum(name == "event" for name, _ in found))
    client.context.close()
    assert source is not None
    assert source.has_ended(len(found))
    source.close()
    assert events_seen == [0, 6, 18, len(documents) - 3]
    assert offline(found, tmp_path / "found" / "out.h5", WORK) == offline(
        documents, tmp_path / "log" / "out.h5", WORK
    )


def test_results_are_a_run_of_the_catalog(server: str, tmp_path: Path) -> None:
    documents = run_of(COUNTS)
    offline(documents, tmp_path / "fit" / "out.h5", WORK)
    assert export_documents(str(tmp_path / "fit" / "out.h5"), server) == 1
    export_documents(str(tmp_path / "fit" / "out.h5"), str(tmp_path / "analysis.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "analysis.jsonl").read_text().splitlines()]
    found = list(read_catalog(server, lines[0][1]["uid"]))
    assert found[0][1]["raw_run"] == uid_of(documents)
    for (_, event), (_, written) in zip(found[2:-1], lines[2:-1], strict=True):
        for key, value in written["data"].items():
            np.testing.assert_array_equal(event["data"][key], value)
