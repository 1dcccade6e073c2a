"""The spectrum of a pixel or a region: what was measured, what the fit made of it, and how old it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.regions import covered
from operando.types import FloatArray, MaskArray, Reason, RegionResult, Snapshot
from operando.view.words import count, plain

__all__ = ["REASONS", "Component", "Spectrum", "default_pixel", "spectrum_at", "spectrum_of_region"]

REASONS: dict[Reason, str] = {
    Reason.DETERMINED: "determined",
    Reason.UNSEEN: "too few energies yet",
    Reason.INVALID: "invalid counts",
    Reason.THIN: "too thin",
    Reason.OPAQUE: "too opaque",
    Reason.AMBIGUOUS: "references too alike",
}
"""Why a pixel has no x, in the words of the screen."""


@dataclass(frozen=True, slots=True)
class Component:
    """What one phase contributes to the spectrum.

    Attributes
    ----------
    name, lithium
        The phase, as the library names it (untrusted text), and its lithium content.
    share, share_error
        Its share of the material and the standard deviation.
    od
        Amount times reference on the dense energies, shape (n,).
    """

    name: str
    lithium: float
    share: float
    share_error: float
    od: FloatArray


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Everything the spectrum panel draws.

    Attributes
    ----------
    title, place
        Of which pixel or region; where it is, or how large. Plain text.
    energy_ev, od, od_error, age_s, is_this_cycle
        The energies measured there, ascending, shape (m,): optical density, its σ, age
        with respect to the newest line, and whether it belongs to the cycle now running. Of a
        region the oldest of its rows counts.
    dense_ev, fit
        The fitted curve Σ t_s μ_s(E) + background, shape (n,); empty where undetermined.
    components
        The terms of that sum, one per phase; empty where undetermined.
    background
        The fitted background in the middle of the energy range; 0 without one.
    ground
        The fitted background on the dense grid, shape (n,); empty where undetermined.
    residual_sigma
        (measured − fitted) / σ, shape (m,); NaN where there is no fit.
    lithium, lithium_error, chi2, r_factor
        NaN where undetermined.
    why_not
        Why there is no x, in the words of the screen; empty where there is one.
    """

    title: str
    place: str
    energy_ev: FloatArray
    od: FloatArray
    od_error: FloatArray
    age_s: FloatArray
    is_this_cycle: MaskArray
    dense_ev: FloatArray
    fit: FloatArray
    components: tuple[Component, ...]
    background: float
    ground: FloatArray
    residual_sigma: FloatArray
    lithium: float
    lithium_error: float
    chi2: float
    r_factor: float
    why_not: str


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What a fit says of one spectrum, shapes (phase,) where there are several."""

    fraction: FloatArray
    fraction_error: FloatArray
    thickness: float
    background: float
    slope: float
    lithium: float
    lithium_error: float
    chi2: float
    r_factor: float


@dataclass(frozen=True, slots=True)
class _Measured:
    """The energies of one spectrum in the order of the plan, shape (energy,)."""

    od: FloatArray
    od_error: FloatArray
    age_s: FloatArray
    is_new: MaskArray


def default_pixel(snapshot: Snapshot) -> tuple[int, int] | None:
    """Return the pixel to show before anybody has chosen one, (row, column).

    The thickest with a lithium content that is not fitted worse than nine in ten; before there is a
    map, the darkest seen so far.
    """
    if snapshot.map is not None and bool(np.any(snapshot.map.valid)):
        chi2 = np.nan_to_num(snapshot.map.chi2)
        is_typical = snapshot.map.valid & (chi2 <= np.percentile(chi2[snapshot.map.valid], 90.0))
        score = np.where(is_typical, snapshot.map.thickness, np.nan)
    else:
        seen = np.isfinite(snapshot.od)
        total = np.where(seen, snapshot.od, 0.0).sum(axis=0)
        number = seen.sum(axis=0)
        score = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    if not bool(np.any(np.isfinite(score))):
        return None
    row, column = np.unravel_index(int(np.nanargmax(score)), score.shape)
    return int(row), int(column)


def spectrum_at(snapshot: Snapshot, row: int, column: int) -> Spectrum:
    """Return the spectrum of one pixel and its fit."""
    grid, fitted = snapshot.plan.grid, snapshot.map
    measured = _Measured(
        snapshot.od[:, row, column],
        snapshot.od_error[:, row, column],
        np.maximum(snapshot.progress.last_line_s - snapshot.row_time_s[:, row], 0.0),
        _is_new(snapshot, np.equal(np.arange(grid.y_um.size), row)),
    )
    names = (f"Pixel {column}, {row}", f"at {grid.x_um[column]:.2f}, {grid.y_um[row]:.2f} µm")
    if fitted is None:
        return _spectrum(snapshot, names, measured, None, "no map yet")
    reason = Reason(int(fitted.reason[row, column]))
    if reason is not Reason.DETERMINED:
        return _spectrum(snapshot, names, measured, None, REASONS[reason])
    found = _Fitted(
        fitted.fraction[:, row, column],
        fitted.fraction_error[:, row, column],
        float(fitted.thickness[row, column]),
        float(fitted.background[row, column]),
        float(fitted.background_slope[row, column]),
        float(fitted.lithium[row, column]),
        float(fitted.lithium_error[row, column]),
        float(fitted.chi2[row, column]),
        float(fitted.r_factor[row, column]),
    )
    return _spectrum(snapshot, names, measured, found, "")


def spectrum_of_region(snapshot: Snapshot, result: RegionResult) -> Spectrum:
    """Return the mean spectrum of a region and its fit."""
    grid = snapshot.plan.grid
    rows = np.asarray(covered(result.region, grid.x_um, grid.y_um).any(axis=1))
    times_s = np.where(rows, snapshot.row_time_s, np.inf).min(axis=1, initial=np.inf)
    age_s = np.where(np.isfinite(times_s), snapshot.progress.last_line_s - times_s, np.nan)
    measured = _Measured(result.od, result.od_error, np.maximum(age_s, 0.0), _is_new(snapshot, rows))
    names = (plain(result.region.name, 40), f"{count(result.pixels)} pixels")
    if result.pixels == 0 or not np.isfinite(result.lithium):
        return _spectrum(
            snapshot, names, measured, None, "no pixel with an x" if not result.pixels else "no fit"
        )
    found = _Fitted(
        result.fraction,
        result.fraction_error,
        result.thickness,
        result.background,
        result.background_slope,
        result.lithium,
        result.lithium_error,
        result.chi2,
        result.r_factor,
    )
    return _spectrum(snapshot, names, measured, found, "")


def _is_new(snapshot: Snapshot, rows: MaskArray) -> MaskArray:
    """Return which energies have all of some rows from the cycle now running, shape (energy,)."""
    energies = snapshot.plan.energies_ev.size
    # Energies are visited in the order of the plan: those before the present one are new.
    is_new = np.arange(energies) < snapshot.progress.energy
    is_new &= np.isin(np.arange(energies), snapshot.plan.visited_in(snapshot.progress.cycle))
    if snapshot.frame is not None and snapshot.frame.energy < energies:
        is_new[snapshot.frame.energy] = bool(snapshot.frame.rows_seen[rows].all())
    return is_new


def _spectrum(
    snapshot: Snapshot, names: tuple[str, str], measured: _Measured, fitted: _Fitted | None, why_not: str
) -> Spectrum:
    plan, phases = snapshot.plan, snapshot.phases
    order = np.argsort(plan.energies_ev, kind="stable")
    order = order[np.isfinite(measured.od[order])]
    dense_ev, fit, ground = np.empty(0), np.empty(0), np.empty(0)
    components: tuple[Component, ...] = ()
    residual = np.full(order.size, np.nan)
    if fitted is not None:
        amounts = fitted.fraction * fitted.thickness
        middle_ev = 0.5 * float(plan.energies_ev.min() + plan.energies_ev.max())
        dense_ev = phases.energy_ev
        ground = fitted.background + fitted.slope * (dense_ev - middle_ev)
        # Phase by phase, not as a matrix product: what is drawn is the sum of what is drawn.
        parts = [amount * phases.curves[:, phase] for phase, amount in enumerate(amounts)]
        fit = sum(parts, ground)
        at_energies = sum(
            (amount * phases.at_energies[order, phase] for phase, amount in enumerate(amounts)),
            fitted.background + fitted.slope * (plan.energies_ev[order] - middle_ev),
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            residual = (measured.od[order] - at_energies) / measured.od_error[order]
        components = tuple(
            Component(
                name=phases.names[phase],
                lithium=float(phases.lithium[phase]),
                share=float(fitted.fraction[phase]),
                share_error=float(fitted.fraction_error[phase]),
                od=part,
            )
            for phase, part in enumerate(parts)
        )
    nan = float("nan")
    return Spectrum(
        title=names[0],
        place=names[1],
        energy_ev=plan.energies_ev[order],
        od=measured.od[order],
        od_error=measured.od_error[order],
        age_s=measured.age_s[order],
        is_this_cycle=measured.is_new[order],
        dense_ev=dense_ev,
        fit=fit,
        components=components,
        background=0.0 if fitted is None else fitted.background,
        ground=ground,
        residual_sigma=residual,
        lithium=nan if fitted is None else fitted.lithium,
        lithium_error=nan if fitted is None else fitted.lithium_error,
        chi2=nan if fitted is None else fitted.chi2,
        r_factor=nan if fitted is None else fitted.r_factor,
        why_not=why_not,
    )
