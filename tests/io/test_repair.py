"""A line that loses, with a log beside it: whatever is lost, nothing is missing and nothing comes twice."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from following import ended, offline
from operando.app.keeper import Keeper
from operando.io.repair import RepairedSource
from operando.io.runlog import LoggedDocument, LogReader, LogWriter
from operando.io.sources import FollowedLog
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import Finding
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
WORK = Work(library(), recipe(), LayoutSettings())
ONE = documents_of(PLAN, COUNTS)
TWO = [*ONE, *documents_of(replace(PLAN, run="run-2"), COUNTS)]
patient = settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))


class Line:
    """Gives what it is told to give, when it is told."""

    def __init__(self) -> None:
        self.name = "line"
        self.waiting: deque[tuple[str, dict[str, Any]]] = deque()
        self.is_over = False

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        count = min(limit, len(self.waiting))
        came = [self.waiting.popleft() for _ in range(count)]
        return [LoggedDocument(after + n, "", *document, 1.0) for n, document in enumerate(came, 1)]

    def head(self) -> int:
        return 0

    def has_ended(self, after: int) -> bool:
        return self.is_over and not self.waiting and after >= 0

    def findings(self) -> tuple[Finding, ...]:
        return ()

    def close(self) -> None:
        self.is_over = True


def followed(
    folder: Path, documents: list[tuple[str, dict]], lost: set[int], doubled: set[int], lag: int
) -> dict[str, str]:
    """Send documents over a line that loses and doubles, and into a log that lags; return what came of it."""
    now = [0.0]
    line = Line()
    log = folder / "series.runlog"
    written = threading.Event()
    with LogWriter(log) as writer:
        writer.append(documents[:1], 1.0)
        source = RepairedSource(line, FollowedLog(LogReader(log), "log", written), clock=lambda: now[0])
        keeper = Keeper(folder / "out.h5", WORK)
        keeper.prepare()
        monitor = Monitor(source, WORK, keeper)
        for number in range(len(documents) + lag):
            now[0] += 0.001
            if number < len(documents) and number not in lost:
                line.waiting.extend([documents[number]] * (2 if number in doubled else 1))
            if lag < number + 1 <= len(documents) + lag and number - lag >= 1:
                writer.append([documents[number - lag]], 1.0)
            monitor.pull()
    line.is_over = True
    while not source.has_ended(monitor.delivery.documents):
        now[0] += 1.0
        monitor.pull()
    assert monitor.delivery.lost == 0
    assert monitor.delivery.rejected == 0
    assert monitor.delivery.repeated == 0
    assert monitor.delivery.documents == len(documents)
    return ended(monitor, keeper)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return offline(TWO, tmp_path_factory.mktemp("whole") / "out.h5", WORK)


@patient
@given(
    lost=st.sets(st.integers(0, len(TWO) - 1)),
    doubled=st.sets(st.integers(0, len(TWO) - 1), max_size=5),
    lag=st.integers(0, 12),
)
def test_whatever_is_lost_it_is_what_offline_is(
    tmp_path_factory: pytest.TempPathFactory,
    whole: dict[str, str],
    lost: set[int],
    doubled: set[int],
    lag: int,
) -> None:
    assert followed(tmp_path_factory.mktemp("line"), TWO, lost, doubled, lag) == whole


def test_an_event_sent_again_after_a_pause_and_lost_is_found(tmp_path: Path) -> None:
    name, event = ONE[5]
    again = {**event, "uid": "again", "time": event["time"] + 0.5}
    again["timestamps"] = {key: stamp + 0.5 for key, stamp in event["timestamps"].items()}
    again["data"] = {**event["data"], "counter": event["data"]["counter"] + 100.0}
    documents = [*ONE[:8], (name, again), *ONE[8:]]
    expected = offline(documents, tmp_path / "offline" / "out.h5", WORK)
    assert expected != offline(ONE, tmp_path / "without" / "out.h5", WORK)
    line, log = Line(), tmp_path / "series.runlog"
    with LogWriter(log) as writer:
        writer.append(documents, 1.0)
    line.waiting.extend(ONE)
    line.is_over = True
    source = RepairedSource(line, FollowedLog(LogReader(log), "log", threading.Event()))
    keeper = Keeper(tmp_path / "out.h5", WORK)
    keeper.prepare()
    monitor = Monitor(source, WORK, keeper)
    while not source.has_ended(monitor.delivery.documents):
        monitor.pull()
    assert ended(monitor, keeper) == expected


def test_a_stop_that_the_log_never_gets_is_not_waited_for_without_end(tmp_path: Path) -> None:
    now = [0.0]
    line, log = Line(), tmp_path / "series.runlog"
    with LogWriter(log) as writer:
        writer.append(ONE[:5], 1.0)
    line.waiting.extend(ONE)
    source = RepairedSource(line, FollowedLog(LogReader(log), "log", threading.Event()), clock=lambda: now[0])
    names: list[str] = []
    for _ in range(20):
        names += [logged.name for logged in source.read(len(names), 100)]
        now[0] += 1.0
    assert names == [name for name, _ in ONE]
