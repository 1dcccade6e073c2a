"""A motor record over one axis of the world, with the fields that ophyd's EpicsMotor needs."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from operando_sim.ioc.record import SETTING, Puts

if TYPE_CHECKING:
    from operando_sim.ioc.bank import Bank
    from operando_sim.ioc.clock import Clock
    from operando_sim.world import World

__all__ = ["MotorRecord"]

_STEP_WALL_S = 0.05
"""So often a moving axis publishes where it is, and can be stopped."""


class MotorRecord:
    """Serve an axis as a motor record.

    A put to the present position pulses DMOV as well: EpicsMotor would wait for ever otherwise. An axis
    that is stuck is moving, as far as anyone can see, until it is released or stopped.

    Parameters
    ----------
    bank
        Where its records go.
    name
        Of the record.
    axis
        Of the world.
    world, clock
        Whose axis it is, and its time.
    """

    def __init__(self, bank: Bank, name: str, axis: str, world: World, clock: Clock) -> None:
        self._axis, self._world, self._clock = axis, world, clock
        self._stopped = asyncio.Event()
        self._moving = asyncio.Lock()
        can, here = world.axes[axis], world.axes.position(axis)
        units, (low, high) = can.units, can.limits
        self._shown = here
        self._target = bank.number(name, here, Puts(then=self._move), units=units, limits=can.limits)
        bank.also(f"{name}.VAL", self._target)
        self._readback = bank.number(f"{name}.RBV", here, units=units, limits=can.limits)
        self._done = bank.integer(f"{name}.DMOV", 1)
        self._is_moving = bank.integer(f"{name}.MOVN", 0)
        self._direction = bank.integer(f"{name}.TDIR", 0)
        bank.integer(f"{name}.STOP", 0, Puts(then=self._stop))
        bank.number(f"{name}.HLM", high, Puts(then=self._limit_above), units=units)
        bank.number(f"{name}.LLM", low, Puts(then=self._limit_below), units=units)
        # As a motor record has it, 0 means that no speed is known: each move takes its settling time.
        bank.number(f"{name}.VELO", can.per_s if math.isfinite(can.per_s) else 0.0, units=units)
        bank.number(f"{name}.ACCL", can.settling_s, units="s")
        bank.number(f"{name}.OFF", 0.0, units=units)
        bank.menu(f"{name}.DIR", ("Pos", "Neg"))
        bank.menu(f"{name}.FOFF", ("Variable", "Frozen"))
        bank.menu(f"{name}.SET", ("Use", "Set"))
        bank.word(f"{name}.EGU", units)
        for unused in ("HLS", "LLS", "HOMF", "HOMR"):
            bank.integer(f"{name}.{unused}", 0, SETTING)

    async def refresh(self) -> None:
        """Publish where the axis is, if it moved."""
        here = self._world.axes.position(self._axis)
        if here != self._shown:
            self._shown = here
            await self._readback.show(here)

    async def _move(self, target: float) -> None:
        self._stopped.set()  # a new target takes over from an old one
        async with self._moving:
            self._stopped.clear()
            await self._direction.show(int(target >= self._world.axes.position(self._axis)))
            await self._done.show(0)
            await self._is_moving.show(1)
            try:
                await self._travel(float(target))
            finally:
                await self.refresh()
                await self._is_moving.show(0)
                await self._done.show(1)

    async def _travel(self, target: float) -> None:
        """Go, step by step; over also when it is stopped."""
        axes, axis = self._world.axes, self._axis
        while (begun_at := axes.position(axis)) != target:
            if not await self._clock.wait_free(lambda: axes.is_stuck(axis), self._stopped):
                return
            way = target - begun_at
            duration_s = axes[axis].duration_s(way)
            steps = max(1, math.ceil(self._clock.pace * duration_s / _STEP_WALL_S))
            for step in range(1, steps + 1):
                begun_s = self._clock.now_s()
                axes.place(axis, target if step == steps else begun_at + way * step / steps)
                self._world.wait(duration_s / steps)
                was_stopped = await self._clock.wait_since(begun_s, self._stopped)
                await self.refresh()
                if was_stopped:
                    return

    async def _stop(self, value: object) -> None:
        if value:
            self._stopped.set()

    async def _limit_above(self, high: float) -> None:
        await self._target.write_metadata(upper_ctrl_limit=high)

    async def _limit_below(self, low: float) -> None:
        await self._target.write_metadata(lower_ctrl_limit=low)
