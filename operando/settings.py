"""Profiles: how an instrument's documents are to be read and fitted. TOML, checked once at the door."""

from __future__ import annotations

import reprlib
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from operando.errors import ConfigurationError

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


_MOST_BYTES = 2**20
_Model = TypeVar("_Model", bound=BaseModel)


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=True)


class DetectorSettings(_Settings):
    """The counter: `gain` is its variance-to-mean ratio F: 1 for photons, "auto" from blank pixels."""

    gain: Annotated[float, Field(gt=0, le=100)] | Literal["auto"] = 1.0
    dark_counts: float = Field(default=0.0, ge=0)
    saturation_counts: float = Field(default=float("inf"), gt=0)


class IncidentSettings(_Settings):
    """I0: blank pixels of the same image, a channel of the run, or a spectrum in counts per ms.

    `scale` takes the channel's or file's reading to that of the detector; `error` is the relative
    standard deviation of I0, which the error of x counts.
    """

    mode: Literal["blank", "channel", "file"] = "blank"
    file: str | None = None
    scale: float = Field(default=1.0, gt=0)
    error: float = Field(default=0.0, ge=0, lt=1)


class LayoutSettings(_Settings):
    """Where things are in the documents; what is left out is found by itself.

    `cell_stream` is the stream that the potentiostat writes. `pitch_um` and `dwell_ms` stand in for a run
    that does not say how large its pixels are, or how long each was looked at. `asset_roots` are folders, as
    whole paths: images that the documents only point to are read below them, and from nowhere else.
    `flat_stream` and `dark_stream` are those of images without the sample and without light. `quantity` is
    what images are, "auto": as the documents say. `border_px` pixels along all edges are not read.
    """

    data_field: str | None = None
    i0_field: str | None = None
    energy_key: str | None = None
    cell_stream: str = "potentiostat"
    flat_stream: str = "flat"
    dark_stream: str = "dark"
    quantity: Literal["auto", "counts", "amplitude"] = "auto"
    border_px: int = Field(default=0, ge=0, le=4096)
    asset_roots: tuple[Annotated[str, Field(pattern="^/")], ...] = ()
    pitch_um: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    dwell_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class FitSettings(_Settings):
    """Background columns of the fit, and which images of an energy it uses.

    `estimator`: "latest" takes the newest alone, "timed" also older ones, moved to the time of the map.
    """

    background: Literal["none", "constant", "linear"] = "none"
    estimator: Literal["latest", "timed"] = "timed"


class LimitSettings(_Settings):
    """Beyond these a pixel has no lithium content."""

    min_thickness: float = Field(default=0.1, ge=0)
    min_significance: float = Field(default=3.0, ge=0)
    max_od: float = Field(default=3.0, gt=0)


class ManualShiftSettings(_Settings):
    """Where an image lies against the first one, in pixels: said, not looked for."""

    cycle: int = Field(ge=0)
    energy: int = Field(ge=0)
    y_px: float = Field(allow_inf_nan=False)
    x_px: float = Field(allow_inf_nan=False)


class RegistrationSettings(_Settings):
    """Whether images are moved to where the first one lies, and how far that may be.

    `mode`: "off"; "on"; "auto" leaves alone what is not surely off. Without `cap_px` it is half of the
    shorter side of the field. `manual` holds in every mode.
    """

    mode: Literal["off", "on", "auto"] = "auto"
    cap_px: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    manual: tuple[ManualShiftSettings, ...] = ()


class AdviceSettings(_Settings):
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


class RegionSettings(_Settings):
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


class BeamSettings(_Settings):
    """Below `floor_ma` the beam is lost, from `resume_ma` on it is back; a line is repeated so often."""

    floor_ma: float = Field(gt=0, allow_inf_nan=False)
    resume_ma: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    repeats: int = Field(default=3, ge=0)
    wait_s: float | None = Field(default=None, ge=0)


