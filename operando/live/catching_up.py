"""How far behind a monitor begins, and how fast it catches up."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from operando.types import CatchUp, Finding, Severity

__all__ = ["Start", "finding_of"]

_MINUTE_S = 60.0
_HOUR_S = 3600.0


@dataclass(slots=True)
class Start:
    """Where a monitor began to read.

    Attributes
    ----------
    after, target
        The last document known before, and the last one there was when it began.
    began_s
        Wall clock then.
    behind_s
        How long the first document that it had to read had been waiting; NaN where nobody knows.
    done_s
        When the target was reached; NaN before.
    """

    after: int
    target: int
    began_s: float
    behind_s: float = float("nan")
    done_s: float = float("nan")

    def seen(self, offset: int, recorded_s: float, now_s: float) -> None:
        """Take note that documents were read: up to `offset`, the first of them written at `recorded_s`."""
        if isnan(self.behind_s) and self.target > self.after:
            self.behind_s = max(self.began_s - recorded_s, 0.0)
        if offset >= self.target and isnan(self.done_s):
            self.done_s = now_s

    def so_far(self, offset: int, now_s: float) -> CatchUp | None:
        """Return how far it has come; None where it had nothing to catch up with."""
        if not self.target:
            return None
        is_done = offset >= self.target
        until_s = now_s if isnan(self.done_s) else self.done_s
        read, behind = min(offset, self.target) - self.after, self.target - self.after
        took_s = max(until_s - self.began_s, 0.0) if behind else 0.0
        return CatchUp(self.after, behind, self.behind_s, read, took_s, is_done)


def finding_of(catch_up: CatchUp) -> Finding:
    """Return in words how far behind a monitor began, and how it caught up."""
    begin = f"read on after document {catch_up.after}" if catch_up.after else "read from the beginning"
    age = "" if isnan(catch_up.behind_s) else f", {_duration(catch_up.behind_s)}"
    far = f"{catch_up.behind_documents} documents{age} behind"
    rate = catch_up.documents_per_s
    speed = "" if isnan(rate) else f", {rate:.0f} documents/s"
    if catch_up.is_done:
        words = f"{begin}: {far}, caught up in {catch_up.took_s:.1f} s{speed}"
        return Finding("caught-up", Severity.INFO, words)
    words = f"{begin}: {far}, {catch_up.behind_documents - catch_up.read} to go{speed}"
    return Finding("catching-up", Severity.INFO, words)


def _duration(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"{seconds / _MINUTE_S:.1f} min"
    return f"{seconds / _HOUR_S:.1f} h"
