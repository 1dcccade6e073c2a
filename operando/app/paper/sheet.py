"""The sheet that every panel is drawn on: its title, the lines on run and moment, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from operando.errors import ConfigurationError
from operando.io.atomic import replacement
from operando.io.lettering import as_written, with_any_letters
from operando.io.utc import utc_words
from operando.types import Snapshot
from operando.view.theme import LIGHT

__all__ = ["DPI", "SUFFIXES", "new_sheet", "save", "sign"]

DPI = 300
SUFFIXES = (".png", ".svg")
_CAPTION_IN = 0.36


def new_sheet(width_in: float, height_in: float) -> Figure:
    """Return an empty sheet of a size in inches."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def sign(figure: Figure, title: str, snapshot: Snapshot, *remarks: str) -> None:
    """Write what is shown above, and sample, run, cycle and time below."""
    plan, fitted = snapshot.plan, snapshot.map
    height_in = float(figure.get_figheight())
    figure.text(
        0.02,
        1 - 0.1 / height_in,
        as_written(title),
        va="top",
        fontsize=10,
        fontweight="bold",
        color=LIGHT.text,
        parse_math=False,
    )
    moment: list[str] = []
    if fitted is not None:
        moment = [f"cycle {fitted.cycle + 1}", utc_words(fitted.time_s)]
        moment += ["provisional: rows of the cycle are missing"] * fitted.is_provisional
    lines = (
        " · ".join(filter(None, [as_written(plan.sample), f"run {as_written(plan.run)}"])),
        " · ".join([*moment, *remarks]),
    )
    figure.text(
        0.02,
        0.06 / height_in,
        "\n".join(lines),
        va="bottom",
        fontsize=6.5,
        color=LIGHT.muted,
        linespacing=1.3,
        parse_math=False,
    )


def save(figure: Figure, path: Path) -> None:
    """Write a sheet as PNG or SVG, as the suffix says; the same sheet gives the same bytes.

    Raises
    ------
    ConfigurationError
        The suffix is another one.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        msg = f"{path} ends in '{path.suffix}'; pictures are written as .png or .svg"
        raise ConfigurationError(msg)
    # Text stays text, so that it can be searched and edited; and no date, no random names.
    settings: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "operando"}
    metadata = {"Date": None, "Creator": "operando"} if suffix == ".svg" else {"Software": "operando"}
    with replacement(path) as part, rc_context(settings), with_any_letters():
        figure.savefig(part, format=suffix[1:], dpi=DPI, metadata=metadata)