class DoseSettings(_Settings):
    """What the dose depends on: the light on the sample, and what it meets."""

    photons_per_s: float = Field(gt=0, allow_inf_nan=False)
    thickness_um: float = Field(gt=0, allow_inf_nan=False)
    density_g_cm3: float = Field(gt=0, allow_inf_nan=False)
    od: float = Field(gt=0, allow_inf_nan=False)


class MostSettings(_Settings):
    """What a series may take at most; it is refused before anything moves."""

    duration_s: float | None = Field(default=None, gt=0)
    dose_mgy: float | None = Field(default=None, gt=0)
    disk_gb: float | None = Field(default=None, gt=0)


class PaceSettings(_Settings):
    """How long things take beside the dwell, for estimates."""

    line_overhead_ms: float = Field(default=300.0, ge=0)
    energy_move_s: float = Field(default=2.0, ge=0)
    place_s: float = Field(default=2.0, ge=0)


class FollowSettings(_Settings):
    """How far a series follows the advice that a monitor writes beside its log."""

    min_cycles: int | None = Field(default=None, ge=1)
    max_dwell_ms: float | None = Field(default=None, gt=0)
    max_shift_um: float = Field(default=0.0, ge=0)
    dense_pitch_um: float | None = Field(default=None, gt=0)
    wait_s: float = Field(default=2.0, ge=0)


class AcquisitionSettings(_Settings):
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


class ExposureSettings(_Settings):
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


class StudySettings(_Settings):
    """What is studied once a cycle; `clusters` is into how many pixels are divided, 0 for none."""

    health: bool = True
    unknown_phase: bool = True
    energy_offset: bool = True
    particles: bool = True
    least_pixels: int = Field(default=12, ge=1)
    most_particles: int = Field(default=200, ge=1)
    clusters: int = Field(default=0, ge=0, le=20)
    dose: ExposureSettings | None = None


class CellSettings(_Settings):
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


class CrystalSettings(_Settings):
    """The host's crystal in the plane of the particles, for `operando stress`.

    `stiffness_gpa` is c11, c22, c33, c12, c13, c23, c66 with axes 1 and 2 in the plane; `misfit` the strain
    per unit of x along these two; `axis_deg` from the direction of increasing x to axis 1.
    """

    stiffness_gpa: tuple[float, float, float, float, float, float, float]
    misfit: tuple[float, float]
    axis_deg: float = Field(default=0.0, allow_inf_nan=False)


class AlarmSettings(_Settings):
    """When somebody is to be told, and how.

    `when` says what is watched, `above` or `below` the limit in its unit; it is over when the value is back
    by `margin`. `phase` belongs to "fraction"; `code` and `severity` to "finding". At most one message in
    `every_min` minutes goes to a `command`, as its last argument, and to a `webhook`, as JSON; either is
    given up after `timeout_s`.
    """

    when: Literal[
        "stale", "gap", "lost", "i0", "ring", "drift", "residual", "lithium", "fraction", "dose", "disk",
        "ended", "finding",
    ]  # fmt: skip
    name: str | None = Field(default=None, min_length=1, max_length=80)
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    margin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    phase: str | None = None
    code: str | None = None
    severity: Literal["info", "warning", "alarm"] | None = None
    every_min: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    webhook: str | None = None
    timeout_s: float = Field(default=10.0, gt=0, le=300)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        has_limit = self.above is not None or self.below is not None
        for is_wrong, msg in (
            (self.command is None and self.webhook is None, "an alarm needs a command or a webhook"),
            (self.above is not None and self.below is not None, "give one limit, above or below"),
            (has_limit and self.when in _WITHOUT_LIMIT, f"'{self.when}' has no limit; leave it out"),
            (not has_limit and self.when in _WITH_LIMIT, f"'{self.when}' needs a limit, above or below"),
            (
                (self.phase is not None) != (self.when == "fraction"),
                "phase belongs to 'fraction', and only there",
            ),
            (
                (self.code is not None or self.severity is not None) != (self.when == "finding"),
                "code or severity belong to 'finding', and only there",
            ),
        ):
            if is_wrong:
                raise ValueError(msg)
        return self


