"""The commands that make something to show of a results file: report, animate."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operando.cli.commands import app
from operando.cli.console import data, escaped, guarded, people

__all__ = ["animate", "report"]

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
