"""A `Library` as a folder that holds all of it: `library.toml` and a spectrum for each phase."""

from __future__ import annotations

from pathlib import Path

from operando.core.references import Library, Phase
from operando.io.toml_text import toml_text

__all__ = ["write_library"]


def write_library(folder: Path, library: Library) -> Path:
    """Write a library into a folder that does not exist yet, and return its `library.toml`.

    Energies and values are written with all their digits, so that what is read back gives the same bits.

    Raises
    ------
    OSError
        The folder exists, or cannot be written.
    """
    folder.mkdir(parents=True)
    lines = [
        f"element = {toml_text(library.element)}",
        f"edge = {toml_text(library.edge)}",
        f"formula = {toml_text(library.formula)}",
        f"energy_offset_ev = {library.energy_offset_ev!r}",
    ]
    for number, phase in enumerate(library.phases, 1):
        name = f"{number:02d}.txt"
        _write_spectrum(folder / name, phase)
        lines += [
            "",
            "[[phase]]",
            f"name = {toml_text(phase.name)}",
            f"lithium = {float(phase.lithium)!r}",
            f'file = "{name}"',
            f'kind = "{library.kind.value}"',
            f"source = {toml_text(phase.source)}",
            f"licence = {toml_text(phase.licence)}",
            f"model = {str(phase.is_model).lower()}",
            f"sigma = {float(phase.sigma)!r}",
        ]
    path = folder / "library.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _write_spectrum(path: Path, phase: Phase) -> None:
    source = " ".join(phase.source.split())
    rows = [f"# energy (eV), value; {source}"]
    rows += [
        f"{energy!r} {value!r}"
        for energy, value in zip(phase.energy_ev.tolist(), phase.value.tolist(), strict=True)
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
