"""The simulated devices as one microscope, as small as most tests want it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from operando_plans import STXM, Parts
from operando_sim import World, make_stxm


def microscope(world: World, **parts: Any) -> STXM:
    """Return an STXM that looks at `world`; `parts` replace the simulated ones."""
    devices = make_stxm(world)
    simulated = Parts(
        energy=devices.energy,
        line_flyer=devices.flyer,
        sample_x=devices.sample_x,
        sample_y=devices.sample_y,
        shutter=devices.shutter,
        ring_current=devices.ring_current,
    )
    return STXM(replace(simulated, **parts))
