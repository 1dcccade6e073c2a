"""The block `[advice]`: when to suggest what to a plan."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from operando.settings.base import Settings

__all__ = ["AdviceSettings"]


class AdviceSettings(Settings):
    """When to suggest what to the plan that is running; what is left out is never suggested.

    Stop: when the mean x is above or below a limit with `confidence`, after `max_duration_s`, or when a
    pixel has had `max_dose_mgy` at `dose_mgy_per_ms`. Longer dwell, up to `max_dwell_ms`: while the median
    σ(x) is above `wished_sigma_x`. Next region: when the mean x has not changed for `unchanged_cycles`.
    Denser region: around `front_pixels` or more that lie together and react. Shift: after a sample that has
    moved by `shift_um` or more.
    """

    stop_above_x: float | None = Field(default=None, allow_inf_nan=False)
    stop_below_x: float | None = Field(default=None, allow_inf_nan=False)
    confidence: float = Field(default=0.975, gt=0.5, lt=1)
    max_duration_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_dose_mgy: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    dose_mgy_per_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    wished_sigma_x: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_dwell_ms: float = Field(default=float("inf"), gt=0)
    unchanged_cycles: int | None = Field(default=None, ge=1)
    front_pixels: int | None = Field(default=None, ge=1)
    shift_um: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _dose_has_a_rate(self) -> Self:
        if (self.max_dose_mgy is None) != (self.dose_mgy_per_ms is None):
            msg = "max_dose_mgy and dose_mgy_per_ms belong together; give both or neither"
            raise ValueError(msg)
        return self
