"""A simulated microscope in this process: what the plans do can be tried without any instrument."""

import time
from dataclasses import replace
from pathlib import Path

from operando.app.session import open_session
from operando_plans import STXM, FocusedEnergy, FocusLaw, Parts
from operando_sim import World, ZonePlateSettings, demo_settings, make_stxm

settings = demo_settings()
optics = replace(settings.optics, zone_plate=ZonePlateSettings())
world = World(replace(settings, start_time_s=time.time(), optics=optics), seed=7, pace=0.1)
sim = make_stxm(world)

energy = FocusedEnergy(sim.energy, sim.zone_plate, FocusLaw(a0_um=500.0, a1_um_per_ev=6.77506))
stxm = STXM(
    Parts(
        energy=energy,
        focus=energy.focus,
        line_flyer=sim.flyer,
        frame_flyer=sim.frame_flyer,
        coarse_x=sim.coarse_x,
        coarse_y=sim.coarse_y,
        sample_x=sim.sample_x,
        sample_y=sim.sample_y,
        shutter=sim.shutter,
        counters=(sim.counter,),
        ring_current=sim.ring_current,
        potentiostat=sim.potentiostat,
    )
)
session = open_session(Path(__file__).parent.parent / "profile.toml", stxm)
RE, estimate = session.engine, session.estimate
operando_series, energy_stack = session.operando_series, session.energy_stack
