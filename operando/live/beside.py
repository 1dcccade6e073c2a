"""What is known beside the fit: hours of disk, and what those who watch the monitor have to say."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from operando.io.disk import disk_room
from operando.types import Finding

__all__ = ["Alone", "Beside", "DiskHours"]

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
