"""Pictures for the log book: one lithiation map, and one page that sums up a run.

Drawn without a screen. Every pixel lies at its own coordinates, x to the right and y upwards,
however the scan ran; grey means that x is undetermined there, never a value.
"""

from __future__ import annotations

import math
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import ScaledTranslation

from operando.io.lettering import as_label, as_written, with_any_letters
from operando.io.utc import utc_words
from operando.types import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from operando.types import Curve, FloatArray, LithiationMap, PhaseSpectra, ScanGrid, ScanPlan, Snapshot

__all__ = [
    "draw_field",
    "draw_image",
    "draw_lithium",
    "draw_references",
    "draw_scale_bar",
    "edges_um",
    "extent_um",
    "map_picture",
    "on_the_stage",
    "report_picture",
]

_DPI = 200
_PAGE_DPI = 150
_UNDETERMINED = "#b4b4b4"
_UNSEEN = "#ececec"
_TEXT = "#1f2328"
_MUTED = "#5b6470"
# Okabe and Ito: told apart with every kind of colour vision (jfly.uni-koeln.de/color).
_PHASE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_THICKNESS_LABELS = {
    "optical_density": "material (× reference)",
    "od_per_nm": "material (nm)",
    "mass_absorption": "material (g/cm²)",
}


def map_picture(
    path: str | Path,
    lithiation: LithiationMap,
    grid: ScanGrid,
    phases: PhaseSpectra,
    *,
    title: str,
    run: str = "",
) -> None:
    """Draw one lithiation map into a PNG file.

    Parameters
    ----------
    path
        The file; replaced if it exists.
    lithiation, grid, phases
        The map, where its pixels are, and the references, whose lithium contents set the scale.
    title
        Stands above the map.
    run
        The uid of the run, for the caption.
    """
    width_um, height_um = extent_um(grid.x_um), extent_um(grid.y_um)
    # Room for labels beside and below; extreme fields are drawn small instead of on a mile of paper.
    aspect = min(max(height_um / width_um, 0.3), 2.0)
    figure = Figure(
        figsize=(6.4, 4.6 * aspect + 1.5), dpi=_DPI, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    )
    axes = figure.add_subplot()
    draw_lithium(axes, lithiation, grid, phases)
    figure.suptitle(
        as_written(title), x=0.02, ha="left", fontsize=12, fontweight="bold", color=_TEXT, parse_math=False
    )
    lines = [f"run {as_written(run)}"] if run else []
    figure.supxlabel(
        "\n".join([*lines, _moment(lithiation)]),
        x=0.02,
        ha="left",
        fontsize=8,
        color=_MUTED,
        parse_math=False,
    )
    _save(figure, path)


def report_picture(path: str | Path, snapshot: Snapshot, figures: Sequence[tuple[str, str]]) -> None:
    """Draw one page about a run into a PNG file: maps, mean against time, references and key figures.

    Parameters
    ----------
    path
        The file; replaced if it exists.
    snapshot
        The moment to show, usually the last of the run; of it the plan, map, references and curve.
    figures
        What else to say, as pairs of label and value.
    """
    plan, lithiation, grid = snapshot.plan, snapshot.map, snapshot.plan.grid
    figure = Figure(figsize=(13.0, 8.6), dpi=_PAGE_DPI)
    upper = figure.add_gridspec(1, 3, left=0.055, right=0.935, top=0.9, bottom=0.54, wspace=0.5)
    lower = figure.add_gridspec(1, 3, left=0.055, right=0.985, top=0.41, bottom=0.105, wspace=0.22)
    maps = [figure.add_subplot(upper[column]) for column in range(3)]
    if lithiation is None:
        for axes, name in zip(maps, ("lithium content x", "σ of x", "material"), strict=True):
            axes.set_title(name, loc="left", fontsize=10)
            _say(axes, "no map: too few energies\nhave been measured")
    else:
        draw_lithium(maps[0], lithiation, grid, snapshot.phases)
        maps[0].set_title("lithium content", loc="left", fontsize=10)
        draw_field(maps[1], lithiation.lithium_error, lithiation, grid, "magma", "σ of x")
        maps[1].set_title("standard deviation of x", loc="left", fontsize=10)
        label = _THICKNESS_LABELS.get(snapshot.phases.unit, "material")
        draw_field(maps[2], lithiation.thickness, lithiation, grid, "cividis", label)
        maps[2].set_title("amount of material", loc="left", fontsize=10)
    _draw_curve(figure.add_subplot(lower[0]), snapshot.curve, plan, snapshot.phases)
    draw_references(figure.add_subplot(lower[1]), snapshot.phases, plan)
    _draw_figures(figure.add_subplot(lower[2]), figures)
    name = as_written(plan.sample or plan.plan_name)
    moment = "" if lithiation is None else f"  ·  {_moment(lithiation)}"
    figure.text(0.015, 0.975, name, va="top", fontsize=15, fontweight="bold", color=_TEXT, parse_math=False)
    figure.text(
        0.015, 0.018, f"run {as_written(plan.run)}{moment}", fontsize=9, color=_MUTED, parse_math=False
    )
    _save(figure, path)


