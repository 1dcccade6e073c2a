"""Alarms beside a real monitor: passed on, bounded, and never in its way."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from operando.core.alarms import AlarmRule, Watched
from operando.io.errands import Errand, Message
from operando.io.sources import DocumentSource
from operando.live.alarms import Alarm, Alarms
from operando.live.beside import Company
from operando.live.latest import Latest
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import CatchUp, Delivery, Snapshot
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
WORK = Work(library(), recipe(), LayoutSettings())
ENDED = AlarmRule("ended", Watched.ENDED, above=0.0)
WRITES = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + chr(10))"


class Taker:
    """Takes messages, as slowly as it is told, and fails as often as it is told."""

    def __init__(self, trouble: str = "") -> None:
        self.taken: list[Message] = []
        self.may_end = threading.Event()
        self.may_end.set()
        self.trouble = trouble

    def run(self, message: Message) -> str:
        self.may_end.wait(30.0)
        self.taken.append(message)
        return self.trouble


def watched(*alarms: Alarm) -> tuple[Monitor, Alarms]:
    """Follow a whole run with alarms beside it, to its end."""
    found = Alarms(alarms)
    monitor = Monitor(DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory"), WORK)
    company = Company([found], None)
    company.begin(monitor)
    monitor.start()
    assert monitor.join(30.0)
    company.close()
    return monitor, found


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_the_end_of_a_run_is_told_once_with_all_that_is_known() -> None:
    taker = Taker()
    monitor, alarms = watched(Alarm(ENDED, taker))
    (message,) = taker.taken
    assert message.text == "ended: the run has ended: success (run run-1)"
    assert (message.run, message.when, message.value) == ("run-1", "ended", None)
    assert alarms.findings() == ()
    assert monitor.failure is None


def test_a_real_command_is_run(tmp_path: Path) -> None:
    written = tmp_path / "told"
    watched(Alarm(ENDED, Errand((sys.executable, "-I", "-c", WRITES, str(written)), None, 30.0)))
    assert written.read_text() == "ended: the run has ended: success (run run-1)\n"


def test_an_alarm_that_fails_is_a_finding_of_the_next_snapshots_until_it_succeeds() -> None:
    taker = Taker("nobody answers")
    monitor, alarms = watched(Alarm(ENDED, taker))
    (found,) = alarms.findings()
    assert found.code == "alarm"
    assert "alarm 'ended': nobody answers" in found.message
    assert monitor.show() is not None
    assert monitor.newest is not None
    assert found in monitor.newest.findings


def test_a_messenger_that_hangs_holds_up_neither_the_monitor_nor_the_judging() -> None:
    taker = Taker()
    taker.may_end.clear()
    alarms = Alarms([Alarm(ENDED, taker)])
    monitor = Monitor(DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory"), WORK)
    alarms.begin(monitor)
    monitor.start()
    assert monitor.join(30.0), "the monitor ended while the messenger hung"
    taker.may_end.set()
    alarms.close()
    assert len(taker.taken) == 1


class Box(Latest[Snapshot]):
    """A box that says when it was emptied; as a monitor it hands itself out."""

    def __init__(self) -> None:
        super().__init__()
        self.was_taken = threading.Event()

    def take(self) -> Snapshot | None:
        item = super().take()
        if item is not None:
            self.was_taken.set()
        return item

    def open_box(self) -> Latest[Snapshot]:
        return self


def test_what_comes_is_judged_at_once_so_that_no_end_is_passed_over() -> None:
    taker, box, runs = Taker(), Box(), 12
    alarms = Alarms([Alarm(replace(ENDED, every_s=1e-9), taker)])
    alarms.begin(cast("Monitor", box))
    snapshot = running()
    closed = replace(snapshot.progress, is_closed=True, exit_status="success")
    began_s = time.monotonic()
    for number in range(runs):
        box.was_taken.clear()
        box.put(replace(snapshot, plan=replace(snapshot.plan, run=f"run-{number}"), progress=closed))
        assert box.was_taken.wait(30.0)
    # Twice a second would take six.
    assert time.monotonic() - began_s < 4.0
    alarms.close()
    assert [message.run for message in taker.taken] == [f"run-{number}" for number in range(runs)]


class Broken:
    """Ends the thread that asks it."""

    def run(self, _message: Message) -> str:
        raise NotImplementedError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_alarms_that_nobody_watches_any_more_are_said() -> None:
    box = Box()
    alarms = Alarms([Alarm(ENDED, Broken())])
    alarms.begin(cast("Monitor", box))
    assert alarms.findings() == ()
    snapshot = running()
    box.put(replace(snapshot, progress=replace(snapshot.progress, is_closed=True, exit_status="success")))
    alarms._passing.join(30.0)
    (found,) = alarms.findings()
    assert "no alarm is watched any more" in found.message
    alarms.close()


def by_hand(rule: AlarmRule) -> tuple[Alarms, list[float], list[str]]:
    """Alarms that are looked at by hand, their clock, and what is sent."""
    now, sent = [0.0], []
    alarms = Alarms([Alarm(rule, Taker())], clock=lambda: now[0], wall=lambda: 1000.0 + now[0])
    alarms._send = lambda _alarm, message: sent.append(message.text)  # type: ignore[method-assign]
    return alarms, now, sent


def running() -> Snapshot:
    monitor = Monitor(DocumentSource(iter(documents_of(PLAN, COUNTS)[:20]), "memory"), WORK)
    while monitor.pull():
        pass
    snapshot = monitor.show()
    assert snapshot is not None
    return replace(snapshot, delivery=Delivery("memory"))


def test_silence_is_told_while_it_lasts_and_again_only_after_new_data() -> None:
    alarms, now, sent = by_hand(AlarmRule("quiet", Watched.STALE, above=60.0, every_s=60.0))
    snapshot = running()
    for second, new in ((0, snapshot), (59, None), (61, None), (300, None), (301, snapshot), (370, None)):
        now[0] = float(second)
        alarms.look(new)
    assert sent == [
        "quiet: no new data for 61 s (run run-1)",
        "quiet: no new data for 69 s (run run-1)",
    ]


def test_of_what_is_long_past_nobody_is_told() -> None:
    alarms, _, sent = by_hand(AlarmRule("lost", Watched.LOST, above=0.0))
    catching_up = CatchUp(0, 100, 1e5, 10, 1.0, is_done=False)
    behind = Delivery("memory", lost=3, catch_up=catching_up)
    alarms.look(replace(running(), delivery=behind))
    assert sent == []
    alarms.look(replace(running(), delivery=replace(behind, catch_up=replace(catching_up, is_done=True))))
    assert sent == ["lost: documents lost: 3, above 0 (run run-1)"]


def test_what_strangers_wrote_is_one_line_everywhere() -> None:
    alarms, _, _ = by_hand(ENDED)
    sent: list[Message] = []
    alarms._send = lambda _alarm, message: sent.append(message)  # type: ignore[method-assign]
    snapshot = running()
    plan = replace(snapshot.plan, sample="a\nb\x1b[31m\x00" + "x" * 10_000)
    closed = replace(snapshot.progress, is_closed=True, exit_status="success")
    alarms.look(replace(snapshot, plan=plan, progress=closed))
    (message,) = sent
    assert message.sample.startswith("a?b?[31m?xx")
    assert "\n" not in json.dumps([message.text, message.sample])
    assert len(message.text) <= 500
