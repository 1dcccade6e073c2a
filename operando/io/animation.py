"""The lithium maps of a run one after the other, with their times, as an animated GIF."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from matplotlib.animation import PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from operando.errors import ConfigurationError
from operando.io.lettering import as_written, with_any_letters
from operando.io.pictures import draw_lithium, extent_um
from operando.io.report import even_places
from operando.io.results import map_of
from operando.io.utc import utc_words

if TYPE_CHECKING:
    from operando.io.results import Results

__all__ = ["MOST_FRAMES", "animation_gif"]

MOST_FRAMES = 200
"""In one file: all of them are in memory before it is written."""
_DPI = 100


def animation_gif(results: Results, per_second: int) -> bytes:
    """Return the cycles of a run as the bytes of an animated GIF.

    Parameters
    ----------
    results
        Of more than `MOST_FRAMES` cycles, so many, evenly spread over the run.
    per_second
        Cycles a second.

    Raises
    ------
    ConfigurationError
        There is no finished cycle.
    """
    plan = results.plan
    places = even_places(results.cycle.size, MOST_FRAMES)
    if not places:
        msg = f"the results of run {plan.run} have no finished cycle: there is nothing to animate"
        raise ConfigurationError(msg)
    aspect = min(max(extent_um(plan.grid.y_um) / extent_um(plan.grid.x_um), 0.3), 2.0)
    figure = Figure(figsize=(5.2, 4.0 * aspect + 1.3), dpi=_DPI)
    FigureCanvasAgg(figure)
    writer = PillowWriter(fps=per_second)
    # Pillow's writer takes the kind of a file from its name.
    with TemporaryDirectory() as folder:
        file = Path(folder) / "maps.gif"
        with with_any_letters(), writer.saving(figure, file, _DPI):
            for place in places:
                _draw(figure, results, place)
                writer.grab_frame(facecolor="white")
        return file.read_bytes()


def _draw(figure: Figure, results: Results, place: int) -> None:
    """Draw one cycle; the places of everything are fixed, so that nothing trembles."""
    plan, lithiation = results.plan, map_of(results, place)
    height_in = figure.get_figheight()
    figure.clear()
    axes = figure.add_axes((0.13, 0.75 / height_in, 0.66, 1 - 1.3 / height_in))
    draw_lithium(axes, lithiation, plan.grid, results.phases)
    name = as_written(plan.sample or plan.plan_name)
    minutes = (lithiation.time_s - plan.started_s) / 60
    moment = f"cycle {lithiation.cycle + 1}  ·  +{minutes:.1f} min  ·  {utc_words(lithiation.time_s)}"
    for text, below_in, size, weight in ((name, 0.22, 11, "bold"), (moment, 0.42, 9, "normal")):
        figure.text(0.03, 1 - below_in / height_in, text, fontsize=size, fontweight=weight, parse_math=False)
