"""Into a real Tiled, served or in a folder, and back: the maps of our log, also by way of databroker 2."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
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
from operando.app.export import export_documents, export_growing
from operando.app.open_source import follow_log, open_recording
from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.catalog import connected, read_catalog
from operando.io.embedded_catalog import folder_of_catalog, made_catalog
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


@pytest.fixture(params=["server", "folder"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the address of an empty catalog: of a server, or of a folder that nobody serves."""
    of = pytest.importorskip("tiled.server", reason="extra [embedded]")
    pytest.importorskip("bluesky_tiled_plugins", reason="extra [catalog]")
    if request.param == "folder":
        yield f"catalog:{tmp_path / 'runs'}"
    else:
        with of.SimpleTiledServer(tmp_path / "tiled") as running:
            yield running.uri
        del running
    # Sockets of the server, and streams in memory of either, are closed when they are collected, which pytest
    # would call a failure.
    gc.collect()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    pytest.importorskip("tiled.server", reason="extra [embedded]")
    pytest.importorskip("bluesky_tiled_plugins", reason="extra [catalog]")
    yield tmp_path / "runs"
    gc.collect()


def client_of(address: str) -> Any:
    """Return a client of a catalog, which is made if it is a folder that is not there."""
    path = folder_of_catalog(address)
    if path is not None:
        made_catalog(path)
    return connected(address)[0]


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


def test_our_log_into_the_catalog_and_back_gives_the_same_results(catalog: str, tmp_path: Path) -> None:
    one, two = run_of(COUNTS), run_of(COUNTS[::-1])
    one[9:9] = [("event", again(event, 0.25)) for _, event in one[6:9]]
    with LogWriter(tmp_path / "series.runlog") as writer:
        writer.append([*one, *two], recorded_s=1.0)
    assert export_documents(str(tmp_path / "series.runlog"), catalog) == 2
    found = recorded(open_recording(f"{catalog}#{uid_of(one)},{uid_of(two)}"))
    assert offline(found, tmp_path / "found" / "out.h5", WORK) == offline(
        [*one, *two], tmp_path / "log" / "out.h5", WORK
    )
    with pytest.raises(SourceUnreachable, match="has no run"):
        list(read_catalog(catalog, "nobody"))
    with pytest.raises(ConfigurationError, match="already, and nothing is written over it"):
        export_documents(str(tmp_path / "series.runlog"), catalog)


def test_databroker_2_has_the_same_run(catalog: str, tmp_path: Path) -> None:
    databroker = pytest.importorskip("databroker.v1", reason="extra [catalog]")
    documents = run_of(COUNTS)
    with LogWriter(tmp_path / "series.runlog") as writer:
        writer.append(documents, recorded_s=1.0)
    export_documents(str(tmp_path / "series.runlog"), catalog)
    client = client_of(catalog)
    header = databroker.Broker(client)[uid_of(documents)]
    assert header.start["uid"] == uid_of(documents)
    client.context.close()
    found = list(read_catalog(catalog, header.start["uid"]))
    assert offline(found, tmp_path / "found" / "out.h5", WORK) == offline(
        documents, tmp_path / "log" / "out.h5", WORK
    )


def test_a_run_that_is_being_written_is_followed(catalog: str, tmp_path: Path) -> None:
    plugins = pytest.importorskip("bluesky_tiled_plugins", reason="extra [catalog]")
    documents = run_of(COUNTS)
    client = client_of(catalog)
    writer = plugins.TiledWriter(client, batch_size=1, max_array_size=0)
    found: Documents = []
    source: Source | None = None
    events_seen: list[int] = []
    for number, (name, document) in enumerate(documents, start=1):
        writer(name, document)
        if number in {1, 8, 20, len(documents)}:
            source = source or follow_log(f"{catalog}#{uid_of(documents)}", threading.Event()).source
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


