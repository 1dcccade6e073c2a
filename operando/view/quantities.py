"""What a map can show: which quantities there are, how they are named, coloured and explained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from operando.types import Snapshot
from operando.view.words import plain

__all__ = [
    "LITHIUM",
    "STRESS",
    "Colouring",
    "MapChoice",
    "MapKind",
    "Quantity",
    "choice_of",
    "choices_of",
    "quantity",
]


class MapKind(StrEnum):
    """A quantity with a value in every pixel."""

    LITHIUM = "lithium"
    LITHIUM_ERROR = "lithium_error"
    PHASE = "phase"
    FRACTION = "fraction"
    THICKNESS = "thickness"
    CHI2 = "chi2"
    R_FACTOR = "r_factor"
    CHANGE = "change"
    AGE = "age"
    OD = "od"
    RESIDUAL = "residual"
    STRESS = "stress"


class Colouring(StrEnum):
    """Which sort of colours a quantity needs."""

    SEQUENTIAL = "sequential"
    DIVERGING = "diverging"
    """Centred on zero."""
    CATEGORIES = "categories"
    """One colour for each phase."""


@dataclass(frozen=True, slots=True, order=True)
class MapChoice:
    """A quantity and, where there is one of it per phase or energy, which.

    Attributes
    ----------
    kind
        The quantity.
    index
        Phase or energy; 0 for the others.
    """

    kind: MapKind
    index: int = 0

    @property
    def key(self) -> str:
        """Its name in files, such as `fraction:1`."""
        return f"{self.kind.value}:{self.index}" if self.index else self.kind.value


LITHIUM = MapChoice(MapKind.LITHIUM)
"""What there always is."""
STRESS = MapChoice(MapKind.STRESS)
"""What is computed for those who look at it."""


def choice_of(key: str) -> MapChoice:
    """Return the choice of a `key`.

    Raises
    ------
    ValueError
        It names none.
    """
    kind, _, index = key.partition(":")
    choice = MapChoice(MapKind(kind), int(index or 0))
    if choice.index < 0:
        msg = f"'{key}' names no map; expected a phase or energy from 0"
        raise ValueError(msg)
    return choice


def choices_of(snapshot: Snapshot | None) -> tuple[MapChoice, ...]:
    """Return all that can be shown of a run, the most asked for first."""
    phases = 1 if snapshot is None else len(snapshot.phases.names)
    energies = 1 if snapshot is None else snapshot.plan.energies_ev.size
    numbers = {MapKind.FRACTION: phases, MapKind.OD: energies, MapKind.RESIDUAL: energies}
    if snapshot is None or snapshot.crystal is None:
        numbers[MapKind.STRESS] = 0
    return tuple(MapChoice(kind, index) for kind in MapKind for index in range(numbers.get(kind, 1)))


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a quantity is named, coloured and explained; every text is plain.

    Attributes
    ----------
    name, label, unit
        Short, for a list or under a thumbnail; in full, beside the colour bar; its unit alone, may be empty.
    colouring
        Which sort of colours.
    meaning
        One sentence for the tooltip.
    """

    name: str
    label: str
    colouring: Colouring
    meaning: str
    unit: str = ""


_UNITS = {
    "optical_density": "in units of the references",
    "od_per_nm": "nm",
    "mass_absorption": "areal mass, units of the references",
}


def quantity(choice: MapChoice, snapshot: Snapshot | None) -> Quantity:
    """Return how a choice is named in a run."""
    unit = "" if snapshot is None else snapshot.phases.unit
    match choice.kind:
        case MapKind.LITHIUM:
            words = ("Lithium x", "lithium content x", "Lithium content x = Σ tₛxₛ / Σ tₛ")
        case MapKind.LITHIUM_ERROR:
            words = ("σ(x)", "standard deviation σ(x)", "One standard deviation of x")
        case MapKind.PHASE:
            # The names beside its colours say all.
            words = ("Phase", "", "The phase with the largest fraction")
        case MapKind.FRACTION:
            phase = _phase_name(snapshot, choice.index)
            words = (phase, f"fraction of {phase}", "Share of this phase in the material, tₛ / Σ t")
        case MapKind.THICKNESS:
            label = f"thickness Σt ({_UNITS.get(unit, 'units of the references')})"
            words = ("Thickness", label, "Amount of material, the sum over the phases")
        case MapKind.CHI2:
            meaning = "1 is expected; more means the fit misses something"
            words = ("χ²/dof", "χ² per degree of freedom", meaning)
        case MapKind.R_FACTOR:
            words = ("R-factor", "R-factor Σr²/Σy²", "Σ residual² / Σ OD², not Σ|r|/Σ|y|")
        case MapKind.CHANGE:
            words = ("Change of x", "x less x of the cycle before", "What has happened since the last cycle")
        case MapKind.AGE:
            words = ("Age", "age of the oldest energy (s)", "How much older than the newest row of all")
        case MapKind.OD:
            energy = _energy_words(snapshot, choice.index)
            words = (f"OD {energy}", f"optical density at {energy}", "Optical density ln(I0/I)")
        case MapKind.RESIDUAL:
            energy = _energy_words(snapshot, choice.index)
            meaning = "What was measured less what was fitted, in standard deviations"
            words = (f"Rest {energy}", f"residual / σ at {energy}", meaning)
        case MapKind.STRESS:
            meaning = (
                "Equivalent misfit stress of a complete cycle, model-dependent: linear elasticity of a thin "
                "coherent plate; only x was measured"
            )
            words = ("Stress (model)", "equivalent stress (GPa), model-dependent", meaning)
    units = {
        MapKind.THICKNESS: _UNITS.get(unit, "references").removeprefix("in units of the ").split(",")[0],
        MapKind.AGE: "s",
        MapKind.RESIDUAL: "σ",
        MapKind.STRESS: "GPa",
    }
    colouring = _COLOURING.get(choice.kind, Colouring.SEQUENTIAL)
    return Quantity(words[0], words[1], colouring, words[2], units.get(choice.kind, ""))


_COLOURING = {
    MapKind.CHANGE: Colouring.DIVERGING,
    MapKind.RESIDUAL: Colouring.DIVERGING,
    MapKind.PHASE: Colouring.CATEGORIES,
}


def _phase_name(snapshot: Snapshot | None, index: int) -> str:
    names = () if snapshot is None else snapshot.phases.names
    return plain(names[index], 22) if index < len(names) else f"phase {index + 1}"


def _energy_words(snapshot: Snapshot | None, index: int) -> str:
    energies = () if snapshot is None else snapshot.plan.energies_ev
    return f"{energies[index]:.2f} eV" if index < len(energies) else f"energy {index + 1}"
