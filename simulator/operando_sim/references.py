"""Write the model spectra as a library of references, as a user of the fit would have them.

Run as `python -m operando_sim.references FOLDER --material lixv2o5`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from operando_sim.spectra import MATERIALS, Material, Phase, material_named, od_per_um

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["REFERENCE_THICKNESS_UM", "main", "reference_files", "write_references"]

# 0.1 µm keeps the strongest peak near an optical density of 1.2, as in a spectrum that one could measure.
REFERENCE_THICKNESS_UM = 0.1
_STEP_EV = 0.05


def reference_files(material: Material) -> dict[str, str]:
    """Return the files of a reference library as text, by file name.

    `library.toml` names the phases; each phase has a file of two columns, energy in eV and
    optical density (natural logarithm) of `REFERENCE_THICKNESS_UM` of pure material.
    """
    files = {"library.toml": _library(material)}
    for phase in material.phases:
        files[_file_name(phase)] = _spectrum(material, phase)
    return files


def write_references(folder: Path, material: Material) -> None:
    """Write the reference library of `material` into `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in reference_files(material).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _file_name(phase: Phase) -> str:
    return f"{phase.name.lower()}.txt"


def _library(material: Material) -> str:
    lines = [
        f"# MODEL spectra of {material.formula}: computed by the simulator, not measured.",
        "# Do not fit real data with them.",
        f"# Values are the optical density (natural logarithm) of {_thickness_nm():g} nm of pure material,",
        f"# so a fitted amount of 1 means a thickness of {_thickness_nm():g} nm.",
        f'element = "{material.element}"',
        f'edge = "{material.edge}"',
        f'formula = "{material.formula}"',
    ]
    for phase in material.phases:
        lines += [
            "",
            "[[phase]]",
            f'name = "{phase.name}"',
            f"lithium = {phase.lithium}",
            f'file = "{_file_name(phase)}"',
            'energy_unit = "eV"',
            'kind = "optical_density"',
            f'source = "model of operando_sim.spectra, material {material.name}"',
            'licence = "BSD-3-Clause"',
            "model = true",
        ]
    return "\n".join(lines) + "\n"


def _spectrum(material: Material, phase: Phase) -> str:
    low, high = material.range_ev
    energy = np.linspace(low, high, round((high - low) / _STEP_EV) + 1)
    od = REFERENCE_THICKNESS_UM * od_per_um(phase, energy)
    what = f"{phase.name}, x = {phase.lithium:g} in {material.formula}"
    lines = [
        f"# MODEL spectrum (computed, not measured): {what}",
        f"# energy (eV), optical density (natural logarithm) of {_thickness_nm():g} nm of pure material",
    ]
    # Six digits: the last bits of exp and arctan differ between machines, and the files must not.
    lines += [f"{e:.2f} {value:.6f}" for e, value in zip(energy, od, strict=True)]
    return "\n".join(lines) + "\n"


def _thickness_nm() -> float:
    return 1000.0 * REFERENCE_THICKNESS_UM


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a reference library, as told on the command line."""
    parser = argparse.ArgumentParser(prog="python -m operando_sim.references", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where library.toml and the spectra go")
    parser.add_argument(
        "--material", choices=[material.name for material in MATERIALS], default=MATERIALS[0].name
    )
    options = parser.parse_args(arguments)
    write_references(options.folder, material_named(options.material))


if __name__ == "__main__":
    main()
