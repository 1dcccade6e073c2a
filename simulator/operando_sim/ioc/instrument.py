"""The simulated instrument: its records over one world, and what goes on in it by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from operando_sim.ioc.bank import Bank
from operando_sim.ioc.beamline import Counter, Shutter
from operando_sim.ioc.clock import Clock
from operando_sim.ioc.faults import make_faults
from operando_sim.ioc.motor import Axis, MotorRecord
from operando_sim.ioc.scanner import Scanner
from operando_sim.ioc.server import Server

if TYPE_CHECKING:
    from operando_sim.world import World

__all__ = ["serve"]

_MOST_ON_A_LINE = 4096
_MOST_IN_AN_IMAGE = (512, 512)
_STEP_UM = 2.0
_REFRESH_S = 0.1
"""How often records that change by themselves are published, on the wall."""


async def serve(world: World, prefix: str, pace: float) -> None:
    """Serve a world as records, until cancelled; `claim` has taken the port.

    Parameters
    ----------
    world
        What they show; made with pace 0.
    prefix
        Before every name.
    pace
        Wall seconds for a second of the world; 0 for as fast as it can.
    """
    clock = Clock(world, pace)
    bank = Bank(prefix, clock.now_s)
    server = Server(bank.records)
    motors = [MotorRecord(bank, axis, clock) for axis in _axes(world)]

    async def moved() -> None:
        for motor in motors:
            await motor.refresh()

    Scanner(bank, "Line", (_MOST_ON_A_LINE, 1), world=world, clock=clock, moved=moved)
    Scanner(bank, "Frame", _MOST_IN_AN_IMAGE, world=world, clock=clock, moved=moved)
    Shutter(bank, "Shutter", world, clock)
    Counter(bank, "Counter", world, clock)
    current = bank.number("Ring:Current", world.ring_current_ma, units="mA")
    make_faults(bank, world, clock, server.be_away)

    async def go_on() -> None:
        while True:
            clock.catch_up()
            await current.show(world.ring_current_ma)
            await asyncio.sleep(_REFRESH_S)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(go_on())
        tasks.create_task(server.run())


def _axes(world: World) -> list[Axis]:
    timing = world.settings.timing
    low_ev, high_ev = world.energy_limits_ev
    return [
        Axis(
            name="Energy",
            units="eV",
            limits=(low_ev, high_ev),
            position=lambda: world.energy_ev,
            go=world.set_energy,
            is_stuck=lambda: world.is_stuck("energy"),
            step=high_ev - low_ev,  # however far, it takes the same time
            speed_per_s=(high_ev - low_ev) / timing.energy_move_s,
        ),
        Axis(
            name="SampleX",
            units="um",
            limits=world.stage_limits_um,
            position=lambda: world.position_um[0],
            go=lambda x_um: world.move_stage(x_um, world.position_um[1]),
            is_stuck=lambda: world.is_stuck("sample_x"),
            step=_STEP_UM,
            speed_per_s=timing.stage_um_per_s,
        ),
        Axis(
            name="SampleY",
            units="um",
            limits=world.stage_limits_um,
            position=lambda: world.position_um[1],
            go=lambda y_um: world.move_stage(world.position_um[0], y_um),
            is_stuck=lambda: world.is_stuck("sample_y"),
            step=_STEP_UM,
            speed_per_s=timing.stage_um_per_s,
        ),
    ]
