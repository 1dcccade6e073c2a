"""The dose of a run, cycle by cycle: what light fell on each row, and what the material made of it."""

from __future__ import annotations

import numpy as np

from operando.core.composite import Composite
from operando.core.dose import Absorber, dose_mgy
from operando.core.stack import StackState
from operando.core.study_rules import DoseRule
from operando.oddities import DoseMap
from operando.types import Finding, FloatArray, LithiationMap, MaskArray, ScanGrid, Severity

__all__ = ["dose_findings", "dose_map", "dose_of_pixels", "photons_of"]

_NEAR = 0.8
"""Of the limit: from here on it is worth saying."""


def photons_of(stack: StackState, composite: Composite, since: int, rule: DoseRule) -> FloatArray:
    """Return the photons on one pixel of each row in the cycles after one, shape (energy, ny).

    Parameters
    ----------
    stack, composite
        The images, and what is made of those up to the newest of these cycles.
    since
        The last cycle that is counted already; -1 for none.
    rule
        How many photons there are.
    """
    energies, ny, _ = stack.plan.stack_shape
    photons = np.zeros((energies, ny))
    dark = composite.origins.detector.dark_counts
    for (cycle, energy), image in sorted(stack.images.items()):
        if not since < cycle <= composite.cycle:
            continue
        if np.isnan(rule.photons_per_s):
            light = np.full(ny, rule.photons_per_count * (composite.i0[energy] - dark))
        else:
            light = rule.photons_per_s * image.dwell_ms(stack.plan.dwell_ms[energy]) / 1e3
        photons[energy] += np.where(np.isnan(image.row_time_s), 0.0, np.nan_to_num(light))
    return photons


def dose_of_pixels(
    photons: FloatArray,
    composite: Composite,
    newest: LithiationMap,
    grid: ScanGrid,
    energies_ev: FloatArray,
    rule: DoseRule,
) -> FloatArray:
    """Return the dose of every pixel, MGy, shape (ny, nx).

    NaN where there is no material, where an energy that shone on it has no optical density now, and in a scan
    of one row or column, whose pixels have no known size.

    Parameters
    ----------
    photons
        On one pixel of each row so far, shape (energy, ny).
    composite, newest
        Optical densities and amounts now: all images are taken to have been as absorbing.
    grid, energies_ev, rule
        Size of the pixels, energies, and the mass of the material.
    """
    pixel_um2 = _pitch_um(grid.x_um) * _pitch_um(grid.y_um)
    thickness = np.where(newest.valid, newest.thickness, np.nan)
    mass_kg = Absorber(rule.photons_per_count, rule.areal_mass_g_cm2).mass_kg(thickness, pixel_um2)
    return dose_mgy(photons, np.ones(energies_ev.size), energies_ev, composite.od, mass_kg)


def dose_map(pixels_mgy: FloatArray, covers: tuple[MaskArray, ...], limit_mgy: float) -> DoseMap:
    """Return the dose of the field and of its regions; `covers` are the pixels of each, (ny, nx)."""
    everywhere = np.ones(pixels_mgy.shape, dtype=np.bool_)
    field_mgy, *regions_mgy = (_median(pixels_mgy[cover]) for cover in (everywhere, *covers))
    return DoseMap(pixels_mgy, field_mgy, tuple(regions_mgy), limit_mgy)


def dose_findings(pixels_mgy: FloatArray, limit_mgy: float) -> list[Finding]:
    """Return what is to be said about the dose; nothing while it is far from the limit."""
    dose = _median(pixels_mgy)
    if not dose >= _NEAR * limit_mgy:
        return []
    is_beyond = dose >= limit_mgy
    return [
        Finding(
            "dose",
            Severity.ALARM if is_beyond else Severity.WARNING,
            f"half of the material has had {dose:.3g} MGy or more; the profile allows {limit_mgy:g} MGy",
            "end the series or move to a fresh region, and compare with a region that was not exposed"
            if is_beyond
            else "a shorter dwell, fewer energies or fewer cycles leave more of it",
        )
    ]


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _pitch_um(positions_um: FloatArray) -> float:
    if positions_um.size < 2:
        return float("nan")
    return abs(float(positions_um[-1] - positions_um[0])) / (positions_um.size - 1)
