"""The spectrum of one pixel: what was measured, what the fit made of it, and how old it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray, MaskArray, Reason, Snapshot

__all__ = ["REASONS", "Component", "PixelSpectrum", "default_pixel", "spectrum_at"]

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
    """What one phase contributes to the spectrum of a pixel.

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
class PixelSpectrum:
    """Everything the spectrum panel draws.

    Attributes
    ----------
    row, column, x_um, y_um
        Which pixel and where it is.
    energy_ev, od, od_error, age_s, is_this_cycle
        The energies measured there, ascending, shape (m,): optical density, its σ, age
        with respect to the newest line, and whether it belongs to the cycle now running.
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
        Of this pixel; NaN where undetermined.
    reason
        Why there is no x; None while there is no map at all.
    """

    row: int
    column: int
    x_um: float
    y_um: float
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
    reason: Reason | None


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


def spectrum_at(snapshot: Snapshot, row: int, column: int) -> PixelSpectrum:
    """Return the spectrum of one pixel and its fit."""
    plan, phases, progress = snapshot.plan, snapshot.phases, snapshot.progress
    od = snapshot.od[:, row, column]
    order = np.argsort(plan.energies_ev, kind="stable")
    order = order[np.isfinite(od[order])]
    # Energies are visited in the order of the plan: those before the present one are new.
    is_new = np.arange(od.size) < progress.energy
    if snapshot.frame is not None and snapshot.frame.energy < od.size:
        is_new[snapshot.frame.energy] = bool(snapshot.frame.rows_seen[row])
    age_s = np.maximum(progress.last_line_s - snapshot.row_time_s[order, row], 0.0)

    fitted = snapshot.map
    reason = None if fitted is None else Reason(int(fitted.reason[row, column]))
    dense_ev, fit, ground = np.empty(0), np.empty(0), np.empty(0)
    components: tuple[Component, ...] = ()
    residual = np.full(order.size, np.nan)
    background = 0.0
    if fitted is not None and reason is Reason.DETERMINED:
        amounts = fitted.fraction[:, row, column] * fitted.thickness[row, column]
        background = float(fitted.background[row, column])
        slope = float(fitted.background_slope[row, column])
        middle_ev = 0.5 * float(plan.energies_ev.min() + plan.energies_ev.max())
        dense_ev = phases.energy_ev
        ground = background + slope * (dense_ev - middle_ev)
        # Phase by phase, not as a matrix product: what is drawn is the sum of what is drawn.
        parts = [amount * phases.curves[:, phase] for phase, amount in enumerate(amounts)]
        fit = sum(parts, ground)
        at_energies = sum(
            (amount * phases.at_energies[order, phase] for phase, amount in enumerate(amounts)),
            background + slope * (plan.energies_ev[order] - middle_ev),
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            residual = (od[order] - at_energies) / snapshot.od_error[order, row, column]
        components = tuple(
            Component(
                name=phases.names[phase],
                lithium=float(phases.lithium[phase]),
                share=float(fitted.fraction[phase, row, column]),
                share_error=float(fitted.fraction_error[phase, row, column]),
                od=part,
            )
            for phase, part in enumerate(parts)
        )
    nan = float("nan")
    return PixelSpectrum(
        row=row,
        column=column,
        x_um=float(plan.grid.x_um[column]),
        y_um=float(plan.grid.y_um[row]),
        energy_ev=plan.energies_ev[order],
        od=od[order],
        od_error=snapshot.od_error[order, row, column],
        age_s=age_s,
        is_this_cycle=is_new[order],
        dense_ev=dense_ev,
        fit=fit,
        components=components,
        background=background,
        ground=ground,
        residual_sigma=residual,
        lithium=nan if fitted is None else float(fitted.lithium[row, column]),
        lithium_error=nan if fitted is None else float(fitted.lithium_error[row, column]),
        chi2=nan if fitted is None or not components else float(fitted.chi2[row, column]),
        r_factor=nan if fitted is None or not components else float(fitted.r_factor[row, column]),
        reason=reason,
    )
