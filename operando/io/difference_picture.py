"""Two maps of one field and how they differ, as one picture: x of both, Δx, and Δx beside its σ."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from operando.io.lettering import as_written, with_any_letters
from operando.io.pictures import draw_image, draw_lithium, draw_scale_bar, extent_um

if TYPE_CHECKING:
    from operando.types import FloatArray, LithiationMap, PhaseSpectra, ScanGrid

__all__ = ["Difference", "difference_png"]

_DPI = 140
_MOST_SIGMAS = 5.0


@dataclass(frozen=True, slots=True)
class Difference:
    """How two maps of one field differ.

    Attributes
    ----------
    grid
        Where the pixels are.
    first, second
        The maps.
    lithium
        x₁ - x₂, shape (ny, nx); NaN where either is undetermined.
    sigmas
        |x₁ - x₂| / √(σ₁² + σ₂²), shape (ny, nx); NaN where that is unknown.
    """

    grid: ScanGrid
    first: LithiationMap
    second: LithiationMap
    lithium: FloatArray
    sigmas: FloatArray


def difference_png(difference: Difference, phases: PhaseSpectra, names: tuple[str, str]) -> bytes:
    """Return the four maps as PNG.

    Parameters
    ----------
    difference
        The maps, and how they differ.
    phases
        The references, whose lithium contents set the scale of both.
    names
        What the two are called.
    """
    grid = difference.grid
    # Valid where both are, and otherwise of the reason of one of them.
    both = replace(difference.second, reason=np.maximum(difference.first.reason, difference.second.reason))
    known = np.abs(difference.lithium[np.isfinite(difference.lithium)])
    most = float(np.percentile(known, 99)) if known.size else 1.0
    most = most if most > 0 else 1.0
    high_in = 3.4 * min(max(extent_um(grid.y_um) / extent_um(grid.x_um), 0.3), 2.0)
    figure = Figure(figsize=(10.0, 2 * high_in + 2.2), dpi=_DPI)
    FigureCanvasAgg(figure)
    with with_any_letters():
        (upper_left, upper_right), (lower_left, lower_right) = figure.subplots(
            2, 2, gridspec_kw={"wspace": 0.45, "hspace": 0.45}
        )
        draw_lithium(upper_left, difference.first, grid, phases)
        draw_lithium(upper_right, difference.second, grid, phases)
        draw_image(lower_left, difference.lithium, both, grid, ("RdBu_r", most, "x₁ - x₂"), -most)
        sigmas = ("magma", _MOST_SIGMAS, "|x₁ - x₂| / √(σ₁² + σ₂²)")
        draw_image(lower_right, difference.sigmas, both, grid, sigmas)
        for axes in (lower_left, lower_right):
            draw_scale_bar(axes, grid)
        titles = (f"x₁: {names[0]}", f"x₂: {names[1]}", "difference of x", "difference over its σ")
        for axes, title in zip((upper_left, upper_right, lower_left, lower_right), titles, strict=True):
            axes.set_title(as_written(title), loc="left", fontsize=10, parse_math=False)
        file = io.BytesIO()
        figure.savefig(file, format="png", facecolor="white", metadata={"Software": None})
    return file.getvalue()
