"""What is to be studied once a cycle, beyond the map."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from operando.cell import CellReading
from operando.core.electrochemistry import Host
from operando.crystal import Crystal
from operando.types import FloatArray

__all__ = ["NO_STUDIES", "CellBook", "CellRule", "DoseRule", "StudyRules"]


@dataclass(frozen=True, slots=True)
class DoseRule:
    """What the dose depends on beside the images.

    Attributes
    ----------
    photons_per_s
        On the sample; NaN where `photons_per_count` says it.
    photons_per_count
        Photons on the sample for one count of the detector without a sample; NaN where `photons_per_s`
        says it.
    areal_mass_g_cm2
        Mass per area of one unit of fitted thickness: density times the thickness of the references.
    limit_mgy
        From which on there is an alarm.
    """

    photons_per_s: float
    photons_per_count: float
    areal_mass_g_cm2: float
    limit_mgy: float = float("inf")


def _nothing() -> FloatArray:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class CellBook:
    """The readings of a potentiostat, of a stream at most one a second.

    Attributes
    ----------
    time_s, voltage_v, current_ma, charge_mah
        Ascending in time, shape (n,); NaN where something was not read.
    recent
        As they came, not in the columns yet: to copy a shift of readings for each new one takes minutes.
    """

    time_s: FloatArray = field(default_factory=_nothing)
    voltage_v: FloatArray = field(default_factory=_nothing)
    current_ma: FloatArray = field(default_factory=_nothing)
    charge_mah: FloatArray = field(default_factory=_nothing)
    recent: tuple[CellReading, ...] = ()


@dataclass(frozen=True, slots=True)
class CellRule:
    """How the charge of the cell becomes a lithium content.

    Attributes
    ----------
    host
        The active material; None where it is not known.
    sign
        1 where the instrument counts as positive what takes lithium out of the host, else -1.
    longest_lag_s
        Lags between charge and observed lithium from minus this to this are searched.
    before
        Readings that are known before the run, from a file.
    """

    host: Host | None = None
    sign: float = 1.0
    longest_lag_s: float = 1800.0
    before: CellBook = field(default_factory=CellBook)


@dataclass(frozen=True, slots=True)
class StudyRules:
    """What is studied.

    Attributes
    ----------
    health
        Beam jumps, defects, and whether the host is conserved.
    unknown_phase
        Places that the references do not explain.
    energy_offset
        Of all energies.
    particles
        Segments, identities, and what each is like.
    least_pixels
        Smaller ones are no particles.
    most_particles
        Of more, those of most pixels are measured: each takes some milliseconds.
    clusters
        Into how many pixels are divided by their spectra; 0 for none.
    dose, cell
        None where nothing is said about it.
    crystal
        What the particles are made of, for whoever models their stress; None where it is not known.
    """

    health: bool = True
    unknown_phase: bool = True
    energy_offset: bool = True
    particles: bool = True
    least_pixels: int = 12
    most_particles: int = 200
    clusters: int = 0
    dose: DoseRule | None = None
    cell: CellRule | None = None
    crystal: Crystal | None = None

    @property
    def look_at_cycles(self) -> bool:
        """Whether anything is done with a cycle of record."""
        return bool(
            self.health
            or self.unknown_phase
            or self.energy_offset
            or self.particles
            or self.clusters
            or self.dose is not None
        )


NO_STUDIES = StudyRules(health=False, unknown_phase=False, energy_offset=False, particles=False)
