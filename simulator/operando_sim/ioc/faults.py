"""Faults on request: records that make something of the served instrument fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operando_sim.ioc.record import Puts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from operando_sim.ioc.bank import Bank
    from operando_sim.ioc.clock import Clock
    from operando_sim.world import World

__all__ = ["make_faults"]


def make_faults(
    bank: Bank,
    world: World,
    clock: Clock,
    *,
    motors: Mapping[str, str],
    refresh: Callable[[], Awaitable[None]],
    be_away: Callable[[float], Awaitable[None]],
) -> None:
    """Make `Fault:Beam` (there, lost), `Fault:<motor>` (free, stuck) and `Fault:Away` (seconds, on the wall).

    Parameters
    ----------
    bank
        Where the records go.
    world, clock
        Which world, and what waits for its axes.
    motors
        Names of the motor records, by axis.
    refresh
        Publishes what changed.
    be_away
        Takes the server off the network for so many seconds.
    """

    async def set_beam(word: str) -> None:
        if word == "lost":
            world.lose_beam()
        else:
            world.return_beam()
        await refresh()

    def setter(axis: str) -> Callable[[str], Awaitable[None]]:
        async def set_axis(word: str) -> None:
            if word == "stuck":
                world.stick(axis)
            else:
                world.release(axis)
                clock.free()

        return set_axis

    bank.menu("Fault:Beam", ("there", "lost"), Puts(then=set_beam))
    for axis, name in motors.items():
        bank.menu(f"Fault:{name}", ("free", "stuck"), Puts(then=setter(axis)))
    bank.number("Fault:Away", 0.0, Puts(then=be_away), units="s")
