"""What is studied beside the maps, and what is known of dose, cell and crystal for it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from operando.settings.base import Settings

__all__ = ["CellSettings", "CrystalSettings", "ExposureSettings", "StudySettings"]


class ExposureSettings(Settings):
    """What the dose of a run is computed from.

    The light: `photons_per_s` on the sample, or `photons_per_count` of the detector without a sample. The
    mass: `thickness_nm` is how thick the references are where they are optical densities. From `limit_mgy` on
    there is an alarm.
    """

    photons_per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    photons_per_count: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    density_g_cm3: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    thickness_nm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    limit_mgy: float = Field(default=float("inf"), gt=0)

    @model_validator(mode="after")
    def _light_is_said_once(self) -> Self:
        if (self.photons_per_s is None) == (self.photons_per_count is None):
            msg = "give either photons_per_s or photons_per_count"
            raise ValueError(msg)
        return self


class StudySettings(Settings):
    """What is studied once a cycle; `clusters` is into how many pixels are divided, 0 for none."""

    health: bool = True
    unknown_phase: bool = True
    energy_offset: bool = True
    particles: bool = True
    least_pixels: int = Field(default=12, ge=1)
    most_particles: int = Field(default=200, ge=1)
    clusters: int = Field(default=0, ge=0, le=20)
    dose: ExposureSettings | None = None


class CellSettings(Settings):
    """The electrochemical cell: what its charge means, and which file has the readings, if no stream has.

    `positive` says what the instrument counts as positive current. `starts_s` is when the file's time is
    zero, in seconds since the epoch. `lithium_at_start` is x where the charge is zero.
    """

    file: str | None = None
    starts_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    positive: Literal["delithiation", "lithiation"] = "delithiation"
    mass_mg: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    molar_mass_g_mol: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    lithium_at_start: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    longest_lag_s: float = Field(default=1800.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _host_is_whole(self) -> Self:
        host = (self.mass_mg, self.molar_mass_g_mol, self.lithium_at_start)
        if len({value is None for value in host}) > 1:
            msg = "mass_mg, molar_mass_g_mol and lithium_at_start belong together; give all or none"
            raise ValueError(msg)
        return self


class CrystalSettings(Settings):
    """The host's crystal in the plane of the particles, for `operando stress`.

    `stiffness_gpa` is c11, c22, c33, c12, c13, c23, c66 with axes 1 and 2 in the plane; `misfit` the strain
    per unit of x along these two; `axis_deg` from the direction of increasing x to axis 1.
    """

    stiffness_gpa: tuple[float, float, float, float, float, float, float]
    misfit: tuple[float, float]
    axis_deg: float = Field(default=0.0, allow_inf_nan=False)