def test_results_are_a_run_of_the_catalog(catalog: str, tmp_path: Path) -> None:
    documents = run_of(COUNTS)
    offline(documents, tmp_path / "fit" / "out.h5", WORK)
    assert export_documents(str(tmp_path / "fit" / "out.h5"), catalog) == 1
    export_documents(str(tmp_path / "fit" / "out.h5"), str(tmp_path / "analysis.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "analysis.jsonl").read_text().splitlines()]
    found = list(read_catalog(catalog, lines[0][1]["uid"]))
    assert found[0][1]["raw_run"] == uid_of(documents)
    for (_, event), (_, written) in zip(found[2:-1], lines[2:-1], strict=True):
        for key, value in written["data"].items():
            np.testing.assert_array_equal(event["data"][key], value)


def test_a_log_that_grows_is_written_into_the_catalog_as_it_grows(catalog: str, tmp_path: Path) -> None:
    documents, ended = run_of(COUNTS), threading.Event()
    log = tmp_path / "series.runlog"
    failed: list[BaseException] = []

    def export() -> None:
        try:
            export_growing(str(log), catalog, ended)
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            failed.append(error)

    beside = threading.Thread(target=export)
    with LogWriter(log) as writer:
        writer.append(documents[:7], recorded_s=1.0)
        beside.start()
        for number in range(7, len(documents), 5):
            writer.append(documents[number : number + 5], recorded_s=1.0)
        ended.set()
        beside.join()
    assert not failed
    found = list(read_catalog(catalog, uid_of(documents)))
    assert offline(found, tmp_path / "found" / "out.h5", WORK) == offline(
        documents, tmp_path / "log" / "out.h5", WORK
    )


def test_another_process_reads_what_is_there_while_one_writes(folder: Path, tmp_path: Path) -> None:
    plugins = pytest.importorskip("bluesky_tiled_plugins", reason="extra [catalog]")
    documents, address = run_of(COUNTS), f"catalog:{folder}"
    client = client_of(address)
    writer = plugins.TiledWriter(client, batch_size=1, max_array_size=0)
    for name, document in documents[:9]:
        writer(name, document)
    command = [sys.executable, "-m", "operando", "export", f"{address}#{uid_of(documents)}", "half.jsonl"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, document in documents[9:]:
        writer(name, document)
    client.context.close()
    half = [json.loads(line) for line in (tmp_path / "half.jsonl").read_text().splitlines()]
    assert [name for name, _ in half] == ["start", "descriptor", *["event"] * 7]
    assert len(list(read_catalog(address, uid_of(documents)))) == len(documents)


STRANGE = {"empty": "", "note": "a text", "truth": True, "count": 2**53 - 1, "nothing": float("nan")}


def test_readings_of_any_plain_kind_come_back(catalog: str, tmp_path: Path) -> None:
    documents = run_of(COUNTS)
    kinds = {"empty": "string", "note": "string", "truth": "boolean", "count": "integer", "nothing": "number"}
    documents[1][1]["data_keys"] |= {
        key: {"source": "test", "dtype": kind, "shape": []} for key, kind in kinds.items()
    }
    for _, event in documents[2:-1]:
        event["data"] = {**event["data"], **STRANGE, "nothing": [float("nan"), 1.5][event["seq_num"] % 2]}
        event["timestamps"] = {**event["timestamps"], **dict.fromkeys(STRANGE, event["time"])}
    with LogWriter(tmp_path / "series.runlog") as writer:
        writer.append(documents, recorded_s=1.0)
    export_documents(str(tmp_path / "series.runlog"), catalog)
    found = list(read_catalog(catalog, uid_of(documents)))
    for (_, event), (_, written) in zip(found[2:-1], documents[2:-1], strict=True):
        for key, value in written["data"].items():
            np.testing.assert_array_equal(event["data"][key], value)
        assert event["time"] == written["time"]


def test_a_damaged_catalog_and_one_that_is_not_there_are_named(folder: Path) -> None:
    address = f"catalog:{folder}"
    with pytest.raises(SourceUnreachable, match="there is no catalog"):
        read_catalog(address, "any")
    client_of(address).context.close()
    (folder / "catalog.db").write_bytes((folder / "catalog.db").read_bytes()[:100])
    with pytest.raises(DamagedFileError, match=str(folder)):
        list(read_catalog(address, "any"))