_WITHOUT_LIMIT = frozenset({"ended", "finding"})
_WITH_LIMIT = frozenset({"i0", "ring", "drift", "residual", "lithium", "fraction", "dose"})


class Profile(_Settings):
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


class PhaseSettings(_Settings):
    """One reference spectrum of a library.

    `sigma` is the standard deviation of its values, in their own unit, independent from energy to
    energy; 0 where it is not known. It is counted in the error of x.
    """

    name: str = Field(min_length=1)
    lithium: float = Field(ge=0)
    file: str = Field(min_length=1)
    energy_unit: Literal["eV", "keV"] = "eV"
    column: int = Field(default=1, ge=1)
    kind: Literal["optical_density", "od_per_nm", "mass_absorption"] = "optical_density"
    source: str = ""
    licence: str = ""
    model: bool = False
    sigma: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class LibrarySettings(_Settings):
    """A `library.toml`."""

    element: str
    edge: str
    formula: str
    energy_offset_ev: float = 0.0
    phase: tuple[PhaseSettings, ...] = Field(min_length=2)


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TiffStackSettings(_Settings):
    """What a stack of TIFF images does not say itself; the energies are those of one cycle."""

    energies_ev: tuple[Positive, ...] = Field(min_length=1)
    pitch_um: Positive | None = None
    dwell_ms: Positive | tuple[Positive, ...] | None = None
    started: datetime | None = None
    sample: str = ""

    @model_validator(mode="after")
    def _check_dwells(self) -> Self:
        if isinstance(self.dwell_ms, tuple) and len(self.dwell_ms) != len(self.energies_ev):
            msg = f"dwell_ms has {len(self.dwell_ms)} values for {len(self.energies_ev)} energies"
            raise ValueError(msg)
        return self


def load_profile(path: Path) -> Profile:
    """Return the profile in a TOML file.

    Raises
    ------
    ConfigurationError
        The file is missing, is not TOML, or has a key or value that is not allowed.
    """
    return _load(path, Profile)


def load_library_settings(path: Path) -> LibrarySettings:
    """Return the contents of a `library.toml`.

    Raises
    ------
    ConfigurationError
        The file is missing, is not TOML, or has a key or value that is not allowed.
    """
    return _load(path, LibrarySettings)


def load_tiff_stack(path: Path) -> TiffStackSettings:
    """Return the settings beside a stack of TIFF images.

    Raises
    ------
    ConfigurationError
        The file is missing, is not TOML, or has a key or value that is not allowed.
    """
    return _load(path, TiffStackSettings)


def _load(path: Path, model: type[_Model]) -> _Model:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            msg = f"{path} has more than {_MOST_BYTES} bytes; give the path of a TOML file of settings"
            raise ConfigurationError(msg)
        content = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}; give the path of a TOML file"
        raise ConfigurationError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path} is not TOML: {error}"
        raise ConfigurationError(msg) from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_swapped(content, model) or _sentence(error)}") from error


def _swapped(content: Mapping[str, object], model: type[BaseModel]) -> str:
    """Return what to do with a library given as a profile, or a profile given as a library; else nothing."""
    if model is Profile and "phase" in content:
        return (
            "this is a library of references: give it as --references, or name it in a profile as 'library'"
        )
    if model is LibrarySettings and "library" in content:
        return "this is a profile: give it as --profile; a library of references has [[phase]]"
    return ""


def _sentence(error: ValidationError) -> str:
    """Return the first complaints of pydantic in one line."""
    parts: list[str] = []
    for problem in error.errors(include_url=False)[:4]:
        where = ".".join(str(step) for step in problem["loc"])
        if problem["type"] == "extra_forbidden":
            parts.append(f"'{where}' is not a known key; check its spelling")
        else:
            parts.append(f"'{where}': {problem['msg'].lower()}, found {reprlib.repr(problem['input'])}"[:200])
    return "; ".join(parts)
