"""How a fit is done again: the command and the profile that the settings in a results file stand for."""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING

from operando.io.toml_text import toml_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["profile_text", "replay_command"]

_PROFILE = {
    "detector": {
        "gain": "detector_gain",
        "dark_counts": "detector_dark_counts",
        "saturation_counts": "detector_saturation_counts",
    },
    "i0": {"scale": "i0_scale", "error": "i0_error"},
    "limits": {
        "min_thickness": "min_thickness",
        "min_significance": "min_significance",
        "max_od": "max_od",
    },
    "registration": {"cap_px": "registration_cap_px"},
    "studies": {
        "health": "studies_health",
        "unknown_phase": "studies_unknown_phase",
        "energy_offset": "studies_energy_offset",
        "particles": "studies_particles",
        "least_pixels": "studies_least_pixels",
        "most_particles": "studies_most_particles",
        "clusters": "studies_clusters",
    },
}
"""Which key of a profile has which setting; those that have options are in the command."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


def replay_command(process: Mapping[str, str | float | int]) -> str:
    """Return the command that fits the run with these settings again.

    What a file may say in their place goes in quoted, so that it decides over nothing.
    """
    parts = ["operando replay SOURCE --references library.toml --profile profile.toml"]
    mode = process.get("i0_mode")
    if mode is not None:
        # A file's name is not among the settings.
        parts.append("--i0 I0-FILE" if mode == "file" else f"--i0 {shlex.quote(str(mode))}")
    for option in ("background", "estimator", "registration"):
        if option in process:
            parts.append(f"--{option} {shlex.quote(str(process[option]))}")
    return " ".join(parts)


def profile_text(process: Mapping[str, str | float | int]) -> str:
    """Return the profile with those settings that are no options, as TOML."""
    blocks: list[str] = []
    for table, keys in _PROFILE.items():
        lines = [f"{key} = {_toml(process[name])}" for key, name in keys.items() if name in process]
        if lines:
            blocks.append("\n".join([f"[{table}]", *lines]))
    blocks += _manual_shifts(str(process.get("registration_manual", "")))
    return "\n\n".join(blocks)


def _manual_shifts(written: str) -> list[str]:
    """Return blocks of the shifts by hand, each written as cycle, energy, y and x, with spaces between."""
    shifts = [shift.split() for shift in written.split(";")]
    return [
        f"[[registration.manual]]\ncycle = {cycle}\nenergy = {energy}\ny_px = {y_px}\nx_px = {x_px}"
        for cycle, energy, y_px, x_px in (shift for shift in shifts if len(shift) == 4)
        if cycle.isdecimal() and energy.isdecimal() and _NUMBER.fullmatch(y_px) and _NUMBER.fullmatch(x_px)
    ]


def _toml(value: str | float) -> str:
    if value in {"true", "false"}:
        return str(value)
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return repr(value)
