"""How a recording goes: numbers, and the one sentence that people must see."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["RecorderStatus"]

_FEW_HOURS = 1.0
_LONG_S = 5.0
"""A write that takes this long is not slow any more: the disk hangs."""


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """How the recording goes.

    Attributes
    ----------
    written
        Documents that are in the log.
    queued
        Documents in memory that are not in the log yet.
    dropped
        Documents given up because memory was full while the disk failed.
    last_error
        What the disk said last; empty once it works again.
    refused
        Documents that cannot be stored at all.
    hours_left
        Until the disk of the log is full at the pace of the last ten minutes; infinite where nothing
        is known to grow.
    writing_s
        How long the documents in hand have been on their way to the disk; 0 if there are none.
    """

    written: int
    queued: int
    dropped: int
    last_error: str
    refused: int = 0
    hours_left: float = math.inf
    writing_s: float = 0.0

    @property
    def alarm(self) -> str:
        """What somebody must do something about now, as a sentence; empty if all is well."""
        if self.last_error:
            lost = f"{self.dropped} are lost already; " if self.dropped else ""
            return (
                f"recording fails: {self.last_error}; {self.queued} documents are kept in memory, {lost}"
                "make room on the disk, or mend it"
            )
        if self.writing_s > _LONG_S:
            return (
                f"recording is held up: the disk has been writing for {self.writing_s:.0f} s and "
                f"{self.queued} documents are kept in memory: look after the disk"
            )
        if self.hours_left < _FEW_HOURS:
            minutes = 60.0 * self.hours_left
            return f"the disk is full in {minutes:.0f} min if it goes on like this: make room on it"
        return ""
