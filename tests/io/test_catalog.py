"""A run in a catalog is read from its columns: of the rows with one number the last counts."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogs import Node, catalogued, with_rewinds
from following import offline
from operando.app.open_source import follow_log, open_recording, results_of
from operando.errors import ConfigurationError, DamagedFileError
from operando.io.catalog import documents_of_run, read_catalog
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
WORK = Work(library(), recipe(), LayoutSettings())
EVENTS = COUNTS.shape[0] * COUNTS.shape[1] * COUNTS.shape[2]


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
    for named in ("http://127.0.0.1:8000", "http://127.0.0.1:8000#a,b"):
        with pytest.raises(ConfigurationError, match="name one run"):
            follow_log(named, threading.Event())
    assert results_of("http://127.0.0.1:8000?api_key=secret#abc") == Path("127.0.0.1-8000-abc-lithiation.h5")