def draw_lithium(axes: Axes, lithiation: LithiationMap, grid: ScanGrid, phases: PhaseSpectra) -> None:
    """Draw the lithium content with scale bar, from zero to what the richest reference has."""
    highest = float(np.nanmax(phases.lithium)) if phases.lithium.size else 1.0
    draw_image(
        axes,
        lithiation.lithium,
        lithiation,
        grid,
        ("viridis", highest if highest > 0 else 1.0, "lithium content x"),
    )
    draw_scale_bar(axes, grid)
    grey = [
        Patch(facecolor=colour, edgecolor=_MUTED, linewidth=0.5, label=f"{name} ({share:.0%})")
        for name, colour, share in (
            (
                "undetermined",
                _UNDETERMINED,
                np.mean(~lithiation.valid & (lithiation.reason != Reason.UNSEEN)),
            ),
            ("not measured", _UNSEEN, np.mean(lithiation.reason == Reason.UNSEEN)),
        )
        if share > 0
    ]
    if grey:
        # Below the axis label by so many points, whatever the size of the map.
        below = axes.transAxes + ScaledTranslation(0, -32 / 72, axes.figure.dpi_scale_trans)
        axes.legend(
            handles=grey,
            loc="upper left",
            bbox_to_anchor=(0.0, 0.0),
            bbox_transform=below,
            ncols=2,
            fontsize=8,
            frameon=False,
            borderpad=0,
            borderaxespad=0,
        )


def draw_field(
    axes: Axes, values: FloatArray, lithiation: LithiationMap, grid: ScanGrid, colours: str, label: str
) -> None:
    """Draw what has no natural scale: from zero to where all but the wildest valid pixels lie."""
    valid = values[lithiation.valid & np.isfinite(values)]
    highest = float(np.percentile(valid, 99)) if valid.size else 1.0
    draw_image(axes, values, lithiation, grid, (colours, highest if highest > 0 else 1.0, label))


def draw_image(
    axes: Axes,
    values: FloatArray,
    lithiation: LithiationMap,
    grid: ScanGrid,
    scale: tuple[str, float, str],
    lowest: float = 0.0,
) -> None:
    """Draw values where x is determined; the scale is a name of colours, its upper end and a label."""
    colours, highest, label = scale
    x_um, y_um = edges_um(grid.x_um), edges_um(grid.y_um)
    shown = np.where(lithiation.valid, values, np.nan)
    axes.imshow(
        np.where(lithiation.reason == Reason.UNSEEN, 1.0, 0.0),
        cmap=_two_greys(),
        extent=(*x_um, *y_um),
        origin="lower",
        interpolation="nearest",
        vmin=0.0,
        vmax=1.0,
    )
    image = axes.imshow(
        np.ma.masked_invalid(shown),
        cmap=colormaps[colours],
        extent=(*x_um, *y_um),
        origin="lower",
        interpolation="nearest",
        vmin=lowest,
        vmax=highest,
    )
    on_the_stage(axes, grid)
    # Narrow fields have room for fewer numbers, and need a bar that is wide beside them.
    slimness = min(max(extent_um(grid.y_um) / extent_um(grid.x_um), 0.4), 4.0)
    axes.locator_params(axis="x", nbins=max(1, min(5, round(4 / slimness))))
    axes.locator_params(axis="y", nbins=max(3, min(5, round(5 * slimness))))
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((1 + 0.03 * slimness, 0.0, 0.045 * slimness, 1.0)))
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)


