"""The block `[acquisition]`: what is scanned, how long, at what cost, and what is never exceeded."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from operando.settings.base import Settings

__all__ = [
    "AcquisitionSettings",
    "BeamSettings",
    "DoseSettings",
    "FollowSettings",
    "MostSettings",
    "PaceSettings",
    "RegionSettings",
]


class RegionSettings(Settings):
    """A place that is scanned; its energies and dwells are those of the acquisition where it has none."""

    name: str = Field(min_length=1)
    centre_um: tuple[float, float]
    size_um: tuple[float, float]
    points: tuple[int, int]
    energies_ev: tuple[float, ...] | None = Field(default=None, min_length=1)
    dwell_ms: float | tuple[float, ...] | None = None
    coarse_um: tuple[float, float] | None = None
    every: tuple[int, ...] = ()
    is_control: bool = False


class BeamSettings(Settings):
    """Below `floor_ma` the beam is lost, from `resume_ma` on it is back; a line is repeated so often."""

    floor_ma: float = Field(gt=0, allow_inf_nan=False)
    resume_ma: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    repeats: int = Field(default=3, ge=0)
    wait_s: float | None = Field(default=None, ge=0)


class DoseSettings(Settings):
    """What the dose depends on: the light on the sample, and what it meets."""

    photons_per_s: float = Field(gt=0, allow_inf_nan=False)
    thickness_um: float = Field(gt=0, allow_inf_nan=False)
    density_g_cm3: float = Field(gt=0, allow_inf_nan=False)
    od: float = Field(gt=0, allow_inf_nan=False)


class MostSettings(Settings):
    """What a series may take at most; it is refused before anything moves."""

    duration_s: float | None = Field(default=None, gt=0)
    dose_mgy: float | None = Field(default=None, gt=0)
    disk_gb: float | None = Field(default=None, gt=0)


class PaceSettings(Settings):
    """How long things take beside the dwell, for estimates."""

    line_overhead_ms: float = Field(default=300.0, ge=0)
    energy_move_s: float = Field(default=2.0, ge=0)
    place_s: float = Field(default=2.0, ge=0)


class FollowSettings(Settings):
    """How far a series follows the advice that a monitor writes beside its log."""

    min_cycles: int | None = Field(default=None, ge=1)
    max_dwell_ms: float | None = Field(default=None, gt=0)
    max_shift_um: float = Field(default=0.0, ge=0)
    dense_pitch_um: float | None = Field(default=None, gt=0)
    wait_s: float = Field(default=2.0, ge=0)


class AcquisitionSettings(Settings):
    """What the plans of this instrument do where they are not told otherwise, and what they may not do.

    `log` is where the runs are recorded, beside the profile unless it is a whole path. `metadata` goes into
    every start document: sample, cell, proposal. Without `follow` no advice is followed.
    """

    log: str = "series.runlog"
    energies_ev: tuple[float, ...] = Field(min_length=1)
    dwell_ms: float = Field(gt=0, allow_inf_nan=False)
    flyer: Literal["any", "line", "frame"] = "any"
    polarization: float | None = Field(default=None, allow_inf_nan=False)
    region: tuple[RegionSettings, ...] = ()
    beam: BeamSettings | None = None
    dose: DoseSettings | None = None
    most: MostSettings = MostSettings()
    pace: PaceSettings = PaceSettings()
    follow: FollowSettings | None = None
    metadata: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _dose_can_be_told(self) -> Self:
        if self.most.dose_mgy is not None and self.dose is None:
            msg = "most.dose_mgy needs to know the beam and the sample; give a block 'dose' as well"
            raise ValueError(msg)
        return self
