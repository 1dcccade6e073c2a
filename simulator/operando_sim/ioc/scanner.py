"""A scanner on the fly, for a line or a raster: set, Go, busy until done or stopped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from operando_sim.ioc.record import SETTING, Puts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from operando_sim.ioc.bank import Bank
    from operando_sim.ioc.clock import Clock
    from operando_sim.world import Exposure, World

__all__ = ["STATES", "Scanner"]

STATES = ("idle", "busy", "done", "stopped", "refused")


class Scanner:
    """Serve a scanner of the sample stage; a line is a raster of one row.

    It is set by X, Y (pixel centres of columns and rows, µm) and Dwell (ms). A put of 1 to Go completes
    when the scan is over; Go is then 0, and State and Message say how it ended. Before that, all that was
    measured is published, or nothing: Counts and I0 row by row, XReadback and YReadback, and Time, when
    each row ended (world time, seconds since the epoch).

    Parameters
    ----------
    bank
        Where its records go.
    name
        Before the names of its records.
    most
        So many columns and rows at most.
    world, clock
        What is scanned, and its time.
    refresh
        Publishes what changed: awaited after each row.
    """

    def __init__(
        self,
        bank: Bank,
        name: str,
        most: tuple[int, int],
        *,
        world: World,
        clock: Clock,
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self._world, self._clock, self._refresh = world, clock, refresh
        self._stopped = asyncio.Event()
        nx, ny = most
        self._x = bank.waveform(f"{name}:X", nx, SETTING, units="um")
        self._y = bank.waveform(f"{name}:Y", ny, SETTING, units="um")
        self._dwell = bank.number(f"{name}:Dwell", 1.0, SETTING, units="ms")
        self._go = bank.integer(f"{name}:Go", 0, Puts(then=self._scan))
        bank.integer(f"{name}:Stop", 0, Puts(then=self._stop))
        self._state = bank.menu(f"{name}:State", STATES)
        self._message = bank.text(f"{name}:Message")
        self._rows_done = bank.integer(f"{name}:RowsDone", 0)
        self._counts = bank.waveform(f"{name}:Counts", nx * ny, units="counts")
        self._i0 = bank.waveform(f"{name}:I0", nx * ny, units="counts")
        self._x_readback = bank.waveform(f"{name}:XReadback", nx, units="um")
        self._y_readback = bank.waveform(f"{name}:YReadback", ny, units="um")
        self._time = bank.waveform(f"{name}:Time", ny, units="s")

    async def _scan(self, go: int) -> None:
        if not go:
            return
        if self._state.value == "busy":
            await self._message.show("it is busy: wait, or put 1 to Stop")
            return
        self._stopped.clear()
        await self._state.show("busy")
        await self._message.show("")
        state, message = "refused", self._complaint()
        if not message:
            state = await self._rows()
        await self._message.show(message)
        await self._state.show(state)
        await self._go.show(0)

    def _complaint(self) -> str:
        """Return why this scan cannot be done; empty if it can."""
        x, y = np.atleast_1d(self._x.value), np.atleast_1d(self._y.value)
        low, high = self._world.stage_limits_um
        if not self._dwell.value > 0.0:
            return f"Dwell is {self._dwell.value} ms; put more than 0"
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return "X or Y is not finite; put numbers"
        if min(x.min(), y.min()) < low or max(x.max(), y.max()) > high:
            return f"X or Y leaves the stage's travel, {low:g} to {high:g} um; move the region"
        return ""

    async def _rows(self) -> str:
        """Scan all rows, publish them if none is missing, and return the state that this ends in."""
        x, rows = np.atleast_1d(self._x.value), np.atleast_1d(self._y.value)
        done: list[tuple[Exposure, float]] = []
        for y_um in rows:
            await self._rows_done.show(len(done))
            if not await self._clock.wait_free(self._is_stuck, self._stopped):
                return "stopped"
            start_s = self._clock.now_s()
            exposure = self._world.expose_line(x, float(y_um), float(self._dwell.value))
            done.append((exposure, self._clock.now_s()))
            was_stopped = await self._clock.wait_since(start_s, self._stopped)
            await self._refresh()
            if was_stopped:
                return "stopped"
        await self._rows_done.show(len(done))
        await self._publish(done)
        return "done"

    async def _publish(self, done: list[tuple[Exposure, float]]) -> None:
        exposures = [exposure for exposure, _ in done]
        ended_s = [end_s for _, end_s in done]
        for record, values in (
            (self._x_readback, exposures[-1].x_um),
            (self._y_readback, [exposure.y_um for exposure in exposures]),
            (self._time, ended_s),
            (self._i0, np.concatenate([exposure.i0 for exposure in exposures])),
            (self._counts, np.concatenate([exposure.counts for exposure in exposures])),
        ):
            # The time of all of it is that of the last row, whatever has happened since.
            await record.show_as_of(list(values), ended_s[-1])

    def _is_stuck(self) -> bool:
        return self._world.is_stuck("sample_x") or self._world.is_stuck("sample_y")

    async def _stop(self, value: object) -> None:
        if value:
            self._stopped.set()
