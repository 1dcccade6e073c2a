"""Bluesky plans for STXM; any devices that speak the bluesky protocols."""

from operando_plans.advice import (
    Advice,
    AdviceLimits,
    AdviceList,
    Answer,
    Asked,
    Suggestion,
    SuggestionSource,
)
from operando_plans.advice_file import AdviceFile
from operando_plans.beam import BeamLostError
from operando_plans.dose import Sample
from operando_plans.energy_stack import energy_stack
from operando_plans.estimate import Assumptions, Estimate, UserLimits, dry_run
from operando_plans.field import Field
from operando_plans.focus import FocusedEnergy, FocusLaw
from operando_plans.operando_series import operando_series
from operando_plans.options import BeamGuard, ScanOptions
from operando_plans.pace import Pace
from operando_plans.parts import Parts
from operando_plans.plan import Clock
from operando_plans.region import Region, regions_of
from operando_plans.stxm import STXM
from operando_plans.until import Until

__all__ = [
    "STXM",
    "Advice",
    "AdviceFile",
    "AdviceLimits",
    "AdviceList",
    "Answer",
    "Asked",
    "Assumptions",
    "BeamGuard",
    "BeamLostError",
    "Clock",
    "Estimate",
    "Field",
    "FocusLaw",
    "FocusedEnergy",
    "Pace",
    "Parts",
    "Region",
    "Sample",
    "ScanOptions",
    "Suggestion",
    "SuggestionSource",
    "Until",
    "UserLimits",
    "dry_run",
    "energy_stack",
    "operando_series",
    "regions_of",
]
