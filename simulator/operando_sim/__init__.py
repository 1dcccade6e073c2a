"""A simulated STXM with a reacting sample whose truth is known. Shares nothing with the fit."""

from operando_sim.faults import (
    BadReadings,
    BeamLoss,
    DeadPixels,
    EnergyOffset,
    IncidentJump,
    MonitorMissing,
    Refill,
    TopUps,
    WorldFault,
)
from operando_sim.settings import (
    BeamSettings,
    CellSettings,
    DetectorSettings,
    OpticsSettings,
    ReactionSettings,
    SampleSettings,
    TimingSettings,
    WorldSettings,
    ZonePlateSettings,
    demo_settings,
    static_settings,
)
from operando_sim.spectra import LIXFEPO4, LIXV2O5, MATERIALS, Material, Phase, material_named, od_per_um
from operando_sim.stxm import SimulatedSTXM, make_stxm
from operando_sim.world import Exposure, Truth, World

# The references are not here: `python -m operando_sim.references` must find its module unimported.
__all__ = [
    "LIXFEPO4",
    "LIXV2O5",
    "MATERIALS",
    "BadReadings",
    "BeamLoss",
    "BeamSettings",
    "CellSettings",
    "DeadPixels",
    "DetectorSettings",
    "EnergyOffset",
    "Exposure",
    "IncidentJump",
    "Material",
    "MonitorMissing",
    "OpticsSettings",
    "Phase",
    "ReactionSettings",
    "Refill",
    "SampleSettings",
    "SimulatedSTXM",
    "TimingSettings",
    "TopUps",
    "Truth",
    "World",
    "WorldFault",
    "WorldSettings",
    "ZonePlateSettings",
    "demo_settings",
    "make_stxm",
    "material_named",
    "od_per_um",
    "static_settings",
]
