"""The commands that make something of results files: report, animate, picture, curves, compare."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# A command has as many arguments as it has options.
# ruff: noqa: PLC0415, PLR0913, PLR0917

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from operando.cli.commands import AsJson, app
from operando.cli.console import data, escaped, guarded, people, say_json
from operando.errors import ConfigurationError
from operando.regions import Outline, Region

__all__ = ["animate", "compare", "curves", "picture", "report"]


class Palette(StrEnum):
    """Colours of a map that has one sign."""

    VIRIDIS = "viridis"
    CIVIDIS = "cividis"


ResultsFile = Annotated[Path, typer.Argument(metavar="RESULT", help="A results file (NeXus HDF5).")]


@app.command()
def report(
    results: ResultsFile,
    output: Annotated[
        Path | None, typer.Option(help="The page; RESULT-report.html if left out. Must not exist.")
    ] = None,
) -> None:
    """Write one HTML page about a results file, to send on: maps, curve, references, settings."""
    from operando.app.report import report as run_report
    from operando.app.report import report_of

    with guarded():
        page = output or report_of(results)
        cycles = run_report(results, page)
        data.print(escaped(str(page)))
        people.print(f"The page is about {cycles} {'cycle' if cycles == 1 else 'cycles'}.")


@app.command()
def animate(
    results: ResultsFile,
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The .gif to write. Must not exist.")],
    per_second: Annotated[int, typer.Option(min=1, max=50, help="Cycles a second.")] = 4,
) -> None:
    """Write the lithium maps of a results file as an animated GIF, with times and scale bar."""
    from operando.app.report import animate as run_animate

    with guarded():
        drawn, cycles = run_animate(results, output, per_second)
        data.print(escaped(str(output)))
        spread = "" if drawn == cycles else ", evenly spread over the run: a GIF holds no more"
        people.print(f"{drawn} of {cycles} cycles are drawn{spread}.")


@app.command()
def picture(
    results: ResultsFile,
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The .png or .svg. Must not exist.")],
    panel: Annotated[
        str,
        typer.Option(
            help="spectrum, time, or a map: lithium, lithium_error, phase, fraction, fraction:1, thickness, "
            "chi2, r_factor, change, age, od, od:1, residual, residual:1, …"
        ),
    ] = "lithium",
    cycle: Annotated[int | None, typer.Option(min=1, help="Which; the last if left out.")] = None,
    at: Annotated[str | None, typer.Option(help="Pixel of a spectrum: x,y in µm; else the thickest.")] = None,
    region: Annotated[str | None, typer.Option(help="Region of a spectrum, by its name.")] = None,
    colours: Annotated[Palette, typer.Option(help="Of a map with one sign.")] = Palette.VIRIDIS,
) -> None:
    """Draw a map, a spectrum or the curves of a results file, at 300 dpi or as SVG, with units and run."""
    from operando.app.paper import Subject, picture_from

    with guarded():
        at_um = None if at is None else _place(at)
        subject = Subject(panel, None if cycle is None else cycle - 1, at_um, region, colours.value)
        picture_from(results, subject, output)
        data.print(escaped(str(output)))


@app.command()
def curves(
    results: ResultsFile,
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The .csv to write. Must not exist.")],
) -> None:
    """Write the curves of a results file as text: field, regions and particles, with units and settings."""
    from operando.app.paper import table_from

    with guarded():
        cycles = table_from(results, output)
        data.print(escaped(str(output)))
        people.print(f"The curves are about {cycles} {'cycle' if cycles == 1 else 'cycles'}.")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="A results file.")],
    second: Annotated[Path, typer.Argument(help="A results file of the same field, taken as the reference.")],
    region: Annotated[
        list[str] | None,
        typer.Option(help="A part of the field, by two corners in µm: NAME=x,y,x,y. May be repeated."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Maps of the difference: a .png, or a .html with the figures.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print how the lithium content of two results differs, by thickness and region, and draw it."""
    from rich.table import Table

    from operando.app.compare import compare as run_compare
    from operando.app.compare import draw

    with guarded():
        compared = run_compare(first, second, [_region(text) for text in region or ()])
        if output is not None:
            draw(compared, (first.name, second.name), output)
            people.print(escaped(f"The maps are in {output}."))
        if as_json:
            say_json([asdict(row) for row in compared.rows])
            return
        title = "x of the first less x of the second, last cycles, pixels valid in both"
        table = Table(title=title)
        for heading in ("region or thickness / references", "pixels", "1.48 × MAD", "median", "in σ"):
            table.add_column(heading, justify="right")
        for row in compared.rows:
            figures = f"{row.spread:.3f}", f"{row.median:+.3f}", f"{row.median_sigmas:.2f}"
            table.add_row(escaped(row.name), str(row.pixels), *figures)
        data.print(table)


def _place(text: str) -> tuple[float, float]:
    try:
        x_um, y_um = (float(part) for part in text.split(","))
    except ValueError:
        msg = f"'{text}' is no place; write x,y in µm, such as 1.25,-0.4"
        raise ConfigurationError(msg) from None
    return x_um, y_um


def _region(text: str) -> Region:
    name, _, corners = text.rpartition("=")
    try:
        x0, y0, x1, y1 = (float(part) for part in corners.split(","))
    except ValueError:
        msg = f"'{text}' is no region; write NAME=x,y,x,y with two opposite corners in µm"
        raise ConfigurationError(msg) from None
    return Region(name, Outline.RECTANGLE, ((x0, y0), (x1, y1)))
