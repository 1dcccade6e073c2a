"""A motor record over one axis of the world, with the fields that ophyd's EpicsMotor needs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from operando_sim.ioc.record import SETTING, Puts

if TYPE_CHECKING:
    from collections.abc import Callable

    from operando_sim.ioc.bank import Bank
    from operando_sim.ioc.clock import Clock

__all__ = ["Axis", "MotorRecord"]

_PRECISION = 4


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of the world.

    Attributes
    ----------
    name
        Of its record.
    units
        Of its positions.
    limits
        Lowest and highest position.
    position
        Where it is.
    go
        Brings it to a place and lets the world's time pass.
    is_stuck
        Whether it does not move.
    step
        Longest way in one go; after each it can be stopped, and its read-back is published.
    speed_per_s
        Way per second, for clients that want to know how long a move may take.
    """

    name: str
    units: str
    limits: tuple[float, float]
    position: Callable[[], float]
    go: Callable[[float], None]
    is_stuck: Callable[[], bool]
    step: float
    speed_per_s: float


class MotorRecord:
    """Serve an axis as a motor record.

    A put to the present position pulses DMOV as well: EpicsMotor would wait for ever otherwise. An axis
    that is stuck is moving, as far as anyone can see, until it is released or stopped.

    Parameters
    ----------
    bank
        Where its records go.
    axis
        What moves.
    clock
        Of the world.
    """

    def __init__(self, bank: Bank, axis: Axis, clock: Clock) -> None:
        self._axis = axis
        self._clock = clock
        self._stopped = asyncio.Event()
        self._moving = asyncio.Lock()
        name, units, limits, here = axis.name, axis.units, axis.limits, axis.position()
        low, high = limits
        self._target = bank.number(
            name, here, Puts(then=self._move), units=units, limits=limits, precision=_PRECISION
        )
        bank.also(f"{name}.VAL", self._target)
        self._readback = bank.number(f"{name}.RBV", here, units=units, limits=limits, precision=_PRECISION)
        self._done = bank.integer(f"{name}.DMOV", 1)
        self._is_moving = bank.integer(f"{name}.MOVN", 0)
        self._direction = bank.integer(f"{name}.TDIR", 0)
        bank.integer(f"{name}.STOP", 0, Puts(then=self._stop))
        bank.number(f"{name}.HLM", high, Puts(then=self._limit_above), units=units)
        bank.number(f"{name}.LLM", low, Puts(then=self._limit_below), units=units)
        bank.number(f"{name}.VELO", axis.speed_per_s, units=f"{units}/s")
        bank.number(f"{name}.ACCL", 0.0, units="s")
        bank.number(f"{name}.OFF", 0.0, units=units)
        bank.menu(f"{name}.DIR", ("Pos", "Neg"))
        bank.menu(f"{name}.FOFF", ("Variable", "Frozen"))
        bank.menu(f"{name}.SET", ("Use", "Set"))
        bank.word(f"{name}.EGU", units)
        for unused in ("HLS", "LLS", "HOMF", "HOMR"):
            bank.integer(f"{name}.{unused}", 0, SETTING)

    async def refresh(self) -> None:
        """Publish where the axis is, when something else than this record moved it."""
        await self._readback.show(self._axis.position())

    async def _move(self, target: float) -> None:
        self._stopped.set()  # a new target takes over from an old one
        async with self._moving:
            self._stopped.clear()
            await self._direction.show(int(target >= self._axis.position()))
            await self._done.show(0)
            await self._is_moving.show(1)
            try:
                await self._travel(float(target))
            finally:
                await self._readback.show(self._axis.position())
                await self._is_moving.show(0)
                await self._done.show(1)

    async def _travel(self, target: float) -> None:
        axis = self._axis
        while (way := target - axis.position()) != 0.0:
            if not await self._clock.wait_free(axis.is_stuck, self._stopped):
                return
            start_s = self._clock.now_s()
            step = min(max(way, -axis.step), axis.step)
            axis.go(target if step == way else axis.position() + step)
            if await self._clock.wait_since(start_s, self._stopped):
                return
            await self._readback.show(axis.position())

    async def _stop(self, value: Any) -> None:
        if value:
            self._stopped.set()

    async def _limit_above(self, high: float) -> None:
        await self._target.write_metadata(upper_ctrl_limit=high)

    async def _limit_below(self, low: float) -> None:
        await self._target.write_metadata(lower_ctrl_limit=low)
