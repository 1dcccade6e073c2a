"""The dose that every pixel has had so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray

__all__ = ["Absorber", "dose_mgy"]

_JOULE_PER_EV = 1.602176634e-19
_UM2_PER_CM2 = 1e8


@dataclass(frozen=True, slots=True)
class Absorber:
    """What the dose depends on beside the images.

    Attributes
    ----------
    photons_per_count
        Photons on the sample for one count of the detector without a sample.
    areal_mass_g_cm2
        Mass per area of one unit of fitted thickness: density times the thickness of the references.
    """

    photons_per_count: float
    areal_mass_g_cm2: float

    def mass_kg(self, thickness: FloatArray, pixel_um2: float) -> FloatArray:
        """Return the mass in each pixel of a fitted thickness, shape (ny, nx)."""
        return 1e-3 * self.areal_mass_g_cm2 * thickness * pixel_um2 / _UM2_PER_CM2


def dose_mgy(
    exposures: FloatArray, photons: FloatArray, energies_ev: FloatArray, od: FloatArray, mass_kg: FloatArray
) -> FloatArray:
    r"""Return the dose of every pixel, MGy, shape (ny, nx); NaN where the amount of material is unknown or 0.

    D = Σ_e n_e φ_e (1 - exp(-OD_e)) E_e / m: the energy absorbed over the mass that absorbs it, its mean over
    the thickness (Berejnov et al., J. Synchrotron Rad. 25 (2018) 833, for a sample that loses no mass). All
    images of an energy are taken to have been as absorbing and as bright as its newest.

    Parameters
    ----------
    exposures
        How often each row was measured at each energy, shape (energy, ny).
    photons
        Photons on one pixel in one image, shape (energy,); may be NaN for energies never measured.
    energies_ev
        Shape (energy,).
    od
        Optical density, shape (energy, ny, nx).
    mass_kg
        Of the material in each pixel, shape (ny, nx); see `Absorber`.
    """
    measured = exposures > 0
    incident = np.where(measured, exposures * photons[:, None], 0.0)
    absorbed = np.where(measured[..., None], -np.expm1(-np.maximum(od, 0.0)), 0.0)
    joule = _JOULE_PER_EV * np.einsum("e,ey,eyx->yx", energies_ev, incident, absorbed)
    return np.divide(1e-6 * joule, mass_kg, out=np.full_like(joule, np.nan), where=mass_kg > 0)
