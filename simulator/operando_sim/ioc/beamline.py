"""Shutter and point counter of the served instrument."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from operando_sim.ioc.record import Puts

if TYPE_CHECKING:
    from operando_sim.ioc.bank import Bank
    from operando_sim.ioc.clock import Clock
    from operando_sim.world import World

__all__ = ["Counter", "Shutter"]

_PLACES = ("closed", "open")


class Shutter:
    """Serve the shutter: its set point under its name, where it is under `Readback`. Closed at first.

    Parameters
    ----------
    bank
        Where its records go.
    name
        Of its record.
    world, clock
        Whose it is, and its time.
    """

    def __init__(self, bank: Bank, name: str, world: World, clock: Clock) -> None:
        world.close_shutter()
        self._world, self._clock = world, clock
        bank.menu(name, _PLACES, Puts(then=self._move))
        self._readback = bank.menu(f"{name}:Readback", _PLACES)

    async def _move(self, place: str) -> None:
        start_s = self._clock.now_s()
        if place == "open":
            self._world.open_shutter()
        else:
            self._world.close_shutter()
        await self._clock.wait_since(start_s, asyncio.Event())
        await self._readback.show("open" if self._world.is_shutter_open else "closed")


class Counter:
    """Serve the point detector and the monitor beside it: Dwell, Go, Counts, I0.

    A put of 1 to Go completes when it has counted.

    Parameters
    ----------
    bank
        Where its records go.
    name
        Before their names.
    world, clock
        What is counted, and its time.
    """

    def __init__(self, bank: Bank, name: str, world: World, clock: Clock) -> None:
        self._world, self._clock = world, clock
        self._dwell = bank.number(f"{name}:Dwell", 1.0, Puts(check=_check_dwell), units="ms")
        self._go = bank.integer(f"{name}:Go", 0, Puts(then=self._count))
        self._counts = bank.number(f"{name}:Counts", 0.0, units="counts")
        self._i0 = bank.number(f"{name}:I0", 0.0, units="counts")

    async def _count(self, go: int) -> None:
        if not go:
            return
        start_s = self._clock.now_s()
        exposure = self._world.expose_point(float(self._dwell.value))
        await self._clock.wait_since(start_s, asyncio.Event())
        await self._counts.show(float(exposure.counts[0]))
        await self._i0.show(float(exposure.i0[0]))
        await self._go.show(0)


def _check_dwell(dwell_ms: float) -> None:
    if not dwell_ms > 0.0:
        raise ValueError(f"the dwell is {dwell_ms} ms; put more than 0")
