"""The fit: what it takes account of, which pixels have no answer, and how images are registered before."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from operando.settings.base import Settings

__all__ = ["FitSettings", "LimitSettings", "ManualShiftSettings", "RegistrationSettings"]


class FitSettings(Settings):
    """Background columns of the fit, and which images of an energy it uses.

    `estimator`: "latest" takes the newest alone, "timed" also older ones, moved to the time of the map.
    """

    background: Literal["none", "constant", "linear"] = "none"
    estimator: Literal["latest", "timed"] = "timed"


class LimitSettings(Settings):
    """Beyond these a pixel has no lithium content."""

    min_thickness: float = Field(default=0.1, ge=0)
    min_significance: float = Field(default=3.0, ge=0)
    max_od: float = Field(default=3.0, gt=0)


class ManualShiftSettings(Settings):
    """Where an image lies against the first one, in pixels: said, not looked for."""

    cycle: int = Field(ge=0)
    energy: int = Field(ge=0)
    y_px: float = Field(allow_inf_nan=False)
    x_px: float = Field(allow_inf_nan=False)


class RegistrationSettings(Settings):
    """Whether images are moved to where the first one lies, and how far that may be.

    `mode`: "off"; "on"; "auto" leaves alone what is not surely off. Without `cap_px` it is half of the
    shorter side of the field. `manual` holds in every mode.
    """

    mode: Literal["off", "on", "auto"] = "auto"
    cap_px: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    manual: tuple[ManualShiftSettings, ...] = ()
