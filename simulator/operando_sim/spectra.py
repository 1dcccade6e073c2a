"""Model X-ray absorption spectra of pure phases, as smooth functions of the photon energy.

These are models: sums of peaks and edge steps placed where the edges of such compounds lie,
with heights of the right size. They are not measured, and everything written from them says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LIXFEPO4",
    "LIXV2O5",
    "MATERIALS",
    "Edge",
    "Material",
    "Peak",
    "Phase",
    "material_named",
    "od_per_um",
]


@dataclass(frozen=True, slots=True)
class Peak:
    """A pseudo-Voigt peak.

    Attributes
    ----------
    centre_ev, fwhm_ev
        Where it is and how wide.
    height_per_um
        Absorption at its top, 1/µm, natural logarithm.
    lorentz
        Share of the Lorentzian, 0 (Gaussian) to 1.
    """

    centre_ev: float
    fwhm_ev: float
    height_per_um: float
    lorentz: float = 0.4


@dataclass(frozen=True, slots=True)
class Edge:
    """An arctangent step into the continuum.

    Attributes
    ----------
    energy_ev, width_ev
        Inflection point, and half width between a quarter and three quarters of the step.
    step_per_um
        Absorption gained, 1/µm, natural logarithm.
    """

    energy_ev: float
    width_ev: float
    step_per_um: float


@dataclass(frozen=True, slots=True)
class Phase:
    """A pure phase.

    Attributes
    ----------
    name
        As people write it.
    lithium
        Lithium content x of the formula.
    peaks, edges
        What its spectrum is made of.
    below_edge_per_um
        Absorption at `BELOW_EDGE_EV` of everything else, falling as E⁻³, 1/µm.
    """

    name: str
    lithium: float
    peaks: tuple[Peak, ...]
    edges: tuple[Edge, ...]
    below_edge_per_um: float


@dataclass(frozen=True, slots=True)
class Material:
    """A host with its phases, in the order in which lithium fills it.

    Attributes
    ----------
    name
        Short name, e.g. "lixv2o5".
    element, edge, formula
        What a library of references says about itself.
    phases
        Ordered by lithium content.
    range_ev
        Lowest and highest energy for which the model is meant.
    energies_ev
        Five energies at which these phases are easily told apart.
    intruder
        A phase that such a sample may hold by accident; it takes no lithium.
    """

    name: str
    element: str
    edge: str
    formula: str
    phases: tuple[Phase, ...]
    range_ev: tuple[float, float]
    energies_ev: tuple[float, ...]
    intruder: Phase

    @property
    def lithium(self) -> NDArray[np.float64]:
        """Lithium content of each phase, shape (phase,)."""
        return np.array([phase.lithium for phase in self.phases])


BELOW_EDGE_EV = 500.0


def od_per_um(phase: Phase, energy_ev: ArrayLike) -> NDArray[np.float64]:
    """Return the absorption of `phase` per µm of material.

    Parameters
    ----------
    phase
        The pure phase.
    energy_ev
        Photon energy in eV, any shape.

    Returns
    -------
    ndarray
        Optical density (natural logarithm) per µm, same shape.
    """
    energy = np.asarray(energy_ev, dtype=np.float64)
    # Photoabsorption well above an edge falls roughly as the third power of the energy.
    total = phase.below_edge_per_um * (energy / BELOW_EDGE_EV) ** -3
    for edge in phase.edges:
        total = total + edge.step_per_um * (
            0.5 + np.arctan((energy - edge.energy_ev) / edge.width_ev) / np.pi
        )
    for peak in phase.peaks:
        u2 = ((energy - peak.centre_ev) / (0.5 * peak.fwhm_ev)) ** 2
        shape = peak.lorentz / (1.0 + u2) + (1.0 - peak.lorentz) * np.exp(-np.log(2.0) * u2)
        total = total + peak.height_per_um * shape
    return total


# V L3 near 518-519 eV, L2 near 525 eV, O K at 529 and 531 eV. With lithium, vanadium is reduced: its
# peaks move down by tenths of an eV, and the first O K peak (empty V 3d t2g states) is filled and falls.
LIXV2O5 = Material(
    name="lixv2o5",
    element="V",
    edge="L",
    formula="LixV2O5",
    phases=(
        Phase(
            name="alpha",
            lithium=0.0,
            below_edge_per_um=0.9,
            edges=(Edge(516.6, 0.7, 1.5), Edge(523.9, 0.9, 0.8), Edge(530.6, 0.8, 2.2)),
            peaks=(
                Peak(515.7, 0.9, 1.3),
                Peak(517.1, 1.3, 4.0),
                Peak(518.75, 1.5, 8.8),
                Peak(524.0, 1.9, 1.8),
                Peak(525.3, 2.0, 4.4),
                Peak(529.25, 1.1, 6.2),
                Peak(531.25, 1.6, 3.9),
                Peak(536.8, 4.5, 1.2, 0.0),
            ),
        ),
        Phase(
            name="epsilon",
            lithium=0.4,
            below_edge_per_um=0.9,
            edges=(Edge(516.4, 0.7, 1.5), Edge(523.7, 0.9, 0.8), Edge(530.5, 0.8, 2.2)),
            peaks=(
                Peak(515.5, 0.9, 2.4),
                Peak(516.75, 1.3, 3.6),
                Peak(518.45, 1.5, 9.0),
                Peak(523.7, 1.9, 2.3),
                Peak(525.0, 2.0, 4.1),
                Peak(529.05, 1.2, 4.5),
                Peak(530.75, 1.5, 4.9),
                Peak(536.5, 4.5, 1.2, 0.0),
            ),
        ),
        Phase(
            name="delta",
            lithium=1.0,
            below_edge_per_um=0.9,
            edges=(Edge(516.1, 0.7, 1.5), Edge(523.4, 0.9, 0.8), Edge(530.4, 0.8, 2.2)),
            peaks=(
                Peak(515.0, 1.1, 2.2),
                Peak(516.35, 1.4, 5.0),
                Peak(517.95, 1.8, 7.6),
                Peak(523.3, 2.0, 2.6),
                Peak(524.55, 2.1, 3.8),
                Peak(528.85, 1.3, 2.8),
                Peak(530.75, 1.9, 4.3),
                Peak(536.1, 4.5, 1.2, 0.0),
            ),
        ),
    ),
    range_ev=(505.0, 540.0),
    energies_ev=(513.0, 516.3, 517.9, 518.8, 529.1),
    # What too much beam leaves of vanadium oxides: V³⁺ has its L3 peak 2 eV below that of V⁵⁺.
    intruder=Phase(
        name="V2O3",
        lithium=0.0,
        below_edge_per_um=1.1,
        edges=(Edge(514.9, 0.8, 1.6), Edge(522.3, 1.0, 0.8), Edge(530.6, 0.8, 1.8)),
        peaks=(
            Peak(513.9, 1.4, 2.6),
            Peak(515.5, 1.9, 5.2),
            Peak(516.8, 2.2, 4.4),
            Peak(522.8, 2.4, 3.6),
            Peak(530.2, 1.7, 2.2),
            Peak(532.4, 2.2, 3.4),
        ),
    ),
)

# Fe L3 at 708.25 eV (Fe²⁺) and 709.67 eV (Fe³⁺), as in measured spectra of LiFePO4 and FePO4; the
# intermediate solid solution has peaks of its own between them, so that no mixture imitates it.
LIXFEPO4 = Material(
    name="lixfepo4",
    element="Fe",
    edge="L",
    formula="LixFePO4",
    phases=(
        Phase(
            name="FePO4",
            lithium=0.0,
            below_edge_per_um=2.2,
            edges=(Edge(708.6, 0.9, 1.4), Edge(721.8, 1.1, 0.7)),
            peaks=(
                Peak(708.05, 1.2, 4.6),
                Peak(709.67, 1.7, 8.6),
                Peak(712.4, 3.6, 1.6),
                Peak(721.2, 1.8, 1.6),
                Peak(723.2, 2.6, 2.3),
            ),
        ),
        Phase(
            name="Li0.6FePO4",
            lithium=0.6,
            below_edge_per_um=2.2,
            edges=(Edge(708.0, 0.9, 1.4), Edge(721.2, 1.1, 0.7)),
            peaks=(
                Peak(706.2, 1.5, 1.0),
                Peak(707.75, 1.4, 4.2),
                Peak(708.85, 1.6, 6.0),
                Peak(711.2, 2.6, 2.4),
                Peak(720.3, 2.0, 1.9),
                Peak(722.7, 2.6, 1.9),
            ),
        ),
        Phase(
            name="LiFePO4",
            lithium=1.0,
            below_edge_per_um=2.2,
            edges=(Edge(707.4, 0.9, 1.4), Edge(720.6, 1.1, 0.7)),
            peaks=(
                Peak(706.3, 1.4, 2.4),
                Peak(708.25, 1.7, 7.8),
                Peak(710.3, 1.8, 3.6),
                Peak(719.9, 1.9, 2.2),
                Peak(722.9, 2.6, 1.3),
            ),
        ),
    ),
    range_ev=(700.0, 730.0),
    energies_ev=(704.4, 706.4, 708.25, 708.9, 709.7),
    # Firing with carbon may leave iron phosphides, whose L3 is one broad peak near that of the metal.
    intruder=Phase(
        name="Fe2P",
        lithium=0.0,
        below_edge_per_um=2.6,
        edges=(Edge(706.6, 0.9, 1.8), Edge(719.7, 1.1, 0.9)),
        peaks=(Peak(707.1, 2.2, 7.4, 0.6), Peak(720.0, 2.8, 2.4, 0.6)),
    ),
)

MATERIALS = (LIXV2O5, LIXFEPO4)


def material_named(name: str) -> Material:
    """Return the model material called `name`.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    for material in MATERIALS:
        if material.name == name:
            return material
    known = ", ".join(material.name for material in MATERIALS)
    raise ValueError(f"no model material is called {name!r}; choose one of: {known}")