def on_the_stage(axes: Axes, grid: ScanGrid) -> None:
    """Have axes show a field in µm, x to the right and y upwards, and nothing beside it."""
    x_um, y_um = edges_um(grid.x_um), edges_um(grid.y_um)
    axes.set_xlim(min(x_um), max(x_um))
    axes.set_ylim(min(y_um), max(y_um))
    axes.set_aspect("equal")
    axes.set_xlabel("x (µm)", fontsize=9)
    axes.set_ylabel("y (µm)", fontsize=9)
    axes.tick_params(labelsize=8)
    # Absolute stage positions: an offset notation would hide which.
    axes.ticklabel_format(useOffset=False, style="plain")


def draw_scale_bar(axes: Axes, grid: ScanGrid) -> None:
    """Draw a bar of a round length, about a fifth of the field, readable on any colour."""
    length_um = _round_length(extent_um(grid.x_um) / 5)
    left, right = sorted(edges_um(grid.x_um))
    bottom, top = sorted(edges_um(grid.y_um))
    margin_um, height_um = 0.04 * (right - left), 0.012 * (top - bottom)
    start = right - margin_um - length_um
    outline = [withStroke(linewidth=2.5, foreground="black")]
    axes.add_patch(
        Rectangle(
            (start, bottom + 0.05 * (top - bottom)),
            length_um,
            height_um,
            color="white",
            path_effects=outline,
            zorder=3,
        )
    )
    text = f"{length_um:g} µm" if length_um >= 1 else f"{1000 * length_um:g} nm"
    axes.text(
        start + length_um,
        bottom + 0.05 * (top - bottom) + 1.5 * height_um,
        text,
        color="white",
        ha="right",
        va="bottom",
        fontsize=8,
        fontweight="bold",
        path_effects=outline,
        zorder=4,
    )


def _draw_curve(axes: Axes, curve: Curve, plan: ScanPlan, phases: PhaseSpectra) -> None:
    axes.set_title("mean lithium content against time", loc="left", fontsize=10)
    if not curve.cycle.size:
        _say(axes, "no completed cycle yet")
        return
    elapsed_s = curve.time_s - plan.started_s
    unit, seconds = ("h", 3600.0) if np.ptp(elapsed_s) > 3 * 3600 else ("min", 60.0)
    time = elapsed_s / seconds
    colour = _PHASE_COLOURS[0]
    axes.fill_between(
        time,
        curve.lithium - curve.lithium_error,
        curve.lithium + curve.lithium_error,
        color=colour,
        alpha=0.2,
        lw=0,
    )
    axes.errorbar(
        time, curve.lithium, curve.lithium_error, color=colour, marker="o", markersize=4, lw=1.2, capsize=2
    )
    axes.set_xlabel(f"time since the start of the run ({unit})", fontsize=9)
    axes.set_ylabel("mean x ± σ", fontsize=9)
    lowest, highest = float(np.nanmin(phases.lithium)), float(np.nanmax(phases.lithium))
    for lithium in (lowest, highest):
        axes.axhline(lithium, color=_MUTED, lw=0.6, ls=":")
    axes.margins(x=0.05)
    _tidy(axes)


