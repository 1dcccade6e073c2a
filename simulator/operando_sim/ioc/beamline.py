"""Shutter, point counter, ring current and potentiostat of the served instrument."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from operando_sim.cell import Cell
from operando_sim.ioc.record import Puts

if TYPE_CHECKING:
    from operando_sim.ioc.bank import Bank
    from operando_sim.ioc.clock import Clock
    from operando_sim.world import World

__all__ = ["Counter", "Potentiostat", "RingCurrent", "Shutter"]

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


class RingCurrent:
    """Serve the ring current.

    Parameters
    ----------
    bank
        Where its record goes.
    name
        Of its record.
    world
        Whose ring it is.
    """

    def __init__(self, bank: Bank, name: str, world: World) -> None:
        self._world = world
        self._current = bank.number(name, world.ring_current_ma, units="mA")

    async def refresh(self) -> None:
        """Publish the current of now."""
        await self._current.show(self._world.ring_current_ma)


class Potentiostat:
    """Serve voltage, current and charge of the cell, the charge last.

    Parameters
    ----------
    bank
        Where its records go.
    name
        Before their names.
    world
        Whose cell it is.
    """

    def __init__(self, bank: Bank, name: str, world: World) -> None:
        self._world = world
        self._cell = Cell(world)
        self._due_s = world.time_s
        self._voltage = bank.number(f"{name}:Voltage", 0.0, units="V")
        self._current = bank.number(f"{name}:Current", 0.0, units="uA")
        self._charge = bank.number(f"{name}:Charge", 0.0, units="uAh")
        bank.number(f"{name}:HostNmol", world.settings.cell.host_nmol, units="nmol")

    async def refresh(self) -> None:
        """Publish a reading, if one is due."""
        time_s = self._world.time_s
        if time_s < self._due_s:
            return
        self._due_s = time_s + self._world.settings.cell.every_s
        reading = self._cell.read(time_s)
        await self._voltage.show(reading.voltage_v)
        await self._current.show(reading.current_ua)
        await self._charge.show(reading.charge_uah)


def _check_dwell(dwell_ms: float) -> None:
    if not dwell_ms > 0.0:
        raise ValueError(f"the dwell is {dwell_ms} ms; put more than 0")
