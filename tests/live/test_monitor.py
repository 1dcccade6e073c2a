"""The monitor: live, replayed, shuffled or repeated, the records are the same bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.stack import Estimator
from operando.errors import DamagedFileError, RunRejected
from operando.io.runlog import LoggedDocument, LogReader, LogWriter
from operando.io.sources import DocumentSource, FollowedLog, RecordedLog, Source
from operando.live.latest import Latest
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import LithiationMap, Snapshot
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
EVENTS = COUNTS.shape[0] * COUNTS.shape[1] * COUNTS.shape[2]
WORK = Work(library(), recipe(), LayoutSettings())


def pulled(source: Source, work: Work = WORK) -> tuple[Monitor, list[Snapshot]]:
    """Run a monitor by hand, in this thread."""
    records: list[Snapshot] = []
    monitor = Monitor(source, work, records.append)
    while monitor.pull():
        pass
    monitor.finish()
    return monitor, records


def maps_of(records: list[Snapshot]) -> dict[int, bytes]:
    """Return the last record of each cycle as bytes."""
    maps: dict[int, bytes] = {}
    for snapshot in records:
        assert snapshot.map is not None
        values = [np.asarray(getattr(snapshot.map, entry.name)).tobytes() for entry in fields(LithiationMap)]
        maps[snapshot.map.cycle] = b"".join(values)
    return maps


REFERENCE = maps_of(pulled(DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory"))[1])


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_repeated_and_shuffled_documents_change_no_bit(data: st.DataObject) -> None:
    half = EVENTS // 2
    order = [
        *data.draw(st.permutations(range(half))),
        *data.draw(st.lists(st.integers(0, half - 1), max_size=4)),
        *(half + index for index in data.draw(st.permutations(range(half)))),
    ]
    documents = documents_of(PLAN, COUNTS, order=order)
    _, records = pulled(DocumentSource(iter(documents), "memory"))
    assert maps_of(records) == REFERENCE


# A frame has one time for all its rows, so only what does not look at times can be the same.
@pytest.mark.parametrize(("group", "estimator"), [("page", Estimator.TIMED), ("frame", Estimator.LATEST)])
def test_grouping_changes_no_bit_of_the_values(group: str, estimator: Estimator) -> None:
    work = replace(WORK, recipe=replace(WORK.recipe, estimator=estimator))
    _, records = pulled(DocumentSource(iter(documents_of(PLAN, COUNTS, group=group)), "memory"), work)
    one_by_one = pulled(DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory"), work)[1]
    for ours, theirs in zip(records, one_by_one, strict=True):
        assert ours.map is not None
        assert theirs.map is not None
        for name in ("lithium", "lithium_error", "fraction", "thickness", "chi2", "r_factor", "reason"):
            assert getattr(ours.map, name).tobytes() == getattr(theirs.map, name).tobytes(), name


def test_following_a_growing_log_in_a_thread_gives_what_replaying_it_gives(tmp_path: Path) -> None:
    documents = documents_of(PLAN, COUNTS)
    path = tmp_path / "run.log"
    ended = threading.Event()
    records: list[Snapshot] = []
    with LogWriter(path) as writer:
        writer.append(documents[:2], 1.0)
        monitor = Monitor(FollowedLog(LogReader(path), "log", ended), WORK, records.append)
        monitor.start()
        for document in documents[2:]:
            writer.append([document], 1.0)
    ended.set()
    assert monitor.join(30.0)
    assert monitor.failure is None
    assert maps_of(records) == REFERENCE
    assert maps_of(pulled(RecordedLog(LogReader(path), "log"))[1]) == REFERENCE
    snapshot = monitor.latest.take()
    assert snapshot is not None
    assert snapshot is monitor.newest
    assert snapshot.delivery.is_finished
    assert (snapshot.delivery.documents, snapshot.delivery.lost, snapshot.delivery.behind) == (
        EVENTS + 3,
        0,
        0,
    )


def test_interleaved_runs_give_each_its_own_records() -> None:
    other = replace(PLAN, run="run-2")
    pairs = zip(documents_of(PLAN, COUNTS), documents_of(other, COUNTS), strict=True)
    _, records = pulled(DocumentSource((document for pair in pairs for document in pair), "memory"))
    for run in ("run-1", "run-2"):
        assert maps_of([snapshot for snapshot in records if snapshot.plan.run == run]) == REFERENCE


def test_a_run_without_a_stop_is_recorded_as_far_as_it_came() -> None:
    documents = documents_of(PLAN, COUNTS)[: 2 + EVENTS // 2 + EVENTS // 4]
    monitor, records = pulled(DocumentSource(iter(documents), "memory"))
    assert [(record.map.cycle, record.map.is_provisional) for record in records if record.map] == [
        (0, False),
        (1, True),
    ]
    assert maps_of(records)[0] == REFERENCE[0]
    assert monitor.newest is not None
    assert monitor.newest.progress.exit_status == "incomplete"


def test_only_some_energies() -> None:
    four = plan_of(shape=(4, 5))
    chosen = four.energies_ev[[0, 1, 3]]
    monitor, records = pulled(
        DocumentSource(iter(documents_of(four, COUNTS)), "memory"), replace(WORK, energies_ev=chosen)
    )
    assert monitor.newest is not None
    assert monitor.newest.plan.energies_ev.tolist() == chosen.tolist()
    fewer = replace(four, energies_ev=chosen, dwell_ms=np.ones(3))
    expected = pulled(DocumentSource(iter(documents_of(fewer, COUNTS[:, [0, 1, 3]])), "memory"))[1]
    for ours, theirs in zip(records, expected, strict=True):
        assert ours.map is not None
        assert theirs.map is not None
        assert ours.map.lithium.tobytes() == theirs.map.lithium.tobytes()


def test_rejected_lines_are_counted_and_shown_and_cost_only_themselves() -> None:
    documents = documents_of(PLAN, COUNTS)
    bad = {**documents[5][1], "data": {**documents[5][1]["data"], "counter": [1.0, 2.0]}, "seq_num": 10**6}
    monitor, records = pulled(
        DocumentSource(iter([*documents[:6], ("event", bad), *documents[6:]]), "memory")
    )
    assert maps_of(records) == REFERENCE
    assert monitor.newest is not None
    assert monitor.newest.delivery.rejected == 1
    assert "rejected" in {finding.code for finding in monitor.newest.findings}


def test_a_run_that_cannot_be_fitted_is_refused_and_the_next_one_is_fitted() -> None:
    two = plan_of(shape=(4, 5), energies_ev=PLAN.energies_ev[:2])
    documents = [*documents_of(replace(two, run="run-0"), COUNTS[:, :2]), *documents_of(PLAN, COUNTS)]
    monitor, records = pulled(DocumentSource(iter(documents), "memory"))
    assert len(monitor.refusals) == 1
    assert isinstance(monitor.refusals[0], RunRejected)
    assert maps_of(records) == REFERENCE


def test_a_cycle_that_cannot_be_kept_is_an_alarm_and_the_fit_goes_on() -> None:
    kept: list[Snapshot] = []

    def full_disk(snapshot: Snapshot) -> str | None:
        kept.append(snapshot)
        return "no space left"

    monitor = Monitor(DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory"), WORK, full_disk)
    monitor.start()
    assert monitor.join(30.0)
    assert monitor.failure is None
    assert maps_of(kept) == REFERENCE
    assert monitor.newest is not None
    assert ("results", "no space left") in {
        (finding.code, finding.message) for finding in monitor.newest.findings
    }


def test_a_source_that_fails_half_way_leaves_what_it_gave() -> None:
    def documents() -> Iterator[tuple[str, dict]]:
        yield from documents_of(PLAN, COUNTS)[: 2 + EVENTS // 2]
        raise DamagedFileError("cut off here")

    records: list[Snapshot] = []
    monitor = Monitor(_OneByOne(documents()), WORK, records.append)
    monitor.start()
    assert monitor.join(30.0)
    assert isinstance(monitor.failure, DamagedFileError)
    assert maps_of(records)[0] == REFERENCE[0]
    assert monitor.newest is not None
    assert monitor.newest.progress.exit_status == "incomplete"


class _OneByOne(DocumentSource):
    """A source whose batches are single documents, so that what stands before the damage is out."""

    def __init__(self, documents: Iterator[tuple[str, dict]]) -> None:
        super().__init__(documents, "memory")

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        return super().read(after, min(limit, 1))


def test_a_worker_that_fails_says_why() -> None:
    def fail(_snapshot: Snapshot) -> None:
        raise KeyError("a mistake of ours")

    monitor = Monitor(DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory"), WORK, fail)
    monitor.start()
    assert monitor.join(30.0)
    assert isinstance(monitor.failure, KeyError)


@pytest.mark.parametrize("dropped", [0, 7, EVENTS // 2 - 1, EVENTS // 2, EVENTS - 1])
def test_a_line_that_never_came_costs_its_own_cycle_only(dropped: int) -> None:
    order = [index for index in range(EVENTS) if index != dropped]
    work = replace(WORK, recipe=replace(recipe(), estimator=Estimator.LATEST))
    whole = maps_of(pulled(DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory"), work)[1])
    _, records = pulled(DocumentSource(iter(documents_of(PLAN, COUNTS, order=order)), "memory"), work)
    found = maps_of(records)
    spoiled = dropped // (EVENTS // 2)
    assert found[1 - spoiled] == whole[1 - spoiled]
    assert found[spoiled] != whole[spoiled]


def test_a_run_that_cannot_be_fitted_is_shown_with_its_reason() -> None:
    two = plan_of(shape=(4, 5), energies_ev=PLAN.energies_ev[:2])
    monitor, _ = pulled(DocumentSource(iter(documents_of(two, COUNTS[:, :2])), "memory"))
    assert monitor.newest is not None
    assert [finding.code for finding in monitor.newest.findings] == ["refused"]
    assert monitor.newest.progress.exit_status == "refused"


def test_only_the_run_on_screen_is_kept_in_memory() -> None:
    runs = [replace(PLAN, run=f"run-{number}") for number in range(5)]
    documents = [document for plan in runs for document in documents_of(plan, COUNTS)]
    monitor, records = pulled(DocumentSource(iter(documents), "memory"))
    assert len(records) == 10
    assert len(monitor._runs.state.fitted) == 1


def test_looking_never_takes_the_worker_s_time_from_the_lines() -> None:
    now = [0.0]

    class Clock:
        def __call__(self) -> float:
            now[0] += 0.5
            return now[0]

    source = DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory")
    monitor = Monitor(source, WORK, clock=Clock())
    looks = 0
    while monitor.pull():
        looks += monitor.latest.take() is not None
    # A look lasts 0.5 s of this clock, a line as much: at most a third of the lines may be looked at,
    # and the box holds one look a batch.
    assert looks <= 1 + EVENTS // 3


def test_the_last_row_of_a_cycle_is_seen_before_the_cycle_is_recorded() -> None:
    monitor: list[Monitor] = []
    seen: list[int] = []

    def keep(snapshot: Snapshot) -> None:
        assert snapshot.map is not None
        newest = monitor[0].newest
        seen.append(-1 if newest is None else newest.progress.lines_seen)

    documents = iter(documents_of(PLAN, COUNTS))

    class OneByOne(DocumentSource):
        """What comes live: nothing else is there yet."""

        def read(self, after: int, limit: int) -> list[LoggedDocument]:
            return super().read(after, min(limit, 1))

    monitor.append(Monitor(OneByOne(documents, "memory"), WORK, keep))
    while monitor[0].pull():
        pass
    monitor[0].finish()
    per_cycle = EVENTS // COUNTS.shape[0]
    assert seen[: COUNTS.shape[0]] == [per_cycle * (cycle + 1) for cycle in range(COUNTS.shape[0])]


def test_stopping_ends_the_worker_of_a_source_that_never_ends(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with LogWriter(path) as writer:
        writer.append(documents_of(PLAN, COUNTS)[:10], 1.0)
    monitor = Monitor(FollowedLog(LogReader(path), "log", threading.Event()), WORK)
    monitor.start()
    assert monitor.latest.wait(30.0)
    monitor.stop()
    assert monitor.join(30.0)
    assert monitor.failure is None


def test_the_box_holds_only_the_newest() -> None:
    box: Latest[int] = Latest()
    assert box.take() is None
    assert not box.wait(0.0)
    box.put(1)
    box.put(2)
    assert box.wait(0.0)
    assert box.take() == 2
    assert box.take() is None
