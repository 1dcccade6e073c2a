"""The equivalent stress of a cycle as a picture, whose title says that it depends on a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from operando.io.lettering import as_written
from operando.io.pictures import draw_scale_bar, edges_um
from operando.io.stress_file import MODEL_WORDS, StressRecord

__all__ = ["stress_picture"]


def stress_picture(path: Path, record: StressRecord) -> None:
    """Draw the equivalent stress into a PNG file."""
    grid = record.plan.grid
    figure = Figure(figsize=(6.4, 6.0), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    known = record.von_mises_gpa[np.isfinite(record.von_mises_gpa)]
    # Pixels make stairs of the rim: the few largest values are theirs.
    highest = float(np.percentile(known, 99)) if known.size else 1.0
    x_um, y_um = edges_um(grid.x_um), edges_um(grid.y_um)
    image = axes.imshow(
        np.ma.masked_invalid(record.von_mises_gpa),
        cmap="inferno",
        extent=(*x_um, *y_um),
        origin="lower",
        interpolation="nearest",
        vmin=0.0,
        vmax=highest or 1.0,
    )
    axes.set_facecolor("#ececec")
    axes.set_xlim(min(x_um), max(x_um))
    axes.set_ylim(min(y_um), max(y_um))
    axes.set_aspect("equal")
    axes.set_xlabel("x (µm)")
    axes.set_ylabel("y (µm)")
    figure.colorbar(image, ax=axes, label="equivalent stress (GPa), model-dependent")
    draw_scale_bar(axes, grid)
    name = as_written(record.plan.sample or record.plan.plan_name)
    axes.set_title(f"{name}, cycle {record.cycle + 1}", loc="left", fontsize=11, parse_math=False)
    figure.supxlabel(MODEL_WORDS, x=0.02, ha="left", fontsize=8)
    figure.savefig(path, format="png")
