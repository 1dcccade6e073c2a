"""A `library.toml` and its spectra to a `Library`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np

from operando.core.references import Library, Phase, SpectrumKind
from operando.errors import ConfigurationError
from operando.settings import PhaseSettings, load_library_settings
from operando.types import FloatArray

__all__ = ["LoadableLibrary", "load_library", "read_spectrum"]

_EV_PER_UNIT = {"eV": 1.0, "keV": 1000.0}
_MOST_LETTERS = 2**24
_COMMENTS = ("#", "*", "%", ";")


@dataclass(frozen=True, slots=True)
class LoadableLibrary(Library):
    """References that are read from a file: what notebooks know as `operando.Library`."""

    @classmethod
    def load(cls, path: str | Path, *, beside: str | Path | None = None) -> Self:
        """Return the references that a `library.toml` names; see `load_library`."""
        found = load_library(Path(path), beside=None if beside is None else Path(beside))
        return cls(**{field.name: getattr(found, field.name) for field in fields(found)})


def load_library(path: Path, *, beside: Path | None = None) -> Library:
    """Return the references that a `library.toml` names.

    Parameters
    ----------
    path
        The file; spectra are looked for in its folder first.
    beside
        A second folder to look in, such as that of the data: references measured with a stack
        often lie beside it.

    Raises
    ------
    ConfigurationError
        The file or a spectrum is missing or cannot be used, or the spectra are of different kinds.
    """
    settings = load_library_settings(path)
    kinds = {phase.kind for phase in settings.phase}
    if len(kinds) > 1:
        msg = f"{path} mixes spectra of kinds {', '.join(sorted(kinds))}; all of one library must be alike"
        raise ConfigurationError(msg)
    folders = [path.parent] if beside is None else [path.parent, beside]
    return Library(
        element=settings.element,
        edge=settings.edge,
        formula=settings.formula,
        phases=tuple(_phase(phase, folders, path) for phase in settings.phase),
        kind=SpectrumKind(kinds.pop()),
        energy_offset_ev=settings.energy_offset_ev,
    )


def read_spectrum(path: Path, column: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return energies and values of a text file of columns, both shape (n,).

    Parameters
    ----------
    path
        Numbers separated by blanks, tabs, commas or semicolons; lines that begin with `#`, `*`,
        `%` or `;` are comments, and so is a line of column names.
    column
        Which column holds the values; the energy is column 0.

    Raises
    ------
    ConfigurationError
        The file cannot be read or a line does not have the column.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_MOST_LETTERS + 1)
    except OSError as error:
        msg = f"cannot read the spectrum {path}: {error.strerror or error}"
        raise ConfigurationError(msg) from error
    if len(text) > _MOST_LETTERS:
        msg = f"{path} has more than {_MOST_LETTERS} letters; expected the columns of one spectrum"
        raise ConfigurationError(msg)
    rows: list[tuple[float, float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        row = line.strip()
        if not row or row.startswith(_COMMENTS):
            continue
        fields = row.replace(",", " ").replace(";", " ").split()
        try:
            rows.append((float(fields[0]), float(fields[column])))
        except (ValueError, IndexError) as error:
            if not rows and isinstance(error, ValueError):
                continue
            msg = (
                f"{path}, line {number}: expected an energy and a value in column {column}, "
                f"found {row[:60]!r}"
            )
            raise ConfigurationError(msg) from error
    if not rows:
        msg = f"{path} holds no numbers; expected columns of energy and value"
        raise ConfigurationError(msg)
    table = np.array(rows)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


def _phase(settings: PhaseSettings, folders: Iterable[Path], library: Path) -> Phase:
    candidates = [folder / settings.file for folder in folders]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        places = " or ".join(str(candidate) for candidate in candidates)
        msg = f"{library}: the spectrum of '{settings.name}' was not found at {places}"
        raise ConfigurationError(msg)
    energy, value = read_spectrum(found, settings.column)
    energy_ev = energy * _EV_PER_UNIT[settings.energy_unit]
    if energy_ev[0] > energy_ev[-1]:
        energy_ev, value = energy_ev[::-1], value[::-1]
    return Phase(
        name=settings.name,
        lithium=settings.lithium,
        energy_ev=energy_ev,
        value=value,
        origin=str(found),
        source=settings.source,
        licence=settings.licence,
        is_model=settings.model,
        sigma=settings.sigma,
    )
