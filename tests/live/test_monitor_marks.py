"""Regions are commands: sent at any time, obeyed by the worker, also when the run is over."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from following import InBits, let_go_of, record, started
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.regions import Marks, Outline, Region
from operando.settings import LayoutSettings
from operando.types import Snapshot
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
WORK = Work(library(), recipe(), LayoutSettings())
MARKS = Marks((Region("all", Outline.RECTANGLE, ((-9.0, -9.0), (9.0, 9.0))),))
WAIT_S = 30.0


def monitor() -> Monitor:
    return Monitor(DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory"), WORK)


def test_what_was_sent_before_the_run_holds_for_it_and_the_newest_wins() -> None:
    by_hand = monitor()
    by_hand.send(Marks())
    by_hand.send(MARKS)
    while by_hand.pull():
        pass
    by_hand.finish()
    assert by_hand.newest is not None
    assert by_hand.newest.marks == MARKS
    assert by_hand.newest.regions[0].curve.cycle.tolist() == [0, 1]


def test_they_hold_after_a_restart_too_also_for_runs_to_come(tmp_path: Path) -> None:
    """Who drew them may have gone home: nobody sends them again."""
    second = documents_of(replace(PLAN, run="run-2"), COUNTS)
    log = record(tmp_path / "run.log", [*documents_of(PLAN, COUNTS), *second])
    before, keeper = started(InBits(log, 4), tmp_path / "out.h5", WORK)
    before.send(MARKS)
    before.pull()
    let_go_of(keeper)
    after, keeper = started(InBits(log, 100), tmp_path / "out.h5", WORK)
    while after.pull():
        pass
    after.show()
    let_go_of(keeper)
    assert after.newest is not None
    assert (after.newest.plan.run, after.newest.marks) == ("run-2", MARKS)


def test_an_audience_is_answered_after_the_end_and_the_worker_ends_when_it_leaves() -> None:
    watched = monitor()
    answered = threading.Event()
    put = watched.latest.put

    def seen(snapshot: Snapshot) -> None:
        put(snapshot)
        if snapshot.progress.is_closed and snapshot.marks == MARKS:
            answered.set()

    ended = threading.Event()
    watched.latest.put = lambda snapshot: (put(snapshot), snapshot.delivery.is_finished and ended.set())  # type: ignore[method-assign]
    watched.attend()
    watched.start()
    assert ended.wait(WAIT_S)
    watched.latest.put = seen  # type: ignore[method-assign]
    watched.send(MARKS)
    assert answered.wait(WAIT_S)
    watched.leave()
    assert watched.join(WAIT_S)


def test_without_an_audience_the_worker_ends_with_its_source() -> None:
    alone = monitor()
    alone.start()
    assert alone.join(WAIT_S)
    assert alone.newest is not None
    assert alone.newest.progress.is_closed
