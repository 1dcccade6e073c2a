"""A simulated microscope of all parts, and parts that fail on request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from operando_plans import STXM, FocusedEnergy, FocusLaw, Parts
from operando_sim import OpticsSettings, SampleSettings, World, WorldSettings, ZonePlateSettings, make_stxm

PLATE = ZonePlateSettings()
LAW = FocusLaw(a0_um=PLATE.a0_um, a1_um_per_ev=PLATE.a1_um_per_ev)
SETTINGS = WorldSettings(
    sample=SampleSettings(field_um=2.0, length_um=(0.4, 1.0)), optics=OpticsSettings(zone_plate=PLATE)
)


def a_world(**zone_plate: Any) -> World:
    plate = replace(PLATE, **zone_plate)
    return World(replace(SETTINGS, optics=OpticsSettings(zone_plate=plate)), seed=1)


def a_microscope(world: World, **others: Any) -> STXM:
    sim = make_stxm(world, i0_channel="i0")
    energy = FocusedEnergy(sim.energy, sim.zone_plate, LAW)
    parts = {
        "energy": energy,
        "focus": energy.focus,
        "line_flyer": sim.flyer,
        "frame_flyer": sim.frame_flyer,
        "polarization": sim.polarization,
        "coarse_x": sim.coarse_x,
        "coarse_y": sim.coarse_y,
        "sample_x": sim.sample_x,
        "sample_y": sim.sample_y,
        "shutter": sim.shutter,
        "counters": (sim.counter,),
        "ring_current": sim.ring_current,
        "potentiostat": sim.potentiostat,
        "i0_field": "STXMLineFlyer_i0",
    }
    return STXM(Parts(**{**parts, **others}))


class Part:
    """A part that has only what every part has, and says what was done to it."""

    def __init__(self, name: str, fails: str = "") -> None:
        self.name = name
        self.done: list[str] = []
        self._fails = fails

    def _do(self, what: str) -> list[object]:
        self.done.append(what)
        if what == self._fails:
            raise RuntimeError(f"{self.name} does not answer")
        return [self]

    def stop(self, *, success: bool = False) -> None:  # noqa: ARG002
        self._do("stop")

    def stage(self) -> list[object]:
        return self._do("stage")

    def unstage(self) -> list[object]:
        return self._do("unstage")

    def wait_for_connection(self, *, timeout: float) -> None:
        if self._fails == "connect":
            raise TimeoutError(f"{self.name}.VAL did not connect in {timeout} s")
