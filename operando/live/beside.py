"""What is known beside the fit: hours of disk, and what those who watch the monitor have to say."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from operando.io.disk import disk_room
from operando.types import Finding

if TYPE_CHECKING:
    from operando.live.monitor import Monitor

__all__ = ["Alone", "Beside", "Company", "DiskHours", "Onlooker"]

_AGAIN_S = 20.0
"""The disk is asked so often: its hours do not change faster."""


class Beside(Protocol):
    """Asked in the monitor's thread with every snapshot; answers at once and raises nothing."""

    def findings(self) -> tuple[Finding, ...]:
        """Return what is to be said of whoever watches."""
        ...

    def disk_h(self) -> float:
        """Return the hours until the disk of the log is full; NaN where nobody knows."""
        ...


class Onlooker(Protocol):
    """Whoever watches a monitor: alarms, a page, a window in another process; raises nothing into it."""

    def begin(self, monitor: Monitor) -> None:
        """Watch a monitor that has not started yet."""
        ...

    def close(self) -> None:
        """Stop watching one that has ended; returns within a bounded time."""
        ...

    def findings(self) -> tuple[Finding, ...]:
        """Return what is to be said of it, at once; in the monitor's thread."""
        ...


class Alone:
    """A monitor that nobody watches, whose log is on no disk of this machine."""

    def findings(self) -> tuple[Finding, ...]:
        """Return that there is nothing to say."""
        return ()

    def disk_h(self) -> float:
        """Return that nobody knows."""
        return math.nan


class DiskHours:
    """How long the disk of a log will last at the present pace; asked anew every 20 s.

    Parameters
    ----------
    log
        The run log.
    clock
        Seconds that only go forward.
    """

    def __init__(self, log: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._hours = math.nan
        self._due_s = -math.inf

    def __call__(self) -> float:
        """Return the hours; NaN where the log does not grow, or the disk does not say."""
        if self._clock() >= self._due_s:
            try:
                hours = disk_room(self._log).hours_left
            except OSError:
                # The source says what is wrong with the log; the disk is only not known.
                hours = math.nan
            self._hours = hours if math.isfinite(hours) else math.nan
            self._due_s = self._clock() + _AGAIN_S
        return self._hours


class Company:
    """All who watch one monitor, and the disk of its log.

    Parameters
    ----------
    onlookers
        Who watches.
    log
        The run log, where it is on a disk of this machine; None otherwise.
    """

    def __init__(self, onlookers: Sequence[Onlooker], log: Path | None) -> None:
        self._onlookers = tuple(onlookers)
        self._hours = None if log is None else DiskHours(log)

    def begin(self, monitor: Monitor) -> None:
        """Stand beside a monitor that has not started yet, each watching it."""
        monitor.beside = self
        for onlooker in self._onlookers:
            onlooker.begin(monitor)

    def close(self) -> None:
        """Let all go; the last who began first."""
        for onlooker in reversed(self._onlookers):
            onlooker.close()

    def findings(self) -> tuple[Finding, ...]:
        """Return what they have to say."""
        return tuple(found for onlooker in self._onlookers for found in onlooker.findings())

    def disk_h(self) -> float:
        """Return the hours of disk; NaN where nobody knows."""
        return math.nan if self._hours is None else self._hours()
