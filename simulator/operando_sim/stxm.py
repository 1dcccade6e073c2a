"""A whole simulated STXM: every device of it, over one world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from operando_sim.devices import Counter, Energy, RingCurrent, SampleX, SampleY, Shutter
from operando_sim.flyer import LineFlyer

if TYPE_CHECKING:
    from operando_sim.world import World

__all__ = ["SimulatedSTXM", "make_stxm"]


@dataclass(frozen=True, slots=True)
class SimulatedSTXM:
    """The devices a plan needs, with the names that the ALS gives them.

    Attributes
    ----------
    energy, sample_x, sample_y, shutter
        Settable, in eV, µm, µm, and "open" or "closed".
    counter
        Point detector, where the stage is.
    ring_current
        In mA.
    flyer
        Whole lines.
    """

    energy: Energy
    sample_x: SampleX
    sample_y: SampleY
    shutter: Shutter
    counter: Counter
    ring_current: RingCurrent
    flyer: LineFlyer


def make_stxm(world: World, *, i0_channel: str = "") -> SimulatedSTXM:
    """Return the devices of an STXM that looks at `world`.

    With an `i0_channel`, e.g. "i0", the flyer records the incident-beam monitor under
    `STXMLineFlyer_i0` as well; without one, I0 is to be had from blank pixels, as is usual.
    """
    return SimulatedSTXM(
        energy=Energy(world, name="energy"),
        sample_x=SampleX(world, name="SampleX"),
        sample_y=SampleY(world, name="SampleY"),
        shutter=Shutter(world, name="shutter"),
        counter=Counter(world, name="counter"),
        ring_current=RingCurrent(world, name="ring_current"),
        flyer=LineFlyer(world, name="STXMLineFlyer", i0_channel=i0_channel),
    )