def draw_references(axes: Axes, phases: PhaseSpectra, plan: ScanPlan) -> None:
    """Draw the references, and where on them the energies of the scan are."""
    kind = "references (a model)" if phases.is_model else "references"
    axes.set_title(f"{kind}; dashed: scan energies", loc="left", fontsize=10)
    for energy_ev in plan.energies_ev:
        axes.axvline(energy_ev, color=_MUTED, lw=0.8, ls="--", zorder=1)
    for number, (name, lithium) in enumerate(zip(phases.names, phases.lithium, strict=True)):
        colour = _PHASE_COLOURS[number % len(_PHASE_COLOURS)]
        label = as_label(f"{name} (x = {lithium:g})")
        axes.plot(phases.energy_ev, phases.curves[:, number], color=colour, lw=1.4, label=label, zorder=2)
        axes.plot(plan.energies_ev, phases.at_energies[:, number], "o", color=colour, markersize=4, zorder=3)
    axes.set_xlabel("photon energy (eV)", fontsize=9)
    axes.set_ylabel(phases.unit.replace("_", " "), fontsize=9)
    axes.ticklabel_format(useOffset=False, style="plain", axis="x")
    # Above the lines, so that it hides none of them.
    axes.margins(y=0.05)
    lowest, highest = axes.get_ylim()
    axes.set_ylim(lowest, highest + 0.09 * (highest - lowest) * math.ceil(len(phases.names) / 2))
    axes.legend(loc="upper left", fontsize=8, frameon=True, framealpha=0.9, edgecolor="none", ncols=2)
    _tidy(axes)


def _draw_figures(axes: Axes, figures: Sequence[tuple[str, str]]) -> None:
    axes.set_title("key figures", loc="left", fontsize=10)
    axes.axis("off")
    rows = [
        row
        for label, value in figures
        for row in zip_longest(
            wrap(as_written(label), 22) or [""], wrap(as_written(value), 34) or [""], fillvalue=""
        )
    ]
    # Many figures are written smaller instead of running off the page.
    step = min(0.075, 1.0 / max(len(rows), 1))
    for number, (label, value) in enumerate(rows):
        for left, text, colour in ((0.0, label, _MUTED), (0.42, value, _TEXT)):
            axes.text(
                left,
                0.95 - number * step,
                text,
                color=colour,
                transform=axes.transAxes,
                fontsize=9.0 * step / 0.075,
                parse_math=False,
            )


def _say(axes: Axes, sentence: str) -> None:
    axes.text(
        0.5, 0.5, sentence, ha="center", va="center", transform=axes.transAxes, color=_MUTED, fontsize=10
    )
    axes.set_xticks([])
    axes.set_yticks([])


def _tidy(axes: Axes) -> None:
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _two_greys() -> ListedColormap:
    return ListedColormap([_UNDETERMINED, _UNSEEN])


def edges_um(centres_um: FloatArray) -> tuple[float, float]:
    """Return the outer edges of the first and of the last pixel; the second is smaller if they descend."""
    half = (centres_um[-1] - centres_um[0]) / (centres_um.size - 1) / 2 if centres_um.size > 1 else 0.5
    return float(centres_um[0] - half), float(centres_um[-1] + half)


def extent_um(centres_um: FloatArray) -> float:
    """Return how long the field is along an axis, with the outer halves of its pixels."""
    first, last = edges_um(centres_um)
    return abs(last - first)


def _round_length(length_um: float) -> float:
    """Return the nearest of 1, 2, 5 times a power of ten below `length_um`."""
    decade = 10.0 ** math.floor(math.log10(length_um))
    return max(step * decade for step in (1.0, 2.0, 5.0) if step * decade <= length_um * (1 + 1e-9))


def _moment(lithiation: LithiationMap) -> str:
    caveat = "  ·  provisional: rows of the cycle are missing" if lithiation.is_provisional else ""
    return f"cycle {lithiation.cycle + 1}  ·  {utc_words(lithiation.time_s)}{caveat}"


def _save(figure: Figure, path: str | Path) -> None:
    FigureCanvasAgg(figure)
    with with_any_letters():
        figure.savefig(path, format="png", facecolor="white")
