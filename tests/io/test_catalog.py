"""A run in a catalog is read from its columns: of the rows with one number the last counts."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from following import offline
from operando.app.open_source import follow_log, open_recording, results_of
from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.catalog import documents_of_run, read_catalog
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
WORK = Work(library(), recipe(), LayoutSettings())
Document = tuple[str, dict[str, Any]]
EVENTS = COUNTS.shape[0] * COUNTS.shape[1] * COUNTS.shape[2]


class Node(dict[str, Any]):
    """What a catalog holds, in memory."""

    def __init__(self, metadata: Mapping[str, Any], items: Mapping[str, Any]) -> None:
        super().__init__(items)
        self.metadata = metadata

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()


def catalogued(documents: list[tuple[str, dict]], *, is_nested: bool = False) -> Node:
    """Return a run as bluesky-tiled-plugins lays it out: a column a key, a row an event."""
    (_, start), (_, descriptor), *events, (_, stop) = documents
    rows = [event for _, event in events]
    columns = {
        "seq_num": np.array([row["seq_num"] for row in rows]),
        "time": np.array([row["time"] for row in rows]),
    }
    for key in rows[0]["data"]:
        columns[key] = np.array([row["data"][key] for row in rows])
        columns[f"ts_{key}"] = np.array([row["timestamps"][key] for row in rows])
    about = {key: descriptor[key] for key in ("uid", "time", "data_keys", "hints", "configuration")}
    streams = {"primary": Node(about, columns)}
    metadata = {"start": start, "stop": stop}
    return Node(metadata, {"streams": Node({}, streams)} if is_nested else streams)


def again(event: dict, shift: float) -> dict:
    """Return an event sent again after a pause: measured anew, a little later."""
    return {
        **event,
        "uid": str(uuid.uuid4()),
        "time": event["time"] + shift,
        "timestamps": {key: stamp + shift for key, stamp in event["timestamps"].items()},
        "data": {**event["data"], "counter": event["data"]["counter"] + 200.0 * shift},
    }


def with_rewinds(events: list[Document], rewound: list[int]) -> Iterator[Document]:
    """Yield the events; behind each place the last four once more, each time later than before."""
    shift = 0.0
    for place, event in enumerate(events):
        yield event
        for _ in range([number % len(events) for number in rewound].count(place)):
            shift += 0.25
            yield from (("event", again(old, shift)) for _, old in events[max(place - 3, 0) : place + 1])


@settings(deadline=None, max_examples=4, suppress_health_check=list(HealthCheck))
@given(rewound=st.lists(st.integers(0, EVENTS - 1), max_size=3), is_nested=st.booleans(), group=st.booleans())
def test_it_is_fitted_as_it_was_recorded(
    tmp_path_factory: pytest.TempPathFactory, rewound: list[int], is_nested: bool, group: bool
) -> None:
    folder = tmp_path_factory.mktemp("catalog")
    first, descriptor, *events, stop = documents_of(PLAN, COUNTS, group="frame" if group else "line")
    documents = [first, descriptor, *with_rewinds(events, rewound), stop]
    found = list(documents_of_run(catalogued(documents, is_nested=is_nested)))
    assert [name for name, _ in found].count("event") == EVENTS // (COUNTS.shape[2] if group else 1)
    assert offline(found, folder / "catalog" / "out.h5", WORK) == offline(
        documents, folder / "log" / "out.h5", WORK
    )


def test_large_images_are_read_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = documents_of(PLAN, COUNTS, group="frame")
    whole = list(documents_of_run(catalogued(documents)))
    monkeypatch.setattr("operando.io.catalog._SLICE_BYTES", 300)
    sliced = list(documents_of_run(catalogued(documents)))
    assert repr(sliced) == repr(whole)


def test_columns_that_do_not_fit_are_refused_and_other_nodes_passed_over() -> None:
    run = catalogued(documents_of(PLAN, COUNTS))
    run["notes"] = Node({}, {"text": np.array(["a"])})
    assert len(list(documents_of_run(run))) == EVENTS + 3
    run["primary"]["counter"] = run["primary"]["counter"][:-1]
    with pytest.raises(DamagedFileError, match="which row belongs to which"):
        list(documents_of_run(run))
    with pytest.raises(DamagedFileError, match="no start document"):
        list(documents_of_run(Node({}, {})))


def test_other_machines_are_asked_under_tls_only_and_keys_are_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="use https") as refused:
        read_catalog("http://192.0.2.1:8000?api_key=secret", "a")
    assert "secret" not in str(refused.value)
    with pytest.raises(ConfigurationError, match="name the run too"):
        open_recording("http://127.0.0.1:8000?api_key=secret")
    with pytest.raises(ConfigurationError, match="nothing is added"):
        follow_log("http://127.0.0.1:8000#a", None)  # type: ignore[arg-type]
    assert results_of("http://127.0.0.1:8000?api_key=secret#abc") == Path("127.0.0.1-8000-abc-lithiation.h5")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_real_tiled_server_gives_the_run_that_was_written_into_it(tmp_path: Path) -> None:
    server_of = pytest.importorskip("tiled.server", reason="extra [catalog], and tiled[server]")
    plugins = pytest.importorskip("bluesky_tiled_plugins", reason="extra [catalog]")
    from tiled.client import from_uri  # noqa: PLC0415 - as the extra is

    plan = replace(PLAN, run=str(uuid.uuid4()))
    documents = documents_of(plan, COUNTS)
    documents[9:9] = [("event", again(event, 0.25)) for _, event in documents[6:9]]
    with server_of.SimpleTiledServer(tmp_path / "tiled") as server:
        client = from_uri(server.uri)
        writer = plugins.TiledWriter(client)
        for name, document in documents:
            writer(name, document)
        found = list(read_catalog(server.uri, plan.run))
        with pytest.raises(SourceUnreachable, match="has no run"):
            list(read_catalog(server.uri, "nobody"))
        client.context.close()
    # The server's own sockets are closed when they are collected, which pytest would call a failure.
    del server, writer, client
    gc.collect()
    assert offline(found, tmp_path / "found" / "out.h5", WORK) == offline(
        documents, tmp_path / "log" / "out.h5", WORK
    )
