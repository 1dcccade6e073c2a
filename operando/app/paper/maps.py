"""A map on paper: the pixels in the colours of the screen, with axes, scale bar, colour bar and legend."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from operando.app.paper.sheet import new_sheet, sign
from operando.io.lettering import as_label
from operando.io.pictures import draw_scale_bar, edges_um, extent_um
from operando.types import ScanGrid
from operando.view.colours import colour_table
from operando.view.maps import Picture, present_map
from operando.view.orders import MapOrder
from operando.view.quantities import Colouring, quantity
from operando.view.scales import FIRST_COLOUR, MASKED, UNDETERMINED, UNSEEN, ticks
from operando.view.theme import LIGHT

__all__ = ["map_sheet"]

_MAP_IN = 3.0
_LEFT_IN, _RIGHT_IN, _TOP_IN, _BOTTOM_IN = 0.62, 0.95, 0.36, 1.02
_NEUTRAL = {
    UNSEEN: ("not measured", LIGHT.unseen),
    UNDETERMINED: ("no value", LIGHT.undetermined),
    MASKED: ("masked", LIGHT.masked),
}


def map_sheet(order: MapOrder) -> Figure:
    """Return a map with all that is needed to read it."""
    snapshot, grid = order.snapshot, order.snapshot.plan.grid
    what = quantity(order.choice, snapshot)
    picture = present_map(snapshot, order.choice, order.levels, order.around)
    high_in = _MAP_IN * min(max(extent_um(grid.y_um) / extent_um(grid.x_um), 0.3), 2.0)
    width_in, height_in = _LEFT_IN + _MAP_IN + _RIGHT_IN, _BOTTOM_IN + high_in + _TOP_IN
    figure = new_sheet(width_in, height_in)
    axes = figure.add_axes(
        (_LEFT_IN / width_in, _BOTTOM_IN / height_in, _MAP_IN / width_in, high_in / height_in)
    )
    table = colour_table(LIGHT, what.colouring, order.palette) / 255.0
    _draw_pixels(axes, picture, table, grid)
    _dress(axes, grid)
    draw_scale_bar(axes, grid)
    if what.colouring is Colouring.CATEGORIES:
        named = [
            Patch(facecolor=table[FIRST_COLOUR + number], label=as_label(name))
            for number, name in enumerate(snapshot.phases.names)
        ]
        axes.legend(
            handles=named, loc="upper left", bbox_to_anchor=(1.02, 1.0), fontsize=7, frameon=False,
            borderaxespad=0, handlelength=1.0,
        )  # fmt: skip
    else:
        _draw_bar(axes, table[FIRST_COLOUR:], order, what.label, height=high_in / _MAP_IN)
    _draw_legend(figure, picture, height_in)
    faded = ("pixels fade with σ(x)",) if picture.opacity is not None else ()
    sign(figure, what.name if what.colouring is Colouring.CATEGORIES else what.label, snapshot, *faded)
    return figure


def _draw_pixels(axes: Axes, picture: Picture, table: NDArray[np.float64], grid: ScanGrid) -> None:
    colours = table[picture.index]
    if picture.opacity is not None:
        colours[..., 3] = picture.opacity / 255.0
    x_um, y_um = edges_um(grid.x_um), edges_um(grid.y_um)
    axes.imshow(colours, extent=(*x_um, *y_um), origin="lower", interpolation="nearest")
    axes.set_xlim(min(x_um), max(x_um))
    axes.set_ylim(min(y_um), max(y_um))
    axes.set_aspect("equal")


def _dress(axes: Axes, grid: ScanGrid) -> None:
    axes.set_xlabel("x (µm)", fontsize=8)
    axes.set_ylabel("y (µm)", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.ticklabel_format(useOffset=False, style="plain")
    slimness = min(max(extent_um(grid.y_um) / extent_um(grid.x_um), 0.4), 4.0)
    axes.locator_params(axis="x", nbins=max(1, min(5, round(4 / slimness))))
    axes.locator_params(axis="y", nbins=max(3, min(5, round(5 * slimness))))


def _draw_bar(axes: Axes, ramp: NDArray[np.float64], order: MapOrder, label: str, *, height: float) -> None:
    levels = order.levels
    colours = ScalarMappable(Normalize(levels.low, levels.high), ListedColormap(ramp))
    beside = axes.inset_axes((1.03, 0.0, 0.045 / min(max(height, 0.4), 1.0), 1.0))
    bar = axes.figure.colorbar(colours, cax=beside, ticks=ticks(levels))
    bar.set_label(as_label(label), fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _draw_legend(figure: Figure, picture: Picture, height_in: float) -> None:
    shares = {index: float(np.mean(picture.index == index)) for index in _NEUTRAL}
    handles = [
        Patch(facecolor=colour, edgecolor=LIGHT.muted, linewidth=0.5, label=f"{words} ({shares[index]:.0%})")
        for index, (words, colour) in _NEUTRAL.items()
        if shares[index] > 0
    ]
    if handles:
        figure.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(0.01, 0.34 / height_in), ncols=3,
            fontsize=7, frameon=False, handlelength=1.2, columnspacing=1.0, borderaxespad=0,
        )  # fmt: skip
