"""The maps of one cycle as PNG in memory, each in two inks: for a light page and for a dark one."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patches import Patch

from operando.io.lettering import as_written, with_any_letters
from operando.io.pictures import (
    draw_field,
    draw_image,
    draw_lithium,
    draw_references,
    draw_scale_bar,
    edges_um,
    extent_um,
    on_the_stage,
)
from operando.types import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes

    from operando.types import FloatArray, LithiationMap, PhaseSpectra, ScanGrid, ScanPlan

__all__ = ["Plate", "plates_of", "references_plate", "thumb"]

_DPI = 140
_MAP_IN = 2.6
_LEFT_IN, _RIGHT_IN, _BOTTOM_IN, _TOP_IN = 0.66, 0.78, 0.9, 0.08
"""Room around a map for numbers, colour bar and legend: the same for all, so that they line up."""
_REASONS = {
    Reason.DETERMINED: ("determined", "#dfe3e8"),
    Reason.UNSEEN: ("too few energies measured", "#f0e442"),
    Reason.INVALID: ("counts not usable", "#d55e00"),
    Reason.THIN: ("too little material", "#56b4e9"),
    Reason.OPAQUE: ("too dense", "#000000"),
    Reason.AMBIGUOUS: ("references not told apart", "#cc79a7"),
}
"""Words and colours (Okabe and Ito) of why x is undetermined."""
_LIGHT = {"paper": "#ffffff", "ink": "#1f2328"}
_DARK = {"paper": "#1b2027", "ink": "#d5dbe3"}


@dataclass(frozen=True, slots=True)
class Plate:
    """A picture with its title.

    Attributes
    ----------
    title
        Text, not yet escaped for any page.
    light, dark
        PNG for a light and for a dark page.
    """

    title: str
    light: bytes
    dark: bytes


def plates_of(lithiation: LithiationMap, grid: ScanGrid, phases: PhaseSpectra) -> Iterator[Plate]:
    """Yield the maps of a cycle: x, σ(x), amount, each phase, χ², and why x is undetermined.

    Parameters
    ----------
    lithiation, grid, phases
        The map, where its pixels are, and the references, whose lithium contents set the scale.
    """

    def lithium(axes: Axes) -> None:
        draw_lithium(axes, lithiation, grid, phases)

    def scale_bar(axes: Axes) -> None:
        draw_scale_bar(axes, grid)

    def reasons(axes: Axes) -> None:
        _draw_reasons(axes, lithiation, grid)

    def field(values: FloatArray, colours: str, label: str) -> Callable[[Axes], None]:
        return lambda axes: draw_field(axes, values, lithiation, grid, colours, label)

    def share(values: FloatArray) -> Callable[[Axes], None]:
        return lambda axes: draw_image(axes, values, lithiation, grid, ("cividis", 1.0, "fraction"))

    drawings = [
        ("Lithium content x", lithium),
        ("σ(x)", field(lithiation.lithium_error, "magma", "standard deviation of x")),
        ("Amount of material", field(lithiation.thickness, "cividis", _amount(phases))),
        *(
            (f"Fraction of {as_written(name)}", share(values))
            for name, values in zip(phases.names, lithiation.fraction, strict=True)
        ),
        ("χ² per degree of freedom", field(lithiation.chi2, "magma", "χ²")),
        ("Why x is undetermined", reasons),
    ]
    high_in = _MAP_IN * min(max(extent_um(grid.y_um) / extent_um(grid.x_um), 0.3), 2.0)
    width_in, height_in = _LEFT_IN + _MAP_IN + _RIGHT_IN, _BOTTOM_IN + high_in + _TOP_IN
    place = (_LEFT_IN / width_in, _BOTTOM_IN / height_in, _MAP_IN / width_in, high_in / height_in)
    for number, (title, draw) in enumerate(drawings):
        # The first has its scale bar from `draw_lithium`.
        steps = (draw,) if not number else (draw, scale_bar)
        yield Plate(title, *(_drawn(steps, (width_in, height_in), place, inks) for inks in (_LIGHT, _DARK)))


def references_plate(phases: PhaseSpectra, plan: ScanPlan) -> Plate:
    """Return the spectra of the references, with the energies of the scan."""

    def references(axes: Axes) -> None:
        draw_references(axes, phases, plan)

    place = (0.085, 0.13, 0.9, 0.79)
    return Plate(
        "Reference spectra", *(_drawn((references,), (7.2, 3.6), place, inks) for inks in (_LIGHT, _DARK))
    )


def thumb(lithiation: LithiationMap, grid: ScanGrid, phases: PhaseSpectra) -> bytes:
    """Return the lithium content as PNG without axes, one dot a pixel, x to the right and y upwards."""
    highest = float(np.nanmax(phases.lithium)) if phases.lithium.size else 1.0
    shown = np.clip(lithiation.lithium / (highest if highest > 0 else 1.0), 0.0, 1.0)
    colours = colormaps["viridis"](np.nan_to_num(shown))
    colours[~lithiation.valid] = to_rgba("#b4b4b4")
    colours[lithiation.reason == Reason.UNSEEN] = to_rgba("#ececec")
    (left, right), (bottom, top) = edges_um(grid.x_um), edges_um(grid.y_um)
    columns, rows = slice(None, None, 1 if left < right else -1), slice(None, None, -1 if bottom < top else 1)
    file = io.BytesIO()
    imsave(file, np.ascontiguousarray(colours[rows, columns]), format="png", metadata={"Software": ""})
    return file.getvalue()


def _draw_reasons(axes: Axes, lithiation: LithiationMap, grid: ScanGrid) -> None:
    x_um, y_um = edges_um(grid.x_um), edges_um(grid.y_um)
    axes.imshow(
        lithiation.reason,
        cmap=ListedColormap([colour for _, colour in _REASONS.values()]),
        extent=(*x_um, *y_um),
        origin="lower",
        interpolation="nearest",
        vmin=-0.5,
        vmax=len(_REASONS) - 0.5,
    )
    on_the_stage(axes, grid)
    axes.locator_params(nbins=5)
    shares = [(np.mean(lithiation.reason == reason), *said) for reason, said in _REASONS.items()]
    axes.figure.legend(
        handles=[
            Patch(facecolor=colour, edgecolor="#5b6470", linewidth=0.5, label=f"{words} ({share:.1%})")
            for share, words, colour in shares
            if share > 0
        ],
        loc="lower left",
        ncols=2,
        fontsize=7.5,
        columnspacing=1.0,
        handlelength=1.4,
        frameon=False,
    )


def _drawn(
    steps: tuple[Callable[[Axes], None], ...],
    size_in: tuple[float, float],
    place: tuple[float, float, float, float],
    inks: dict[str, str],
) -> bytes:
    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), inks["ink"]
    )
    # The metadata would say which matplotlib it was, and change with it.
    file = io.BytesIO()
    with rc_context({**ink, "axes.facecolor": inks["paper"]}), with_any_letters():
        figure = Figure(figsize=size_in, dpi=_DPI)
        FigureCanvasAgg(figure)
        axes = figure.add_axes(place)
        for step in steps:
            step(axes)
        figure.savefig(file, format="png", facecolor=inks["paper"], metadata={"Software": None})
    return file.getvalue()


def _amount(phases: PhaseSpectra) -> str:
    units = {"optical_density": "× reference", "od_per_nm": "nm", "mass_absorption": "g/cm²"}
    return f"material ({units.get(phases.unit, phases.unit)})"
