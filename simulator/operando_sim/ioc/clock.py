"""All waiting: what takes a second in the world takes `pace` seconds on the wall, unless it is stopped."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from operando_sim.world import World

__all__ = ["Clock"]


class Clock:
    """Let the world's time pass on the wall.

    The world is told what happens and knows at once how long it took; the clock waits that long. While
    nothing happens, `catch_up` lets the world's time pass as well: the ring decays, the cell goes on.

    Parameters
    ----------
    world
        The world; made with pace 0, because waiting is this clock's.
    pace
        Wall seconds for a second of the world; 0 waits for nothing, and then time passes only when
        something is done.

    Attributes
    ----------
    pace
        As given.
    """

    def __init__(self, world: World, pace: float) -> None:
        self._world = world
        self.pace = pace
        self._start_s = time.monotonic()
        self._world_start_s = world.time_s
        self._freed = asyncio.Event()

    def now_s(self) -> float:
        """Return the world's time, seconds since the epoch."""
        return self._world.time_s

    def catch_up(self) -> None:
        """Let the world be as late as the wall is."""
        if self.pace > 0.0:
            due_s = self._world_start_s + (time.monotonic() - self._start_s) / self.pace
            if due_s > self._world.time_s:
                self._world.wait(due_s - self._world.time_s)

    async def wait_since(self, world_time_s: float, stopped: asyncio.Event) -> bool:
        """Wait as long as the world took since `world_time_s`; return whether it was stopped meanwhile."""
        try:
            await asyncio.wait_for(stopped.wait(), self.pace * (self._world.time_s - world_time_s))
        except TimeoutError:
            return False
        return True

    def free(self) -> None:
        """Say that an axis may no longer be stuck."""
        self._freed.set()

    async def wait_free(self, is_stuck: Callable[[], bool], stopped: asyncio.Event) -> bool:
        """Wait until something is no longer stuck; return False if it was stopped before."""
        while is_stuck():
            self._freed.clear()
            events = [asyncio.create_task(event.wait()) for event in (self._freed, stopped)]
            await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
            for event in events:
                event.cancel()
            if stopped.is_set():
                return False
        return True
