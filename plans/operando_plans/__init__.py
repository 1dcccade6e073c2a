"""Bluesky plans for STXM; any devices that speak the bluesky protocols."""

from operando_plans.devices import Instrument
from operando_plans.energy_stack import energy_stack
from operando_plans.field import Field
from operando_plans.operando_series import operando_series

__all__ = ["Field", "Instrument", "energy_stack", "operando_series"]
