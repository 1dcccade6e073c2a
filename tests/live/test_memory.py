"""What is open for ever must not be held for ever: runs that never stop, refusals, gaps, results."""

from __future__ import annotations

import logging
import tracemalloc
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from following import offline, started
from operando.app.keeper import Keeper
from operando.errors import FrameRejected
from operando.io.layouts import MAX_OPEN_RUNS, DocumentReader
from operando.io.sequence import MAX_GAP, Sequence
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import RunClosed
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(48, 48))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
SMALL = plan_of(shape=(4, 5))
SMALL_COUNTS = stack_of(SMALL, np.random.default_rng(0))
WORK = Work(library(), recipe(), LayoutSettings())
GROWTH_BYTES = 10 * 2**20


def _shapes() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Return runs that never stop: after some lines, refused, with bad lines and gaps, with a cycle done."""
    short = documents_of(PLAN, COUNTS[:, :, :2])[:8]
    name, event = short[-1]
    gaps = [(name, {**event, "seq_num": 8 + step * 1000, "data": {}}) for step in range(1, 40)]
    return {
        "short": short,
        "refused": documents_of(replace(PLAN, energies_ev=PLAN.energies_ev[:2]), COUNTS[:, :2])[:4],
        "bad": [*short, *gaps],
        "recorded": documents_of(SMALL, SMALL_COUNTS)[:-4],
    }


def renamed(documents: list[tuple[str, dict[str, Any]]], number: int) -> list[tuple[str, dict[str, Any]]]:
    """Return the documents of another run of the same content."""
    uids = {"uid": "", "run_start": f"{number:08} run", "descriptor": f"{number:08} stream"}
    found: list[tuple[str, dict[str, Any]]] = []
    for place, (name, document) in enumerate(documents):
        own = {"start": uids["run_start"], "descriptor": uids["descriptor"]}.get(name, f"{number} {place}")
        changed = {key: uids[key] for key in ("run_start", "descriptor") if key in document}
        found.append((name, {**document, **changed, "uid": own}))
    return found


def followed(count: int, kind: str, keeper: Keeper | None) -> Iterator[Monitor]:
    """Follow so many runs, and give the monitor after each."""
    ready: deque[tuple[str, dict[str, Any]]] = deque()
    shape = _shapes()[kind]

    def documents() -> Iterator[tuple[str, dict[str, Any]]]:
        while True:
            yield ready.popleft()

    # No time passes, so that nothing is looked at: it is not the pictures that are measured.
    monitor = Monitor(_Fed(documents()), WORK, keeper or (lambda _: None), clock=lambda: 0.0)
    for number in range(count):
        ready.extend(renamed(shape, number))
        for _ in range(len(ready)):
            monitor.pull()
        yield monitor


class _Fed(DocumentSource):
    def __init__(self, documents: Iterator[tuple[str, dict[str, Any]]]) -> None:
        super().__init__(documents, "memory")

    def read(self, after: int, limit: int) -> list:
        return super().read(after, min(limit, 1))


@pytest.mark.parametrize(("kind", "count"), [("short", 120), ("refused", 120), ("bad", 60), ("recorded", 44)])
def test_abandoned_runs_do_not_fill_the_memory(
    tmp_path: Path, kind: str, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    # What is logged is kept by pytest.
    caplog.set_level(logging.CRITICAL + 1, "operando")
    # Fewer than 1,000, to be done in time; their growth is brought to 1,000.
    keeper = Keeper(tmp_path / "out.h5", WORK) if kind == "recorded" else None
    after_s: dict[int, int] = {}
    settled = 2 * MAX_OPEN_RUNS + 2
    try:
        for number, _ in enumerate(followed(count, kind, keeper)):
            # Traced it takes three times as long; what is held once it has settled has all come since then.
            if number == settled - MAX_OPEN_RUNS - 1:
                tracemalloc.start()
            if number in {settled, count - 1}:
                after_s[number] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    growth = (after_s[count - 1] - after_s[settled]) * 1000 / (count - settled)
    assert growth < GROWTH_BYTES, f"{growth / 2**20:.1f} MB for 1,000 runs"


def test_a_run_that_goes_on_is_not_given_up_for_those_that_came_and_went() -> None:
    long = documents_of(SMALL, SMALL_COUNTS)
    others = [documents_of(replace(SMALL, run=f"short {n}"), SMALL_COUNTS)[:5] for n in range(len(long))]
    reader = DocumentReader()
    items = []
    for document, other in zip(long, others, strict=True):
        items += reader.read(*document)
        for each in other:
            items += reader.read(*each)
    closed = [item for item in items if isinstance(item, RunClosed)]
    assert [item.exit_status for item in closed if item.run == SMALL.run] == ["success"]
    assert len(reader.state.runs) <= MAX_OPEN_RUNS
    assert "no stop came" in closed[0].reason


def test_what_comes_of_a_run_that_was_given_up_is_counted_as_rejected() -> None:
    first = documents_of(SMALL, SMALL_COUNTS)
    reader = DocumentReader()
    for document in first[:4]:
        list(reader.read(*document))
    for number in range(MAX_OPEN_RUNS):
        for document in documents_of(replace(SMALL, run=f"later {number}"), SMALL_COUNTS)[:3]:
            list(reader.read(*document))
    assert SMALL.run not in reader.state.runs
    list(reader.read(*first[5]))
    assert reader.unknown == 1


def test_what_comes_again_after_its_run_stopped_is_a_repetition() -> None:
    documents = documents_of(SMALL, SMALL_COUNTS)
    reader = DocumentReader()
    for document in [*documents, documents[5], documents[-1], documents[0]]:
        list(reader.read(*document))
    assert (reader.repeated, reader.unknown, reader.lost) == (1, 0, 0)


def test_the_results_of_runs_that_were_let_go_are_read_from_their_files(tmp_path: Path) -> None:
    runs = [replace(SMALL, run=f"{number:08} run") for number in range(12)]
    documents = [document for plan in runs for document in documents_of(plan, SMALL_COUNTS)]
    keeper = Keeper(tmp_path / "out.h5", WORK)
    monitor = Monitor(DocumentSource(iter(documents), "memory"), WORK, keeper)
    while monitor.pull():
        pass
    monitor.finish()
    keeper.finish()
    results = keeper.results
    assert [result.snapshot.plan.run for result in results] == [plan.run for plan in runs]
    assert [result.snapshot.curve.cycle.tolist() for result in results] == [[0, 1]] * len(runs)
    assert [result.snapshot.map is None for result in results] == [True] * 4 + [False] * 8
    assert {result.snapshot.progress.lines_seen for result in results[4:]} == {SMALL_COUNTS[..., 0].size}
    alone = offline(documents_of(runs[0], SMALL_COUNTS), tmp_path / "alone" / "out.h5", WORK)
    assert alone["out.csv"].count("\n") == 3


@given(st.lists(st.integers(-3, 200), max_size=60))
def test_gaps_are_counted_as_a_set_of_numbers_would_count_them(numbers: list[int]) -> None:
    sequence, seen, repeated = Sequence(), set[int](), 0
    for number in numbers:
        if number < 1:
            with pytest.raises(FrameRejected):
                sequence.count(number)
            continue
        repeated += number in seen
        seen.add(number)
        sequence.count(number)
    assert sequence.highest == max(seen, default=0)
    assert sequence.missing == sequence.highest - len(seen)
    assert sequence.repeated == repeated


def test_a_numbering_that_leaps_takes_no_room() -> None:
    sequence = Sequence()
    tracemalloc.start()
    for step in range(1, 20_000):
        sequence.count(step * MAX_GAP)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 2**20
    assert sequence.missing == 19_999 * (MAX_GAP - 1)


def test_a_monitor_goes_on_where_results_were_let_go(tmp_path: Path) -> None:
    runs = [replace(SMALL, run=f"{number:08} run") for number in range(10)]
    documents = [document for plan in runs for document in documents_of(plan, SMALL_COUNTS)]
    monitor, keeper = started(DocumentSource(iter(documents), "memory"), tmp_path / "out.h5", WORK)
    while monitor.pull():
        pass
    kept = keeper.kept()
    assert kept is not None
    keeper.finish()
    again = Keeper(tmp_path / "out.h5", WORK)
    assert again.resume(kept) == ""
    assert [result.snapshot.plan.run for result in again.results] == [plan.run for plan in runs]
    assert again.kept() == kept
