"""Reference spectra of the pure phases: checked, and resampled to the energies of a scan."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from operando.errors import ConfigurationError
from operando.types import FloatArray, PhaseSpectra

__all__ = [
    "Library",
    "Phase",
    "SpectrumKind",
    "condition_number",
    "reference_variance",
    "resample",
    "spectra_of",
]

_DENSE_POINTS = 400
_MARGIN_EV = 2.0


class SpectrumKind(StrEnum):
    """What a reference spectrum's values are; it sets the unit of the fitted thickness."""

    OPTICAL_DENSITY = "optical_density"
    OD_PER_NM = "od_per_nm"
    MASS_ABSORPTION = "mass_absorption"


@dataclass(frozen=True, slots=True)
class Phase:
    """One pure phase.

    Attributes
    ----------
    name
        As the user calls it.
    lithium
        Lithium content x of the pure phase.
    energy_ev, value
        The spectrum, shapes (n,), energies strictly ascending.
    origin
        File name, for messages.
    source, licence
        Where the spectrum comes from and under which terms.
    is_model
        True if it is computed, not measured.
    sigma
        Standard deviation of the values, in their own unit, independent from energy to energy:
        the noise of the spectrum, not the error of a scale that all its values share.
    """

    name: str
    lithium: float
    energy_ev: FloatArray
    value: FloatArray
    origin: str
    source: str
    licence: str
    is_model: bool
    sigma: float = 0.0

    def __post_init__(self) -> None:
        _check_spectrum(self)


@dataclass(frozen=True, slots=True)
class Library:
    """The references of one material at one edge.

    Attributes
    ----------
    element, edge, formula
        What was measured, for people.
    phases
        At least two, with at least two different lithium contents.
    kind
        What all the spectra's values are.
    energy_offset_ev
        Added to the energy of every reference before use: the calibration of this instrument
        against that of the references.
    """

    element: str
    edge: str
    formula: str
    phases: tuple[Phase, ...]
    kind: SpectrumKind
    energy_offset_ev: float = 0.0

    def __post_init__(self) -> None:
        if len({phase.lithium for phase in self.phases}) < 2:
            msg = (
                f"the references have {len(self.phases)} phase(s) with one lithium content; "
                "at least two different ones are needed to tell lithium"
            )
            raise ConfigurationError(msg)
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            msg = f"two references have the same name: {', '.join(names)}; give each its own"
            raise ConfigurationError(msg)

    @property
    def lithium(self) -> FloatArray:
        """Lithium content of each pure phase, shape (phase,)."""
        return np.array([phase.lithium for phase in self.phases])

    @property
    def sigma(self) -> FloatArray:
        """Standard deviation of the values of each spectrum, shape (phase,)."""
        return np.array([phase.sigma for phase in self.phases])


def resample(library: Library, energies_ev: FloatArray) -> FloatArray:
    """Return the references at some energies by linear interpolation, shape (energy, phase).

    Raises
    ------
    ConfigurationError
        An energy lies outside a spectrum; nothing is extrapolated.
    """
    columns: list[FloatArray] = []
    for phase in library.phases:
        grid = phase.energy_ev + library.energy_offset_ev
        outside = energies_ev[(energies_ev < grid[0]) | (energies_ev > grid[-1])]
        if outside.size:
            advice = (
                "it covers none of the scan, so it is of another edge: give the references of this sample"
                if outside.size == energies_ev.size
                else "take a reference that covers it, or leave the energy out with --energies"
            )
            msg = (
                f"reference '{phase.name}' ({phase.origin}) covers {grid[0]:.2f} to {grid[-1]:.2f} eV, "
                f"but the scan has {_listed(outside)} eV; {advice}"
            )
            raise ConfigurationError(msg)
        columns.append(np.interp(energies_ev, grid, phase.value))
    return np.stack(columns, axis=1)


def spectra_of(library: Library, energies_ev: FloatArray) -> PhaseSpectra:
    """Return the references at the energies of a scan, and dense curves around them for pictures.

    Raises
    ------
    ConfigurationError
        An energy lies outside a spectrum.
    """
    at_energies = resample(library, energies_ev)
    first = max(phase.energy_ev[0] for phase in library.phases) + library.energy_offset_ev
    last = min(phase.energy_ev[-1] for phase in library.phases) + library.energy_offset_ev
    low = max(first, float(energies_ev.min()) - _MARGIN_EV)
    high = min(last, float(energies_ev.max()) + _MARGIN_EV)
    dense = np.linspace(low, high, _DENSE_POINTS)
    return PhaseSpectra(
        names=tuple(phase.name for phase in library.phases),
        lithium=library.lithium,
        at_energies=at_energies,
        energy_ev=dense,
        curves=resample(library, dense),
        unit=library.kind.value,
        is_model=any(phase.is_model for phase in library.phases),
        sigma=library.sigma,
    )


def reference_variance(amount: FloatArray, sigma: FloatArray) -> FloatArray:
    """Return the variance that the noise of the references adds to every optical density.

    A model OD_e = Σ_s t_s μ_s(E_e) with uncertain μ is uncertain by Σ_s t_s² σ_s², so the thicker
    a pixel, the less its counts matter. It is the same error in every pixel of one composition.

    Parameters
    ----------
    amount
        Fitted amounts t, shape (phase, pixel); NaN where unknown, which adds nothing.
    sigma
        Standard deviation of each reference's values, shape (phase,).

    Returns
    -------
    ndarray
        Shape (pixel,).
    """
    total = np.zeros(amount.shape[1])
    # Phase by phase, since a matrix product's bits depend on the number of pixels.
    for column, error in zip(amount, sigma, strict=True):
        total += np.nan_to_num(column * error) ** 2
    return total


def condition_number(matrix: FloatArray) -> float:
    """Return how badly the columns can be told apart: the condition number at unit column norms.

    Parameters
    ----------
    matrix
        Shape (energy, column).

    Returns
    -------
    float
        1 for orthogonal columns; infinity for dependent ones or fewer rows than columns.
    """
    norms = np.linalg.norm(matrix, axis=0)
    if matrix.shape[0] < matrix.shape[1] or not np.all(norms > 0):
        return float("inf")
    return float(np.linalg.cond(matrix / norms))


def _check_spectrum(phase: Phase) -> None:
    where = f"reference '{phase.name}' ({phase.origin})"
    if phase.energy_ev.ndim != 1 or phase.energy_ev.shape != phase.value.shape or phase.energy_ev.size < 2:
        msg = f"{where} needs two or more pairs of energy and value"
        raise ConfigurationError(msg)
    if not (np.isfinite(phase.energy_ev).all() and np.isfinite(phase.value).all()):
        msg = f"{where} holds a value that is not a finite number"
        raise ConfigurationError(msg)
    if not (np.diff(phase.energy_ev) > 0).all():
        msg = f"{where} has energies that do not ascend strictly; sort them and drop repeated ones"
        raise ConfigurationError(msg)
    if not np.isfinite(phase.lithium) or phase.lithium < 0:
        msg = f"{where} has a lithium content of {phase.lithium}; it must be a number of 0 or more"
        raise ConfigurationError(msg)
    if not np.isfinite(phase.sigma) or phase.sigma < 0:
        msg = (
            f"{where} has a sigma of {phase.sigma}; it must be a number of 0 or more, in the spectrum's unit"
        )
        raise ConfigurationError(msg)


def _listed(energies_ev: FloatArray) -> str:
    shown = ", ".join(f"{energy:.2f}" for energy in energies_ev[:4])
    return shown if energies_ev.size <= 4 else f"{shown} and {energies_ev.size - 4} more"
