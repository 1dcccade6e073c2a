"""Content that makes no sense costs what it stands in, and is never raised."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_runs import EXTENTS, image_event, image_run
from operando.errors import FrameRejected
from operando.io.layouts import DocumentReader, Rejection
from operando.types import Line, RunClosed, ScanPlan
from read_documents import COUNTS, PLAN, lines_in, read, refusals
from scans import documents_of


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_nothing_that_a_document_holds_is_raised(data: st.DataObject) -> None:
    """Any value of any document may be anything; the neighbours of a bad event are read."""
    group = data.draw(st.sampled_from(["line", "frame", "page", "no block"]))
    if group == "no block":
        documents, run, stream = image_run(**EXTENTS)
        documents += [
            image_event(stream, number, 700.0 + number % 2, np.ones((3, 4))) for number in range(1, 6)
        ]
        documents.append(("stop", run.compose_stop()))
    else:
        documents = documents_of(PLAN, COUNTS, group=group)
    documents = copy.deepcopy(documents)
    anything = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=3)
        | st.sampled_from([10**400, "\0", "\ud800", b"\xff", float("inf")]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    )
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = documents[data.draw(st.integers(0, len(documents) - 1))][1]
        while isinstance(place, dict) and place:
            key = data.draw(st.sampled_from(sorted(place, key=str)))
            if data.draw(st.booleans()) or not isinstance(place[key], dict):
                place[key] = data.draw(anything)
                break
            place = place[key]
    for item in read(documents):
        if isinstance(item, Line):
            assert item.counts.shape == (4,)
            assert np.isfinite(item.time_s)
            assert all(isinstance(index, int) for index in (item.cycle, item.energy, item.row))
        else:
            assert isinstance(item, ScanPlan | RunClosed | Rejection)


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_what_is_no_document_is_counted(document: Any) -> None:
    reader = DocumentReader()
    assert read([("start", document), ("event", document)], reader) == []
    assert reader.unknown == 2


@pytest.mark.parametrize("value", [None, float("inf"), "x", 10**400, [1]])
@pytest.mark.parametrize("key", ["row", "cycle", "energy_index", "counter"])
def test_a_bad_event_of_a_page_costs_one_line(key: str, value: Any) -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS, group="page"))
    documents[3][1]["data"][key][1] = value
    items = read(documents)
    assert len(refusals(items, FrameRejected)) == 1
    assert len(lines_in(items)) == COUNTS[..., 0].size - 1


def test_a_page_with_a_short_column_gives_what_it_has() -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS, group="page"))
    documents[3][1]["data"]["counter"].pop()
    items = read(documents)
    assert "has no 'counter'" in refusals(items, FrameRejected)[0]
    assert len(lines_in(items)) == COUNTS[..., 0].size - 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event.update(seq_num=float("inf")),
        lambda event: event.update(seq_num=None),
        lambda event: event["data"].update(row=float("inf")),
        lambda event: event["data"].update(row=1.5),
        lambda event: event["data"].update(counter=[10**400] * 4),
        lambda event: event["data"].update(counter=[1.0, 2.0]),
        lambda event: event.update(time=1e18, timestamps={}),
        lambda event: event["data"].update(counter="a-datum-id"),
        lambda event: event["data"].update(counter=["a", "b"]),
        lambda event: event["data"].pop("counter"),
        lambda event: event.update(seq_num=10**9),
        lambda event: event.update(seq_num=0),
        lambda event: event["data"].update(row=None),
        lambda event: event.pop("data"),
        lambda event: event.update(time="noon", timestamps={}),
    ],
)
def test_one_bad_event_costs_one_line(spoil: Any) -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS))
    spoil(documents[5][1])
    items = read(documents)
    assert len(refusals(items, FrameRejected)) == 1
    assert len(lines_in(items)) == COUNTS[..., 0].size - 1
