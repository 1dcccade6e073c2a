"""Alarms beside the monitor: one thread judges what the newest snapshot says, another passes messages on.

The monitor waits for neither: it only puts snapshots into a box, and asks what could not be passed on.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from operando.core.alarm_readings import ALARM_CODE, readings_of
from operando.core.alarms import AlarmRule, Reading, Standing, Watched, judge
from operando.io.errands import Message, plain_line
from operando.live.latest import Latest
from operando.live.monitor import Monitor
from operando.types import Finding, Severity, Snapshot

__all__ = ["Alarm", "Alarms"]

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5
"""So often it is judged how long nothing has come; what comes is judged at once."""
_REST_S = 0.05
"""Between two looks: shorter than the monitor's, so that no end of a run is missed for the next one."""
_MOST_WAITING = 64
"""Messages that wait for one that hangs; more are given up, and that is said."""
_FAREWELL_S = 20.0
"""What is still to be said when the monitor ends has so long."""


class Messenger(Protocol):
    """Whatever passes a message on."""

    def run(self, message: Message) -> str:
        """Pass a message on within a bounded time; return why that failed, or ""."""
        ...


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule, and who is told."""

    rule: AlarmRule
    errand: Messenger


class Alarms:
    """Judge snapshots by rules, and pass on what they find.

    Parameters
    ----------
    alarms
        The rules, with names of their own.
    clock
        Seconds that only go forward.
    wall
        Seconds since the epoch.
    """

    def __init__(
        self,
        alarms: Sequence[Alarm],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._alarms = tuple(alarms)
        self._clock = clock
        self._wall = wall
        self._standings = {alarm.rule.name: Standing() for alarm in self._alarms}
        self._readings: dict[str, tuple[Reading, ...]] = {}
        self._snapshot: Snapshot | None = None
        self._taken_s = clock()
        self._errands: queue.Queue[tuple[Alarm, Message] | None] = queue.Queue(_MOST_WAITING)
        self._troubles: dict[str, str] = {}
        self._stop = threading.Event()
        self._judging: threading.Thread | None = None
        self._passing = threading.Thread(target=self._pass_on, name="operando-alarm-messages", daemon=True)

    def begin(self, monitor: Monitor) -> None:
        """Watch a monitor from now on."""
        box = monitor.open_box()
        self._judging = threading.Thread(target=self._watch, args=(box,), name="operando-alarms", daemon=True)
        self._passing.start()
        self._judging.start()

    def findings(self) -> tuple[Finding, ...]:
        """Return what could not be passed on; from any thread."""
        troubles = [f"alarm '{name}': {words}" for name, words in tuple(self._troubles.items())]
        threads = () if self._judging is None or self._stop.is_set() else (self._judging, self._passing)
        if not all(thread.is_alive() for thread in threads):
            troubles.append("no alarm is watched any more; start the monitor again to have them back")
        if not troubles:
            return ()
        advice = "see the [[alarms]] of the profile; it is tried again at the next onset"
        return (Finding(ALARM_CODE, Severity.WARNING, plain_line("; ".join(troubles)), advice),)

    def close(self) -> None:
        """Judge once more, pass on what is to be said, for a bounded time, and end."""
        if self._judging is None:
            return
        self._stop.set()
        self._judging.join(_FAREWELL_S)
        self._passing.join(_FAREWELL_S)

    def look(self, snapshot: Snapshot | None) -> None:
        """Judge a snapshot, or the one before again where there is none; in one thread at a time."""
        now_s = self._clock()
        is_new = snapshot is not None
        if snapshot is not None:
            self._snapshot, self._taken_s = snapshot, now_s
        known = self._snapshot
        # Of what is long past nobody is to be told: it is judged when the monitor has caught up.
        if known is None or (known.delivery.catch_up is not None and not known.delivery.catch_up.is_done):
            return
        for alarm in self._alarms:
            rule = alarm.rule
            if is_new or rule.watched is Watched.STALE or rule.name not in self._readings:
                self._readings[rule.name] = readings_of(rule, known, now_s - self._taken_s)
            standing, told = judge(
                rule, self._standings[rule.name], known.plan.run, self._readings[rule.name], now_s
            )
            self._standings[rule.name] = standing
            if told:
                self._send(alarm, self._message(rule, known, told))

    def _message(self, rule: AlarmRule, snapshot: Snapshot, told: tuple[Reading, ...]) -> Message:
        newest = told[-1]
        # What has waited may be of an earlier run.
        sample = snapshot.plan.sample if newest.run == snapshot.plan.run else ""
        of = f"run {newest.run[:8]}" + (f" of {sample}" if sample else "")
        words = "; ".join(reading.words for reading in told)
        is_number = rule.watched not in {Watched.FINDING, Watched.ENDED} and math.isfinite(newest.value)
        return Message(
            alarm=rule.name,
            when=rule.watched.value,
            text=plain_line(f"{rule.name}: {words} ({of})"),
            run=plain_line(newest.run),
            sample=plain_line(sample),
            source=plain_line(snapshot.delivery.source),
            value=newest.value if is_number else None,
            time_s=self._wall(),
        )

    def _send(self, alarm: Alarm, message: Message) -> None:
        try:
            self._errands.put_nowait((alarm, message))
        except queue.Full:
            self._troubles[alarm.rule.name] = "too many messages wait for one that hangs"
            _log.warning("not passed on, too many wait: %s", message.text)

    def _watch(self, box: Latest[Snapshot]) -> None:
        while not self._stop.is_set():
            box.wait(_LOOK_EVERY_S)
            self.look(box.take())
            self._stop.wait(_REST_S)
        self.look(box.take())
        # Where there is no room, it is soon, or the process ends without.
        with contextlib.suppress(queue.Full):
            self._errands.put(None, timeout=_FAREWELL_S)

    def _pass_on(self) -> None:
        while (errand := self._errands.get()) is not None:
            alarm, message = errand
            trouble = alarm.errand.run(message)
            if trouble:
                _log.warning("alarm '%s' was not passed on: %s", alarm.rule.name, trouble)
                self._troubles[alarm.rule.name] = trouble
            else:
                self._troubles.pop(alarm.rule.name, None)
