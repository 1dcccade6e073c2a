"""The simulated instrument: its records over one world, and what goes on in it by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from operando_sim.ioc.bank import Bank
from operando_sim.ioc.beamline import Counter, Potentiostat, RingCurrent, Shutter
from operando_sim.ioc.clock import Clock
from operando_sim.ioc.faults import make_faults
from operando_sim.ioc.motor import MotorRecord
from operando_sim.ioc.scanner import Scanner
from operando_sim.ioc.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from operando_sim.world import World

__all__ = ["serve"]

_MOTORS = {
    "energy": "Energy",
    "polarization": "Polarization",
    "sample_x": "SampleX",
    "sample_y": "SampleY",
    "coarse_x": "CoarseX",
    "coarse_y": "CoarseY",
    "zone_plate": "ZonePlateZ",
}
_MOST_ON_A_LINE = 4096
_MOST_IN_AN_IMAGE = (512, 512)
_REFRESH_S = 0.1
"""How often records that change by themselves are published, on the wall."""


async def serve(world: World, prefix: str, pace: float, tell: Callable[[], None]) -> None:
    """Serve a world as records, until cancelled; `claim` has taken the port.

    Parameters
    ----------
    world
        What they show; made with pace 0.
    prefix
        Before every name.
    pace
        Wall seconds for a second of the world; 0 for as fast as it can.
    tell
        Called when the records can be reached.
    """
    clock = Clock(world, pace)
    bank = Bank(prefix, clock.now_s)
    server = Server(bank.records)
    names = dict(_MOTORS)
    if world.settings.optics.zone_plate is None:
        del names["zone_plate"]
    motors = [MotorRecord(bank, name, axis, world, clock) for axis, name in names.items()]

    ring, cell = RingCurrent(bank, "Ring:Current", world), Potentiostat(bank, "Cell", world)

    async def refresh() -> None:
        for record in (*motors, ring, cell):
            await record.refresh()

    Scanner(bank, "Line", (_MOST_ON_A_LINE, 1), world=world, clock=clock, refresh=refresh)
    Scanner(bank, "Frame", _MOST_IN_AN_IMAGE, world=world, clock=clock, refresh=refresh)
    Shutter(bank, "Shutter", world, clock)
    Counter(bank, "Counter", world, clock)
    make_faults(bank, world, clock, motors=names, refresh=refresh, be_away=server.be_away)

    async def go_on() -> None:
        while True:
            clock.catch_up()
            await refresh()
            await asyncio.sleep(_REFRESH_S)

    async def there(_library: object) -> None:
        tell()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(go_on())
        tasks.create_task(server.run(startup_hook=there))
