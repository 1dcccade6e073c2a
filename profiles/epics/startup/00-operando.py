"""A microscope over EPICS records: what is yours is the names of the records and the numbers beside them."""

from pathlib import Path

from operando.app.session import open_session
from operando_plans import STXM, FocusedEnergy, FocusLaw, Parts
from operando_plans import epics as ca

P = "SIM:"  # before the names of all records

energy = FocusedEnergy(
    ca.EpicsAxis(f"{P}Energy", name="energy"),
    ca.EpicsAxis(f"{P}ZonePlateZ", name="ZonePlateZ"),
    FocusLaw(a0_um=500.0, a1_um_per_ev=6.77506),
)
stxm = STXM(
    Parts(
        energy=energy,
        focus=energy.focus,
        line_flyer=ca.EpicsLineFlyer(f"{P}Line", name="STXMLineFlyer"),
        frame_flyer=ca.EpicsFrameFlyer(f"{P}Frame", name="STXMFrameFlyer"),
        coarse_x=ca.EpicsAxis(f"{P}CoarseX", name="CoarseX"),
        coarse_y=ca.EpicsAxis(f"{P}CoarseY", name="CoarseY"),
        sample_x=ca.EpicsAxis(f"{P}SampleX", name="SampleX"),
        sample_y=ca.EpicsAxis(f"{P}SampleY", name="SampleY"),
        shutter=ca.EpicsShutter(f"{P}Shutter", f"{P}Shutter:Readback", name="shutter"),
        counters=(ca.EpicsCounter(f"{P}Counter", name="counter"),),
        ring_current=ca.epics_ring_current(f"{P}Ring:Current", name="ring_current"),
        potentiostat=ca.EpicsPotentiostat(f"{P}Cell", name="potentiostat"),
    )
)
session = open_session(Path(__file__).parent.parent / "profile.toml", stxm)
RE, estimate = session.engine, session.estimate
operando_series, energy_stack = session.operando_series, session.energy_stack
