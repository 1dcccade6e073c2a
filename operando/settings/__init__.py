"""Profiles: how an instrument's documents are to be read and fitted. TOML, checked once at the door."""

from __future__ import annotations

from operando.settings.acquisition import (
    AcquisitionSettings,
    BeamSettings,
    DoseSettings,
    FollowSettings,
    MostSettings,
    PaceSettings,
    RegionSettings,
)
from operando.settings.advice import AdviceSettings
from operando.settings.alarms import AlarmSettings
from operando.settings.fit import FitSettings, LimitSettings, ManualShiftSettings, RegistrationSettings
from operando.settings.instrument import DetectorSettings, IncidentSettings, LayoutSettings
from operando.settings.library import LibrarySettings, PhaseSettings
from operando.settings.loading import load_library_settings, load_profile, load_tiff_stack
from operando.settings.profile import Profile
from operando.settings.studies import CellSettings, CrystalSettings, ExposureSettings, StudySettings
from operando.settings.tiff_stack import TiffStackSettings

__all__ = [
    "AcquisitionSettings",
    "AdviceSettings",
    "AlarmSettings",
    "BeamSettings",
    "CellSettings",
    "CrystalSettings",
    "DetectorSettings",
    "DoseSettings",
    "ExposureSettings",
    "FitSettings",
    "FollowSettings",
    "IncidentSettings",
    "LayoutSettings",
    "LibrarySettings",
    "LimitSettings",
    "ManualShiftSettings",
    "MostSettings",
    "PaceSettings",
    "PhaseSettings",
    "Profile",
    "RegionSettings",
    "RegistrationSettings",
    "StudySettings",
    "TiffStackSettings",
    "load_library_settings",
    "load_profile",
    "load_tiff_stack",
]
