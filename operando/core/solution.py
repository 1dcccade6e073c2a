"""From a composite to a map: every pixel fitted, and why the others have no value."""

# pyright: reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

from dataclasses import fields, replace

import numba
import numpy as np

from operando.core.absorption import without_fit_bias
from operando.core.composite import Composite
from operando.core.evolution import Images, brought_to_now, directions_of
from operando.core.fit import Background, Design, Fit, design_of, fit
from operando.core.shared_errors import SharedErrors, with_shared_errors
from operando.core.stack import Limits, Recipe
from operando.types import FloatArray, LithiationMap, PhaseSpectra, Reason, ScanPlan

__all__ = ["frame_age_s", "solve"]

_BAD_CHI2, _WORSE = 2.0, 1.5
"""History is given up in a pixel where χ² per degree of freedom is above the first, and above the second
times that of the newest images alone."""


def solve(
    composite: Composite, plan: ScanPlan, phases: PhaseSpectra, recipe: Recipe, *, is_provisional: bool
) -> LithiationMap:
    """Fit every pixel of a composite and say why the others have no value.

    Parameters
    ----------
    composite
        What is known.
    plan
        The scan it belongs to.
    phases
        References at the energies of the scan.
    recipe
        Background and limits.
    is_provisional
        Carried into the map: whether rows of the cycle are missing.
    """
    ny, nx = composite.od.shape[1:]
    design = design_of(phases.at_energies, phases.lithium, plan.energies_ev, recipe.background)
    result = _fit(composite, design)
    od, variance = (values.reshape(len(values), -1) for values in (composite.od, composite.variance))
    shared = SharedErrors.of(phases, recipe.incident.error)
    result = with_shared_errors(result, od, variance, design, shared)
    reason = _reasons(composite, result, design.matrix.shape[1], recipe.limits)
    determined = (reason == Reason.DETERMINED).reshape(ny, nx)

    def image(values: FloatArray) -> FloatArray:
        return values.reshape(*values.shape[:-1], ny, nx)

    def determined_only(values: FloatArray) -> FloatArray:
        return np.where(determined, image(values), np.nan)

    none = np.where(result.is_solved, 0.0, np.nan)
    background = result.background[0] if recipe.background >= Background.CONSTANT else none
    half_range_ev = float(np.ptp(plan.energies_ev)) / 2
    slope = result.background[1] / half_range_ev if recipe.background is Background.LINEAR else none
    return LithiationMap(
        cycle=composite.cycle,
        time_s=composite.time_s,
        lithium=determined_only(result.lithium),
        lithium_error=determined_only(result.lithium_error),
        fraction=determined_only(result.fraction),
        fraction_error=determined_only(result.fraction_error),
        thickness=image(result.thickness),
        thickness_error=image(result.thickness_error),
        background=image(background),
        background_slope=image(slope),
        chi2=image(result.chi2),
        r_factor=image(result.r_factor),
        energies_used=result.energies_used.reshape(ny, nx),
        frame_age_s=frame_age_s(composite),
        reason=reason.reshape(ny, nx),
        is_provisional=is_provisional,
        shift_px=composite.shifts.px,
        shift_um=composite.shifts.um,
        shift_quality=composite.shifts.quality,
    )


def frame_age_s(composite: Composite) -> FloatArray:
    """Return how much older each energy's newest row is than the newest of all, shape (energy,)."""
    energy_time_s = _newest(composite.row_time_s, axis=1)
    return _newest(energy_time_s, axis=0) - energy_time_s


def _fit(composite: Composite, design: Design) -> Fit:
    """Fit the newest images, with what older ones say where there are any."""
    energies, columns = design.matrix.shape
    leverage = columns / energies
    directions = directions_of(design) if composite.older else None
    if directions is None:
        od = without_fit_bias(composite.od, composite.variance, leverage)
        return fit(od.reshape(energies, -1), composite.variance.reshape(energies, -1), design)
    newest = Images(composite.od, composite.variance, composite.row_time_s)
    evidence = brought_to_now(newest, composite.older, directions, design, composite.time_s)
    rows = len(evidence.od)
    evidence.od[:energies] = without_fit_bias(evidence.od[:energies], composite.variance, leverage)
    od = evidence.od.reshape(rows, -1)
    result = fit(od, evidence.variance.reshape(rows, -1), evidence.design)
    # What older cycles say is no energy, and no part of the picture that the R-factor judges.
    amounts = np.concatenate([result.fraction * result.thickness, result.background])
    used, r_factor = _judged(od[:energies], amounts, design.matrix * design.scale)
    timed = replace(result, energies_used=used, r_factor=r_factor)
    alone = without_fit_bias(composite.od, composite.variance, leverage).reshape(energies, -1)
    return _unless_contradicted(timed, fit(alone, composite.variance.reshape(energies, -1), design))


def _unless_contradicted(timed: Fit, plain: Fit) -> Fit:
    """Return the fit with history, but that of the newest images alone where history contradicts them.

    Just behind a front the motion measured so far goes on in the estimate though it is over in the
    pixel. The non-negative amounts cannot follow, so that the thickness gives way and χ² says so.
    """
    with np.errstate(invalid="ignore"):
        is_contradicted = plain.is_solved & (timed.chi2 > _BAD_CHI2) & (timed.chi2 > _WORSE * plain.chi2)
    chosen = {
        entry.name: np.where(is_contradicted, getattr(plain, entry.name), getattr(timed, entry.name))
        for entry in fields(Fit)
    }
    return Fit(**chosen)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _judged(od, amounts, spectra):  # noqa: ANN001, ANN202 - numba infers the types
    """Return the number of energies, and Σ residual² / Σ OD² over them, each of shape (pixel,)."""
    energies, pixels = od.shape
    used = np.zeros(pixels, dtype=np.uint16)
    residual2, measured2 = np.zeros(pixels), np.zeros(pixels)
    for e in range(energies):
        for p in range(pixels):
            measured = od[e, p]
            if np.isfinite(measured):
                fitted = 0.0
                for k in range(spectra.shape[1]):
                    fitted += spectra[e, k] * amounts[k, p]
                used[p] += np.uint16(1)
                residual2[p] += (measured - fitted) ** 2
                measured2[p] += measured * measured
    return used, residual2 / measured2


def _reasons(composite: Composite, result: Fit, columns: int, limits: Limits) -> np.ndarray:
    """Return a `Reason` per pixel, the most basic one winning, shape (pixel,)."""
    seen = composite.seen.reshape(composite.seen.shape[0], -1).sum(axis=0)
    thickest = np.nan_to_num(composite.od.reshape(composite.od.shape[0], -1), nan=-np.inf).max(axis=0)
    with np.errstate(invalid="ignore"):
        is_thin = ~(
            (result.thickness >= limits.min_thickness)
            & (result.thickness >= limits.min_significance * result.thickness_error)
        )
    reason = np.full(seen.shape, Reason.DETERMINED, dtype=np.uint8)
    reason[is_thin] = Reason.THIN
    reason[thickest > limits.max_od] = Reason.OPAQUE
    reason[~result.is_solved] = Reason.AMBIGUOUS
    reason[result.energies_used < columns] = Reason.INVALID
    reason[seen < columns] = Reason.UNSEEN
    return reason


def _newest(times_s: FloatArray, axis: int) -> FloatArray:
    newest = np.where(np.isnan(times_s), -np.inf, times_s).max(axis=axis)
    return np.where(np.isneginf(newest), np.nan, newest)
