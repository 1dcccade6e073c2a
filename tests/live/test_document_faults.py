"""Laws of documents that are distorted on their way: what is all there in the end gives the same bytes."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.io.layouts import MAX_OPEN_RUNS
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import LithiationMap, Snapshot
from operando_sim import (
    Abort,
    Document,
    DocumentFault,
    Drops,
    Duplicates,
    MissingChannel,
    MissingEnergy,
    NoStop,
    Reordering,
    Rewinds,
    ShapeChange,
    Twin,
    distorted,
)
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of()
COUNTS = stack_of(PLAN, np.random.default_rng(0))
DOCUMENTS = documents_of(PLAN, COUNTS)
LINES = len(DOCUMENTS) - 3
HARMLESS = st.lists(
    st.one_of(
        st.builds(Duplicates, st.floats(0.0, 1.0)),
        st.builds(Rewinds, st.floats(0.0, 0.3), st.integers(1, 8)),
        st.builds(Reordering, st.integers(1, 12)),
        st.builds(Twin),
    ),
    max_size=4,
    # Of more runs at once than the monitor keeps open, it gives up the oldest.
).filter(lambda faults: 2 ** faults.count(Twin()) <= MAX_OPEN_RUNS)


def followed(documents: list[Document]) -> tuple[Monitor, dict[tuple[str, int], Snapshot]]:
    """Return the last record of each cycle of each run."""
    records: dict[tuple[str, int], Snapshot] = {}

    def keep(snapshot: Snapshot) -> None:
        assert snapshot.map is not None
        records[snapshot.plan.run, snapshot.map.cycle] = snapshot

    work = Work(library(), recipe(), LayoutSettings())
    monitor = Monitor(DocumentSource(iter(documents), "memory"), work, keep)
    while monitor.pull():
        pass
    monitor.finish()
    return monitor, records


def bytes_of(snapshot: Snapshot) -> bytes:
    assert snapshot.map is not None
    return b"".join(
        np.asarray(getattr(snapshot.map, entry.name)).tobytes() for entry in fields(LithiationMap)
    )


OFFLINE = {cycle: bytes_of(record) for (_, cycle), record in followed(DOCUMENTS)[1].items()}


@settings(max_examples=25, deadline=None)
@given(HARMLESS, st.booleans(), st.integers(0, 2**32))
def test_repetition_disorder_rewinds_and_interleaved_runs_give_the_bytes_of_offline(
    faults: list[DocumentFault], has_stop: bool, seed: int
) -> None:
    # The stop is lost last of all: it is what brings along those that are held back.
    ending = [] if has_stop else [NoStop()]
    documents = list(distorted(DOCUMENTS, [*faults, *ending], seed))
    monitor, records = followed(documents)
    assert monitor.failure is None
    runs = {run for run, _ in records}
    assert len(runs) == 2 ** sum(isinstance(fault, Twin) for fault in faults)
    for run in runs:
        assert {cycle: bytes_of(records[run, cycle]) for cycle in OFFLINE} == OFFLINE


@settings(max_examples=10, deadline=None)
@given(st.integers(1, LINES), st.integers(0, 2**32))
def test_a_run_that_is_aborted_gives_its_finished_cycles_and_says_so(lines: int, seed: int) -> None:
    monitor, records = followed(list(distorted(DOCUMENTS, [Abort(lines)], seed)))
    whole = {cycle for cycle in OFFLINE if (cycle + 1) * LINES // len(OFFLINE) <= lines}
    assert {cycle for (_, cycle), record in records.items() if not is_provisional(record)} == whole
    for cycle in whole:
        assert bytes_of(records[PLAN.run, cycle]) == OFFLINE[cycle]
    assert monitor.newest is not None
    assert "ended with 'abort'" in " ".join(finding.message for finding in monitor.newest.findings)


def is_provisional(record: Snapshot) -> bool:
    return record.map is not None and record.map.is_provisional


@pytest.mark.parametrize(
    ("fault", "code"),
    [(Drops(0.2), "lines-missing"), (MissingEnergy(1), "lines-missing"), (ShapeChange(20, 2), "rejected")],
)
def test_what_never_came_or_does_not_fit_is_counted_and_shown(fault: DocumentFault, code: str) -> None:
    monitor, records = followed(list(distorted(DOCUMENTS, [fault], 5)))
    assert monitor.failure is None
    assert monitor.newest is not None
    assert code in {finding.code for finding in monitor.newest.findings}
    for record in records.values():
        assert record.map is not None
        assert record.map.is_provisional or bytes_of(record) == OFFLINE[record.map.cycle]
    # A cycle of record is one whose lines all came.
    assert monitor.delivery.lost + monitor.delivery.rejected > 0


def test_a_channel_that_nobody_asked_for_may_go_missing() -> None:
    _, records = followed(list(distorted(DOCUMENTS, [MissingChannel("row", LINES)], 5)))
    assert {cycle: bytes_of(record) for (_, cycle), record in records.items()} == OFFLINE
