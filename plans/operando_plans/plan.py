"""What a plan is, and the clock that it keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

import bluesky.plan_stubs as bps
from bluesky.utils import Msg

__all__ = ["Clock", "Device", "Plan"]

Plan: TypeAlias = Generator[Msg, Any, Any]
"""A bluesky plan."""

Device: TypeAlias = Any
"""A part of a microscope; which protocols it speaks, `Parts` says."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How a plan tells the time, and lets it pass.

    Attributes
    ----------
    now_s
        Returns the time in seconds.
    sleep
        Plan that lasts as many seconds as it is given. A simulated instrument has another one than the
        wall, and then both are to be its own.
    """

    now_s: Callable[[], float] = time.time
    sleep: Callable[[float], Plan] = bps.sleep
