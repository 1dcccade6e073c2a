"""From a profile to what is studied once a cycle, and back to what a results file says of it."""

from __future__ import annotations

import math
from pathlib import Path

from operando.core.electrochemistry import Host
from operando.core.references import Library, SpectrumKind
from operando.core.study_rules import CellBook, CellRule, DoseRule, StudyRules
from operando.crystal import Crystal
from operando.errors import ConfigurationError
from operando.io.cell_file import read_cell_file
from operando.io.frozen import digest_of
from operando.settings import CellSettings, CrystalSettings, ExposureSettings, Profile

__all__ = ["crystal_of", "study_process", "study_rules_of"]

_CM_PER_NM = 1e-7
_SWITCHES = ("health", "unknown_phase", "energy_offset", "particles")
_NUMBERS = ("least_pixels", "most_particles", "clusters")


def study_rules_of(profile: Profile, library: Library, folders: list[Path]) -> StudyRules:
    """Return what is studied.

    Parameters
    ----------
    profile
        Its blocks `studies`, `cell` and `crystal`.
    library
        The references, whose unit the thickness is in.
    folders
        Where the file of the potentiostat is looked for.

    Raises
    ------
    ConfigurationError
        Nobody says how much mass is in the light, or the file of the potentiostat cannot be read.
    """
    studies = profile.studies
    return StudyRules(
        health=studies.health,
        unknown_phase=studies.unknown_phase,
        energy_offset=studies.energy_offset,
        particles=studies.particles,
        least_pixels=studies.least_pixels,
        most_particles=studies.most_particles,
        clusters=studies.clusters,
        dose=None if studies.dose is None else _dose_rule(studies.dose, library),
        cell=None if profile.cell is None else _cell_rule(profile.cell, folders),
        crystal=None if profile.crystal is None else crystal_of(profile.crystal),
    )


def crystal_of(settings: CrystalSettings) -> Crystal:
    """Return the crystal that a profile describes."""
    return Crystal(settings.stiffness_gpa, settings.misfit, settings.axis_deg)


def study_process(rules: StudyRules) -> dict[str, str | float | int]:
    """Return what must be known to study a run in the same way again, flat as a results file has it."""
    process: dict[str, str | float | int] = {
        f"studies_{name}": "true" if getattr(rules, name) else "false" for name in _SWITCHES
    }
    process |= {f"studies_{name}": int(getattr(rules, name)) for name in _NUMBERS}
    if rules.dose is not None:
        dose = {
            "dose_photons_per_s": rules.dose.photons_per_s,
            "dose_photons_per_count": rules.dose.photons_per_count,
            "dose_areal_mass_g_cm2": rules.dose.areal_mass_g_cm2,
            "dose_limit_mgy": rules.dose.limit_mgy,
        }
        # One of the first two is not said, and a NaN is never the same as the one that was written.
        process |= {name: value for name, value in dose.items() if not math.isnan(value)}
    if rules.cell is not None:
        process |= {
            "cell_sign": rules.cell.sign,
            "cell_longest_lag_s": rules.cell.longest_lag_s,
            "cell_readings_sha256": digest_of(rules.cell.before),
        }
        if rules.cell.host is not None:
            process |= {
                "cell_mass_mg": rules.cell.host.mass_mg,
                "cell_molar_mass_g_mol": rules.cell.host.molar_mass_g_mol,
                "cell_lithium_at_start": rules.cell.host.lithium_at_start,
            }
    return process


def _dose_rule(dose: ExposureSettings, library: Library) -> DoseRule:
    if library.kind is SpectrumKind.MASS_ABSORPTION:
        areal_mass_g_cm2 = 1.0
    else:
        thickness_nm = 1.0 if library.kind is SpectrumKind.OD_PER_NM else dose.thickness_nm
        if dose.density_g_cm3 is None or thickness_nm is None:
            msg = (
                "the dose needs the mass that absorbs it: give density_g_cm3 in [studies.dose], and "
                "thickness_nm of the references where these are optical densities"
            )
            raise ConfigurationError(msg)
        areal_mass_g_cm2 = dose.density_g_cm3 * thickness_nm * _CM_PER_NM
    nan = float("nan")
    return DoseRule(
        nan if dose.photons_per_s is None else dose.photons_per_s,
        nan if dose.photons_per_count is None else dose.photons_per_count,
        areal_mass_g_cm2,
        dose.limit_mgy,
    )


def _cell_rule(cell: CellSettings, folders: list[Path]) -> CellRule:
    before = CellBook()
    if cell.file is not None:
        candidates = [folder / cell.file for folder in folders]
        found = next((path for path in candidates if path.is_file()), candidates[0])
        before = read_cell_file(found, cell.starts_s)
    host = None
    if cell.mass_mg is not None and cell.molar_mass_g_mol is not None and cell.lithium_at_start is not None:
        host = Host(cell.mass_mg, cell.molar_mass_g_mol, cell.lithium_at_start)
    sign = 1.0 if cell.positive == "delithiation" else -1.0
    return CellRule(host, sign, cell.longest_lag_s, before)
