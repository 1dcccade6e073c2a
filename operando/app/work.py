"""From a profile and the options of the command line to what the monitor is to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operando.app.study_options import study_rules_of
from operando.core.absorption import Detector
from operando.core.advice import Rules
from operando.core.fit import Background
from operando.core.incident import IncidentMode, IncidentRule
from operando.core.stack import Estimator, Limits, Recipe
from operando.core.track import Registering, RegistrationRule
from operando.errors import ConfigurationError
from operando.io.library import load_library, read_spectrum
from operando.live.monitor import Work
from operando.settings import Profile, RegistrationSettings, load_profile

__all__ = ["Options", "rules_of", "work_of"]

_ESTIMATORS = tuple(estimator.value for estimator in Estimator)
_REGISTERING = tuple(mode.value for mode in Registering)
_MODES = frozenset({IncidentMode.BLANK.value, IncidentMode.CHANNEL.value})


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; None leaves it to the profile.

    Attributes
    ----------
    profile
        A `profile.toml`.
    references
        A `library.toml`.
    i0
        "blank", "channel", or the path of a spectrum in counts per ms.
    background
        "none", "constant" or "linear".
    gain
        Variance-to-mean ratio of the counter.
    energies_ev
        Fit only these.
    estimator
        "latest" or "timed".
    registration
        "off", "on" or "auto".
    """

    profile: Path | None = None
    references: Path | None = None
    i0: str | None = None
    background: str | None = None
    gain: float | None = None
    energies_ev: tuple[float, ...] | None = None
    estimator: str | None = None
    registration: str | None = None


def work_of(options: Options, *, beside: Path | None = None) -> Work:
    """Return what the monitor is to do.

    Parameters
    ----------
    options
        From the command line.
    beside
        The folder of the data. Files that the command line names are looked for in the current
        folder, those that the profile names beside it; either then here.

    Raises
    ------
    ConfigurationError
        A file is missing or wrong, or no references are named.
    """
    profile = Profile() if options.profile is None else load_profile(options.profile)
    home = Path() if options.profile is None else options.profile.parent
    data = [] if beside is None else [beside]
    named, folders = (
        (options.references, [Path(), *data])
        if options.references is not None
        else (profile.library, [home, *data])
    )
    if named is None:
        msg = "no reference spectra are named; give --references LIBRARY.toml, or a profile with 'library'"
        raise ConfigurationError(msg)
    # Where it is nowhere, the first place is the one to be told of.
    references = _found(named, folders) or folders[0] / named
    background = options.background or profile.fit.background
    if background.upper() not in Background.__members__:
        msg = f"the background is '{background}'; expected none, constant or linear"
        raise ConfigurationError(msg)
    estimator = options.estimator or profile.fit.estimator
    if estimator not in _ESTIMATORS:
        msg = f"the estimator is '{estimator}'; expected {' or '.join(_ESTIMATORS)}"
        raise ConfigurationError(msg)
    chosen = profile.detector.gain if options.gain is None else options.gain
    gain = float("nan") if chosen == "auto" else float(chosen)
    if chosen != "auto" and not gain > 0:
        msg = f"the gain is {gain}; the variance-to-mean ratio of a counter is above 0"
        raise ConfigurationError(msg)
    energies_ev = None if options.energies_ev is None else np.array(options.energies_ev, dtype=np.float64)
    library = load_library(references, beside=beside)
    return Work(
        library=library,
        recipe=Recipe(
            detector=Detector(gain, profile.detector.dark_counts, profile.detector.saturation_counts),
            incident=_incident(options.i0, profile, [home if options.i0 is None else Path(), *data]),
            background=Background[background.upper()],
            limits=Limits(
                profile.limits.min_thickness, profile.limits.min_significance, profile.limits.max_od
            ),
            estimator=Estimator(estimator),
            registration=_registration(options.registration, profile.registration),
        ),
        layout=profile.layout,
        energies_ev=energies_ev,
        studies=study_rules_of(profile, library, [home, *data]),
    )


def rules_of(options: Options) -> Rules | None:
    """Return when the profile wants what to be suggested to the plan; None where it does not say.

    Raises
    ------
    ConfigurationError
        The profile is missing or wrong.
    """
    advice = None if options.profile is None else load_profile(options.profile).advice
    if advice is None:
        return None
    return Rules(
        stop_above_x=advice.stop_above_x,
        stop_below_x=advice.stop_below_x,
        confidence=advice.confidence,
        max_duration_s=advice.max_duration_s,
        max_dose_mgy=advice.max_dose_mgy,
        dose_mgy_per_ms=advice.dose_mgy_per_ms,
        wished_sigma_x=advice.wished_sigma_x,
        max_dwell_ms=advice.max_dwell_ms,
        unchanged_cycles=advice.unchanged_cycles,
        front_pixels=advice.front_pixels,
        shift_um=advice.shift_um,
    )


def _registration(option: str | None, settings: RegistrationSettings) -> RegistrationRule:
    mode = option or settings.mode
    if mode not in _REGISTERING:
        msg = f"the registration is '{mode}'; expected {', '.join(_REGISTERING)}"
        raise ConfigurationError(msg)
    manual = {(shift.cycle, shift.energy): (shift.y_px, shift.x_px) for shift in settings.manual}
    return RegistrationRule(Registering(mode), settings.cap_px, manual)


def _incident(i0: str | None, profile: Profile, folders: list[Path]) -> IncidentRule:
    scale = profile.i0.scale
    mode = i0 if i0 is not None else profile.i0.mode
    if mode in _MODES:
        return IncidentRule(IncidentMode(mode), scale, error=profile.i0.error)
    name = i0 if i0 is not None else profile.i0.file
    if name is None:
        msg = "the profile takes I0 from a file but names none; add [i0] file"
        raise ConfigurationError(msg)
    found = _found(name, folders)
    if found is None:
        places = " or ".join(dict.fromkeys(str(folder / name) for folder in folders))
        msg = f"I0 is '{name}', which is neither 'blank' nor 'channel' nor a file at {places}"
        raise ConfigurationError(msg)
    energy_ev, counts_per_ms = read_spectrum(found)
    if not (np.diff(energy_ev) > 0).all():
        msg = f"{found}: the energies of an I0 spectrum must ascend"
        raise ConfigurationError(msg)
    return IncidentRule(IncidentMode.FILE, scale, energy_ev, counts_per_ms, profile.i0.error)


def _found(name: str | Path, folders: list[Path]) -> Path | None:
    """Return the first file of that name."""
    candidates = [folder / name for folder in folders]
    return next((candidate for candidate in candidates if candidate.is_file()), None)
