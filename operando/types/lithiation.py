"""What the fit says: a map, its curve, a region's mean, and the references it went by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from operando.regions import Region
from operando.types.arrays import FloatArray, MaskArray

__all__ = ["Curve", "LithiationMap", "PhaseSpectra", "Reason", "RegionResult"]


class Reason(IntEnum):
    """Why a pixel has no lithium content; `DETERMINED` where it has one."""

    DETERMINED = 0
    UNSEEN = 1
    """Too few energies have been measured there."""
    INVALID = 2
    """Counts are not positive, not finite or at the detector's ceiling."""
    THIN = 3
    """The fitted amount of material is below the limit or within its own noise."""
    OPAQUE = 4
    """The optical density is above the limit."""
    AMBIGUOUS = 5
    """The references cannot be told apart at the energies measured there."""


@dataclass(frozen=True, slots=True)
class LithiationMap:
    """The lithium content and all that the fit says about it.

    Attributes
    ----------
    cycle
        The newest cycle that contributed.
    time_s
        The time the map speaks for: the mean time of the newest complete image of each energy.
    lithium, lithium_error
        x and its standard deviation, shape (ny, nx); NaN where undetermined.
    fraction, fraction_error
        Share of each phase in the material, shape (phase, ny, nx); sums to 1 where determined.
    thickness, thickness_error
        Sum of the phase amounts, in units of the references (a sample as thick as the
        references has 1; nm for references in OD per nm), shape (ny, nx).
    background, background_slope
        Fitted background in the middle of the energy range (optical density), and its slope
        (optical density per eV), shape (ny, nx); 0 without one.
    chi2
        χ² per degree of freedom, shape (ny, nx); NaN where no degree of freedom is left.
    r_factor
        Σ residual² / Σ OD², shape (ny, nx).
    energies_used
        How many energies were fitted, shape (ny, nx).
    frame_age_s
        How much older than the newest row of all each energy's newest row is, shape (energy,);
        NaN if unseen.
    reason
        A `Reason` per pixel, shape (ny, nx).
    is_provisional
        True while rows of the cycle are missing; only complete cycles are results of record.
    shift_px, shift_um
        How far from the first image each energy's newest image lies, and was moved back by, (y, x), shape
        (energy, 2); in µm along the axes of the grid. NaN if unseen, or if images are not registered.
    shift_quality
        Size of the correlation that says so, 0 to 1, shape (energy,); NaN where the shift is that of the
        image before.
    """

    cycle: int
    time_s: float
    lithium: FloatArray
    lithium_error: FloatArray
    fraction: FloatArray
    fraction_error: FloatArray
    thickness: FloatArray
    thickness_error: FloatArray
    background: FloatArray
    background_slope: FloatArray
    chi2: FloatArray
    r_factor: FloatArray
    energies_used: NDArray[np.uint16]
    frame_age_s: FloatArray
    reason: NDArray[np.uint8]
    is_provisional: bool
    shift_px: FloatArray
    shift_um: FloatArray
    shift_quality: FloatArray

    @property
    def valid(self) -> MaskArray:
        """Where the lithium content is determined, shape (ny, nx)."""
        return self.reason == Reason.DETERMINED


@dataclass(frozen=True, slots=True)
class PhaseSpectra:
    """The references as the fit used them, and as a picture shows them.

    Attributes
    ----------
    names
        One per phase.
    lithium
        Lithium content of each pure phase, shape (phase,).
    at_energies
        Reference value at the energies of the scan, shape (energy, phase).
    energy_ev, curves
        A dense grid over the scan's range, shape (n,), and the references on it, shape (n, phase).
    unit
        "optical_density", "od_per_nm" or "mass_absorption".
    is_model
        True if any reference is computed, not measured.
    sigma
        Standard deviation of each reference's values, shape (phase,); None where nobody said.
    """

    names: tuple[str, ...]
    lithium: FloatArray
    at_energies: FloatArray
    energy_ev: FloatArray
    curves: FloatArray
    unit: str
    is_model: bool
    sigma: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean lithium content of the field against time, one point per completed cycle.

    Attributes
    ----------
    cycle, time_s
        Shape (n,).
    lithium
        Mean weighted by the amount of material, Σ T x / Σ T over valid pixels, shape (n,).
    lithium_error
        Its standard deviation from the pixels' own σ, shape (n,).
    pixels
        Number of valid pixels, shape (n,).
    """

    cycle: NDArray[np.int64]
    time_s: FloatArray
    lithium: FloatArray
    lithium_error: FloatArray
    pixels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RegionResult:
    """What the material in a region is, fitted as one: the mean of its pixels, not a mean of fits.

    Attributes
    ----------
    region
        Which region, as it was when this was fitted.
    pixels
        How many pixels were taken: those within it, in no mask, with a lithium content.
    od, od_error
        Mean optical density, as of the time of the map where older images tell how it moves, and its standard
        deviation, shape (energy,); NaN without pixels.
    fraction, fraction_error
        Share of each phase, shape (phase,).
    thickness
        Mean amount of material per pixel, in units of the references.
    background, background_slope
        As in `LithiationMap`.
    lithium, lithium_error
        x = Σ t_s x_s / Σ t_s over all pixels, and its standard deviation; NaN where undetermined.
    chi2, r_factor
        χ² per degree of freedom of the mean; Σ residual² / Σ OD².
    curve
        x against time, one point per completed cycle.
    """

    region: Region
    pixels: int
    od: FloatArray
    od_error: FloatArray
    fraction: FloatArray
    fraction_error: FloatArray
    thickness: float
    background: float
    background_slope: float
    lithium: float
    lithium_error: float
    chi2: float
    r_factor: float
    curve: Curve
