"""Profiles: how an instrument's documents are to be read and fitted. TOML, checked once at the door."""

from __future__ import annotations

import reprlib
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from operando.errors import ConfigurationError

__all__ = [
    "AdviceSettings",
    "DetectorSettings",
    "FitSettings",
    "IncidentSettings",
    "LayoutSettings",
    "LibrarySettings",
    "LimitSettings",
    "PhaseSettings",
    "Profile",
    "load_library_settings",
    "load_profile",
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

    `scale` takes the channel's or file's reading to that of the detector.
    """

    mode: Literal["blank", "channel", "file"] = "blank"
    file: str | None = None
    scale: float = Field(default=1.0, gt=0)


class LayoutSettings(_Settings):
    """Where things are in the documents; what is left out is found by itself.

    `pitch_um` and `dwell_ms` stand in for a run that does not say how large its pixels are, or
    how long each was looked at.
    """

    data_field: str | None = None
    i0_field: str | None = None
    energy_key: str | None = None
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


class AdviceSettings(_Settings):
    """When to suggest what to the plan that is running; what is left out is never suggested.

    Stop: when the mean x is above or below a limit with `confidence`, after `max_duration_s`, or when a
    pixel has had `max_dose_mgy` at `dose_mgy_per_ms`. Longer dwell, up to `max_dwell_ms`: while the median
    σ(x) is above `wished_sigma_x`. Next region: when the mean x has not changed for `unchanged_cycles`.
    Denser region: around `front_pixels` or more that lie together and react.
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

    @model_validator(mode="after")
    def _dose_has_a_rate(self) -> Self:
        if (self.max_dose_mgy is None) != (self.dose_mgy_per_ms is None):
            msg = "max_dose_mgy and dose_mgy_per_ms belong together; give both or neither"
            raise ValueError(msg)
        return self


class Profile(_Settings):
    """One instrument; without an `[advice]` block no advice is written."""

    detector: DetectorSettings = DetectorSettings()
    i0: IncidentSettings = IncidentSettings()
    layout: LayoutSettings = LayoutSettings()
    fit: FitSettings = FitSettings()
    limits: LimitSettings = LimitSettings()
    advice: AdviceSettings | None = None
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
        raise ConfigurationError(f"{path}: {_sentence(error)}") from error


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
