"""The dose that a pixel gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from operando_plans.region import Region

__all__ = ["Sample", "dose_mgy"]

_JOULE_PER_EV = 1.602176634e-19


@dataclass(frozen=True, slots=True)
class Sample:
    """What the beam meets, as far as the dose depends on it.

    Attributes
    ----------
    photons_per_s
        On the sample.
    thickness_um, density_g_cm3
        Of the material.
    od
        Its optical density: one number for all energies of a region, or one each.

    Raises
    ------
    ValueError
        A number is not above 0.
    """

    photons_per_s: float
    thickness_um: float
    density_g_cm3: float
    od: float | Sequence[float]

    def __post_init__(self) -> None:
        ods = self.od if isinstance(self.od, Sequence) else (self.od,)
        for value in (self.photons_per_s, self.thickness_um, self.density_g_cm3, *ods):
            if not 0 < value < math.inf:
                msg = f"{self} has the number {value}; all of them must be above 0"
                raise ValueError(msg)

    def absorbed(self, region: Region) -> tuple[float, ...]:
        """Return the share of the light that the sample keeps at each energy of a region.

        Raises
        ------
        ValueError
            There is another number of optical densities than of energies.
        """
        energies = len(region.energies_ev)
        ods = tuple(self.od) if isinstance(self.od, Sequence) else (self.od,) * energies
        if len(ods) != energies:
            msg = (
                f"the sample has {len(ods)} optical densities and region '{region.name}' {energies} "
                "energies; give one for all, or one each"
            )
            raise ValueError(msg)
        return tuple(-math.expm1(-od) for od in ods)


def dose_mgy(sample: Sample, region: Region, lit_ms: Sequence[float]) -> float:
    r"""Return the dose of one pixel, MGy.

    D = Σ φ τ (1 - exp(-OD)) E / (ρ d a), the energy absorbed over the mass that absorbs it, with the photon
    rate φ, the time τ, the photon energy E, the density ρ, the thickness d and the area a of a pixel, as in
    Berejnov et al., J. Synchrotron Rad. 25 (2018), "First-principles X-ray absorption dose calculation", for
    a sample that loses no mass. It is the mean over the thickness. What the beam spills into neighbours comes
    back from them.

    Parameters
    ----------
    sample
        What absorbs.
    region
        Its energies and pixels.
    lit_ms
        How long light is on a pixel at each energy in all.
    """
    columns, rows = region.field.points
    pixel_um2 = region.field.size_um[0] / (columns - 1) * region.field.size_um[1] / (rows - 1)
    # 1 µm³ of 1 g/cm³ weighs 1e-15 kg.
    mass_kg = 1e-15 * sample.density_g_cm3 * sample.thickness_um * pixel_um2
    joule = sum(
        1e-3 * lit * sample.photons_per_s * absorbed * energy_ev * _JOULE_PER_EV
        for lit, absorbed, energy_ev in zip(lit_ms, sample.absorbed(region), region.energies_ev, strict=True)
    )
    return 1e-6 * joule / mass_kg
