"""A picture of a choice of energies: spectra, energies with their dwell, and what more would bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from operando.core.question import band_ev
from operando.core.references import Library, SpectrumKind, resample
from operando.io.lettering import as_label, as_written, with_any_letters

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from operando.core.choice import Choice

__all__ = ["choice_figure", "write_choice_picture"]

# Okabe and Ito's colours, which the colour-blind can tell apart.
_PHASE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_INK = "#222222"
_QUIET = "#7a7a7a"
_STEM = "#4d4d4d"
_LABEL_STEP = 0.026
"""Least distance of two labels, in panel widths."""

_UNITS = {
    SpectrumKind.OPTICAL_DENSITY: "optical density of the reference",
    SpectrumKind.OD_PER_NM: "optical density per nm",
    SpectrumKind.MASS_ABSORPTION: "mass absorption (as in the reference files)",
}


def choice_figure(library: Library, choice: Choice) -> Figure:
    """Return the picture as a matplotlib figure with an Agg canvas.

    Parameters
    ----------
    library
        The references that the choice was made for.
    choice
        What was chosen.
    """
    figure = Figure(figsize=(11.5, 5.2), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(2.1, 1), height_ratios=(3.2, 1))
    spectra = figure.add_subplot(grid[0, 0])
    dwell = figure.add_subplot(grid[1, 0], sharex=spectra)
    gain = figure.add_subplot(grid[:, 1])
    _draw_spectra(spectra, library, choice)
    _draw_dwell(dwell, choice)
    _draw_gain(gain, choice)
    for axes in (spectra, dwell, gain):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=_INK)
    return figure


def write_choice_picture(path: Path, library: Library, choice: Choice) -> None:
    """Write the picture to a file; its ending says the format (.png, .pdf, .svg).

    Raises
    ------
    OSError
        The file cannot be written.
    ValueError
        The ending is not of a known format.
    """
    with with_any_letters():
        choice_figure(library, choice).savefig(path)


def _draw_spectra(axes: Axes, library: Library, choice: Choice) -> None:
    low, high = band_ev(library)
    energies = np.linspace(low, high, 1500)
    curves = resample(library, energies)
    top = float(curves.max())
    for number, phase in enumerate(library.phases):
        colour = _PHASE_COLOURS[number % len(_PHASE_COLOURS)]
        label = as_label(f"{phase.name}, x = {phase.lithium:g}" + (" (model)" if phase.is_model else ""))
        axes.plot(energies, curves[:, number], color=colour, lw=1.6, label=label, zorder=3)
    axes.vlines(choice.energies_ev, 0, 1.12 * top, color=_STEM, lw=0.8, ls=(0, (2, 3)), zorder=1)
    labels = _spread(choice.energies_ev, _LABEL_STEP * (high - low))
    for energy, at in zip(choice.energies_ev, labels, strict=True):
        axes.annotate(
            f"{energy:.2f}",
            xy=(energy, 1.12 * top),
            xytext=(at, 1.19 * top),
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=9,
            color=_INK,
            arrowprops={"arrowstyle": "-", "color": _QUIET, "lw": 0.8, "shrinkA": 0, "shrinkB": 0},
        )
    axes.set_xlim(low, high)
    axes.set_ylim(0, 1.42 * top)
    axes.set_yticks([tick for tick in MaxNLocator(6).tick_values(0, top) if 0 <= tick <= 1.12 * top])
    axes.spines["left"].set_bounds(0, 1.12 * top)
    axes.set_ylabel(_UNITS[library.kind])
    axes.tick_params(labelbottom=False)
    axes.legend(fontsize=9, loc="best", bbox_to_anchor=(0, 0, 1, 0.8), edgecolor="none", framealpha=0.85)
    axes.set_title(
        as_written(f"{library.formula}, {library.edge} edge: {choice.energies_ev.size} energies (eV)"),
        loc="left",
        fontsize=11,
        color=_INK,
        parse_math=False,
    )


def _draw_dwell(axes: Axes, choice: Choice) -> None:
    highest = float(choice.dwell_factor.max())
    axes.vlines(choice.energies_ev, 0, choice.dwell_factor, color=_STEM, lw=3)
    axes.plot(choice.energies_ev, choice.dwell_factor, "o", color=_STEM, ms=5)
    axes.axhline(1, color=_QUIET, lw=0.8, ls=(0, (2, 3)))
    low, high = axes.get_xlim()
    labels = _spread(choice.energies_ev, _LABEL_STEP * (high - low))
    place = np.argsort(choice.order) + 1
    for at, factor, number in zip(labels, choice.dwell_factor, place, strict=True):
        axes.annotate(
            f"{number}",
            xy=(at, factor),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=9,
            color=_INK,
        )
    axes.set_ylim(0, 1.35 * max(highest, 1.0))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.set_xlabel("photon energy (eV); numbers: order of acquisition in a cycle")
    axes.set_ylabel("dwell / mean")


def _draw_gain(axes: Axes, choice: Choice) -> None:
    counts = [step.energies_ev.size for step in choice.curve]
    total = [step.sigma for step in choice.curve]
    statistical = [step.sigma_statistical for step in choice.curve]
    axes.plot(counts, total, "o-", color=_PHASE_COLOURS[0], ms=5, label="all errors")
    axes.plot(counts, statistical, "o--", color=_PHASE_COLOURS[0], ms=4, mfc="white", label="counting alone")
    here = choice.energies_ev.size
    axes.plot(
        [here], [choice.prediction.overall], "o", ms=12, mfc="none", mec=_INK, mew=1.3, label="this choice"
    )
    ceiling = max(*total, *[rival.sigma for rival in choice.rivals if rival.ratio < 4]) * 1.15
    for rival, marker in zip(choice.rivals, "sD", strict=False):
        label = f"{rival.name} ({rival.ratio:.2f} ×)"
        inside = rival.sigma <= ceiling
        axes.plot(
            [here],
            [rival.sigma if inside else ceiling * 0.985],
            marker if inside else "^",
            ms=6,
            color=_PHASE_COLOURS[1],
            mfc=_PHASE_COLOURS[1] if marker == "s" else "white",
            ls="none",
            label=label if inside else f"{label}, above",
        )
    axes.set_ylim(0, ceiling)
    axes.set_xlim(min(counts) - 0.5, max(counts) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("number of energies, at the same total dose")
    axes.set_ylabel("σ(x) to expect per pixel")
    axes.grid(axis="y", color="#e5e5e5", lw=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8.5, loc="best")
    gain = choice.gain_of_one_more
    more = "" if np.isnan(gain) else f"; one energy more: {-gain:+.1%}"
    axes.set_title(f"σ(x) = {choice.prediction.overall:.3f}{more}", loc="left", fontsize=11, color=_INK)


def _spread(positions: np.ndarray, distance: float) -> np.ndarray:
    """Move ascending positions apart to a least distance, keeping the centre of each group."""
    placed = positions.astype(float).copy()
    for _ in range(200):
        gaps = np.diff(placed)
        close = np.flatnonzero(gaps < distance - 1e-9)
        if not close.size:
            break
        for index in close:
            push = (distance - (placed[index + 1] - placed[index])) / 2
            if push > 0:
                placed[index] -= push
                placed[index + 1] += push
    return placed
