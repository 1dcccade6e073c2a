"""Bluesky plans for STXM; any devices that speak the bluesky protocols."""

from operando_plans.devices import Instrument
from operando_plans.energy_stack import energy_stack
from operando_plans.field import Field
from operando_plans.focus import FocusedEnergy, FocusLaw
from operando_plans.operando_series import operando_series
from operando_plans.parts import Parts
from operando_plans.stxm import STXM

__all__ = [
    "STXM",
    "Field",
    "FocusLaw",
    "FocusedEnergy",
    "Instrument",
    "Parts",
    "energy_stack",
    "operando_series",
]
