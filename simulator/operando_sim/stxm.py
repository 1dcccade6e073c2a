"""A whole simulated STXM: every device of it, over one world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from operando_sim.devices import Counter, RingCurrent, Shutter
from operando_sim.flyer import FrameFlyer, LineFlyer
from operando_sim.positioners import WorldPositioner
from operando_sim.potentiostat import Potentiostat

if TYPE_CHECKING:
    from operando_sim.world import World

__all__ = ["SimulatedSTXM", "make_stxm"]


@dataclass(frozen=True, slots=True)
class SimulatedSTXM:
    """The devices of a microscope, with the names that the ALS gives them.

    Attributes
    ----------
    energy
        The monochromator, eV.
    polarization
        Of the undulator's light, degrees from horizontal; the powder does not care.
    coarse_x, coarse_y
        The stage that brings a field into the reach of the fine stage, µm.
    sample_x, sample_y
        The fine stage, µm.
    zone_plate
        Its place along the beam, µm; None in a world that is always in focus.
    shutter
        "open" and "closed".
    counter
        Point detector and incident-beam monitor, where the stage is.
    ring_current
        In mA.
    flyer
        Whole lines.
    frame_flyer
        Whole images.
    potentiostat
        Voltage, current and charge of the cell.
    """

    energy: WorldPositioner
    polarization: WorldPositioner
    coarse_x: WorldPositioner
    coarse_y: WorldPositioner
    sample_x: WorldPositioner
    sample_y: WorldPositioner
    zone_plate: WorldPositioner | None
    shutter: Shutter
    counter: Counter
    ring_current: RingCurrent
    flyer: LineFlyer
    frame_flyer: FrameFlyer
    potentiostat: Potentiostat


def make_stxm(world: World, *, i0_channel: str = "") -> SimulatedSTXM:
    """Return the devices of an STXM that looks at `world`.

    With an `i0_channel`, e.g. "i0", the flyers record the incident-beam monitor under
    `STXMLineFlyer_i0` and `STXMFrameFlyer_i0` as well; without one, I0 is to be had from blank
    pixels, as is usual.
    """
    has_zone_plate = world.settings.optics.zone_plate is not None
    return SimulatedSTXM(
        energy=WorldPositioner(world, "energy", name="energy"),
        polarization=WorldPositioner(world, "polarization", name="polarization"),
        coarse_x=WorldPositioner(world, "coarse_x", name="CoarseX"),
        coarse_y=WorldPositioner(world, "coarse_y", name="CoarseY"),
        sample_x=WorldPositioner(world, "sample_x", name="SampleX"),
        sample_y=WorldPositioner(world, "sample_y", name="SampleY"),
        zone_plate=WorldPositioner(world, "zone_plate", name="ZonePlateZ") if has_zone_plate else None,
        shutter=Shutter(world, name="shutter"),
        counter=Counter(world, name="counter"),
        ring_current=RingCurrent(world, name="ring_current"),
        flyer=LineFlyer(world, name="STXMLineFlyer", i0_channel=i0_channel),
        frame_flyer=FrameFlyer(world, name="STXMFrameFlyer", i0_channel=i0_channel),
        potentiostat=Potentiostat(world, name="potentiostat"),
    )
