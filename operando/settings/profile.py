"""A profile: all blocks that one instrument may have."""

from __future__ import annotations

from pydantic import Field

from operando.settings.acquisition import AcquisitionSettings
from operando.settings.advice import AdviceSettings
from operando.settings.alarms import AlarmSettings
from operando.settings.base import Settings
from operando.settings.fit import FitSettings, LimitSettings, RegistrationSettings
from operando.settings.instrument import DetectorSettings, IncidentSettings, LayoutSettings
from operando.settings.studies import CellSettings, CrystalSettings, StudySettings

__all__ = ["Profile"]


class Profile(Settings):
    """One instrument; without `[advice]` no advice is written, without `[acquisition]` nothing acquired."""

    detector: DetectorSettings = DetectorSettings()
    i0: IncidentSettings = IncidentSettings()
    layout: LayoutSettings = LayoutSettings()
    fit: FitSettings = FitSettings()
    limits: LimitSettings = LimitSettings()
    registration: RegistrationSettings = RegistrationSettings()
    advice: AdviceSettings | None = None
    studies: StudySettings = StudySettings()
    cell: CellSettings | None = None
    crystal: CrystalSettings | None = None
    alarms: tuple[AlarmSettings, ...] = Field(default=(), max_length=64)
    acquisition: AcquisitionSettings | None = None
    library: str | None = None
