"""What is known beside the fit goes with every snapshot: hours of disk, and what those who watch say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from operando.io.runlog import LogReader, LogWriter
from operando.io.sources import DocumentSource, RecordedLog
from operando.live.beside import DiskHours
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import Finding, Severity
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))
WORK = Work(library(), recipe(), LayoutSettings())
FOUND = Finding("somebody", Severity.WARNING, "cannot see")


class Somebody:
    def __init__(self, disk_h: float) -> None:
        self._disk_h = disk_h

    def findings(self) -> tuple[Finding, ...]:
        return (FOUND,)

    def disk_h(self) -> float:
        return self._disk_h


def test_every_snapshot_says_what_is_known_beside_the_fit() -> None:
    monitor = Monitor(DocumentSource(iter(DOCUMENTS), "memory"), WORK)
    monitor.beside = Somebody(12.5)
    while monitor.pull():
        pass
    monitor.finish()
    assert monitor.newest is not None
    assert monitor.newest.vitals.disk_h == 12.5
    assert FOUND in monitor.newest.findings


def test_everybody_who_looks_has_a_box_of_his_own() -> None:
    monitor = Monitor(DocumentSource(iter(DOCUMENTS), "memory"), WORK)
    early = monitor.open_box()
    while monitor.pull():
        pass
    monitor.finish()
    late = monitor.open_box()
    assert early.take() is monitor.latest.take() is late.take() is monitor.newest is not None


@pytest.mark.parametrize(("documents_each_s", "is_known"), [(1.0, True), (1e9, False)])
def test_the_hours_of_disk_follow_the_pace_of_the_log(
    tmp_path: Path, documents_each_s: float, is_known: bool
) -> None:
    path = tmp_path / "run.log"
    many = [*DOCUMENTS[:2], *DOCUMENTS[2:-1] * 4]
    with LogWriter(path) as writer:
        for number, document in enumerate(many):
            writer.append([document], 1000.0 + number / documents_each_s)
    now = [0.0]
    hours = DiskHours(path, clock=lambda: now[0])
    found = hours()
    assert math.isfinite(found) is is_known
    path.unlink()
    assert hours() == pytest.approx(found, nan_ok=True), "asked again only after a while"
    now[0] = 100.0
    assert math.isnan(hours()), "a log that is gone has no hours"


def test_a_source_that_is_a_log_is_read_while_its_disk_is_watched(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with LogWriter(path) as writer:
        writer.append(DOCUMENTS, 1.0)
    monitor = Monitor(RecordedLog(LogReader(path), "log"), WORK)
    monitor.beside = Somebody(DiskHours(path)())
    while monitor.pull():
        pass
    assert monitor.newest is not None
    assert math.isnan(monitor.newest.vitals.disk_h), "one instant has no pace"
