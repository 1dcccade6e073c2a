"""What comes over a line that loses, made whole from a run log of the same acquisition.

Documents are given as they come. Where a number of a stream is passed over, an event belongs to a
stream nobody knows, a run ends, or nothing has come for a while, the log is read on, and whatever it has
that did not come is given too. Documents are told from each other by their uid: an event that was sent again
after a pause has its old number and a new uid, and counts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from operando.io.runlog import LoggedDocument
from operando.io.sources import Source
from operando.types import Finding

__all__ = ["RepairedSource"]

_BATCH = 256
_SILENCE_S = 0.5
"""When nothing has come for so long, the log may have what was lost last."""
_WAIT_S = 5.0
"""What belongs to something lost waits until the log has it, a stop until the log has it too; no longer."""
_MOST_UNREAD = 1000
"""Documents that came since the log was read; then it is read, so that what is remembered stays little."""
_MOST_READY = 2000
_MOST_REMEMBERED = 50_000
_EVENTS = frozenset({"event", "event_page"})


class RepairedSource:
    """A line that loses, and a log of the same documents; numbered in the order in which they are given.

    Parameters
    ----------
    line
        Gives documents as they come.
    log
        Has all of them, sooner or later. Both are closed together with this one.
    clock
        Seconds that only go forward.
    """

    def __init__(self, line: Source, log: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = line
        self._log = log
        self._clock = clock
        self._came = 0
        self._in_log = 0
        self._waiting: deque[LoggedDocument] = deque()
        self._ready: deque[LoggedDocument] = deque()
        self._given: dict[str, None] = {}
        self._starts: dict[str, None] = {}
        self._logged: dict[str, None] = {}
        self._next_number: dict[str, int] = {}
        self._head = 0
        self._heard_s = float("-inf")
        self._held = ""
        self._held_s = 0.0
        self._unread = 0
        self.name = f"{line.name}, repaired from {log.name}"

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents that have come or were found in the log, numbered after `after`."""
        batch = [] if self._waiting else self._line.read(self._came, limit)
        self._came += len(batch)
        self._waiting.extend(batch)
        now_s = self._clock()
        if batch:
            self._heard_s = now_s
        elif now_s >= self._heard_s + _SILENCE_S:
            self._heard_s = now_s
            self._read_log()
        while self._waiting and self._pass_on(self._waiting[0]):
            self._waiting.popleft()
        found = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        self._head = max(self._head, after + len(found))
        return [replace(logged, seq=after + place) for place, logged in enumerate(found, start=1)]

    def head(self) -> int:
        """Return the number that the last document known to exist will have."""
        return self._head + len(self._ready) + len(self._waiting)

    def has_ended(self, after: int) -> bool:
        """Return whether no more will come over the line, and all of the log was given."""
        if after < self._head or self._waiting or self._ready or not self._line.has_ended(self._came):
            return False
        return self._read_log() and not self._ready

    def findings(self) -> tuple[Finding, ...]:
        """Return those of line and log; that nothing is promised is not true any more."""
        found = (*self._line.findings(), *self._log.findings())
        return tuple(finding for finding in found if finding.code != "best-effort")

    def close(self) -> None:
        """Close line and log."""
        self._line.close()
        self._log.close()

    def _pass_on(self, logged: LoggedDocument) -> bool:
        """Give a document that came, after what was lost before it; return False if it has to wait."""
        key = _key(logged)
        if key in self._given:
            return True
        is_early = self._is_early(key, logged)
        must_look = is_early or self._unread >= _MOST_UNREAD or self._is_behind_a_hole(logged)
        if must_look and not self._read_log():
            return False
        if is_early and self._is_early(key, logged):
            if self._held != key:
                self._held, self._held_s = key, self._clock()
            if self._clock() < self._held_s + _WAIT_S:
                return False
        if key not in self._given:
            self._unread += 1
            self._give(key, logged)
        return True

    def _is_early(self, key: str, logged: LoggedDocument) -> bool:
        """Return whether something has to be given before: what it belongs to, or all of its run."""
        if logged.name == "stop":
            return key not in self._logged
        if logged.name == "descriptor":
            return str(logged.document.get("run_start")) not in self._starts
        return logged.name in _EVENTS and str(logged.document.get("descriptor")) not in self._next_number

    def _read_log(self) -> bool:
        """Read on in the log and give what has not been given; return whether its end was reached."""
        while len(self._ready) < _MOST_READY:
            batch = self._log.read(self._in_log, _BATCH)
            if not batch:
                self._unread = 0
                return True
            self._in_log = batch[-1].seq
            for logged in batch:
                key = _key(logged)
                _remember(self._logged, key)
                if key not in self._given:
                    self._give(key, logged)
        return False

    def _give(self, key: str, logged: LoggedDocument) -> None:
        _remember(self._given, key)
        uid = str(logged.document.get("uid"))
        if logged.name == "start":
            _remember(self._starts, uid)
        elif logged.name == "descriptor":
            self._next_number.setdefault(uid, 1)
            while len(self._next_number) > _MOST_REMEMBERED:
                del self._next_number[next(iter(self._next_number))]
        for stream, number in _numbers(logged):
            self._next_number[stream] = max(self._next_number.get(stream, 1), number + 1)
        self._ready.append(logged)

    def _is_behind_a_hole(self, logged: LoggedDocument) -> bool:
        return any(number > self._next_number.get(stream, 0) for stream, number in _numbers(logged)[:1])


def _key(logged: LoggedDocument) -> str:
    """Return what tells a document from all others."""
    for name in ("uid", "datum_id"):
        uid = logged.document.get(name)
        if uid:
            return f"{logged.name} {uid}"
    return f"{logged.name} {logged.document!r}"


def _numbers(logged: LoggedDocument) -> list[tuple[str, int]]:
    """Return stream and number of the events in a document."""
    if logged.name not in _EVENTS:
        return []
    stream, numbers = logged.document.get("descriptor"), logged.document.get("seq_num")
    found = numbers if isinstance(numbers, list) else [numbers]
    return [(stream, int(number)) for number in found if isinstance(stream, str) and isinstance(number, int)]


def _remember(keys: dict[str, None], key: str) -> None:
    keys[key] = None
    while len(keys) > _MOST_REMEMBERED:
        del keys[next(iter(keys))]
