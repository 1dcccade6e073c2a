"""The figures that sum a snapshot up: as words for people, as numbers for programs."""

from __future__ import annotations

import numpy as np

from operando.types import Snapshot

__all__ = ["figures_of", "measures_of"]


def figures_of(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return what sums a snapshot up, as words."""
    delivery = snapshot.delivery
    figures = [
        ("cycles and lines seen", f"{snapshot.curve.cycle.size} and {snapshot.progress.lines_seen}"),
        (
            "documents read / lost / rejected",
            f"{delivery.documents} / {delivery.lost} / {delivery.rejected}",
        ),
    ]
    newest = snapshot.map
    if newest is not None and newest.valid.any():
        figures += [
            ("valid pixels", f"{int(newest.valid.sum())} of {newest.valid.size}"),
            ("median σ(x)", f"{float(np.median(newest.lithium_error[newest.valid])):.3f}"),
        ]
        chi2 = newest.chi2[newest.valid]
        if np.isfinite(chi2).any():
            figures.append(("median χ² per degree of freedom", f"{float(np.nanmedian(chi2)):.2f}"))
    if snapshot.curve.cycle.size:
        figures.append(
            (
                "mean x of the last cycle",
                f"{snapshot.curve.lithium[-1]:.4f} ± {snapshot.curve.lithium_error[-1]:.4f}",
            )
        )
    return figures


def measures_of(snapshot: Snapshot) -> dict[str, int | float | None]:
    """Return what sums a snapshot up, as numbers; None where there is nothing to say.

    `median_*` are over the valid pixels of the newest map, `mean_x` is of the last recorded cycle.
    Lithium contents, their σ and χ² per degree of freedom have no unit; all else are counts.
    """
    delivery, progress, curve, newest = snapshot.delivery, snapshot.progress, snapshot.curve, snapshot.map
    return {
        "cycles": int(curve.cycle.size),
        "lines_seen": progress.lines_seen,
        "lines_planned": progress.lines_planned,
        "documents_read": delivery.documents,
        "documents_lost": delivery.lost,
        "documents_repeated": delivery.repeated,
        "documents_rejected": delivery.rejected,
        "valid_pixels": 0 if newest is None else int(newest.valid.sum()),
        "pixels": int(np.prod(snapshot.plan.grid.shape)),
        "median_sigma_x": None if newest is None else _median(newest.lithium_error[newest.valid]),
        "median_chi2": None if newest is None else _median(newest.chi2[newest.valid]),
        "mean_x": float(curve.lithium[-1]) if curve.cycle.size else None,
        "mean_x_sigma": float(curve.lithium_error[-1]) if curve.cycle.size else None,
    }


def _median(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None
