"""The commands that answer with figures: which energies to measure, and how fast this machine fits."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# A command has as many arguments as it has options.
# ruff: noqa: PLC0415, PLR0913, PLR0917

from __future__ import annotations

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operando.cli.commands import AsJson, app
from operando.cli.console import data, escaped, guarded, numbers, people, say_json
from operando.errors import ConfigurationError

if TYPE_CHECKING:
    from operando.bench import Row
    from operando.bench.delivery import DeliveryRow
    from operando.bench.view import ViewRow

__all__ = ["bench", "energies"]


class Benchmark(StrEnum):
    """What can be measured."""

    FIT = "fit"
    DELIVERY = "delivery"
    VIEW = "view"


@app.command()
def energies(
    library: Annotated[Path, typer.Argument(help="The spectra of the pure phases: a library.toml.")],
    count: Annotated[int, typer.Option(help="How many energies.")] = 5,
    counts: Annotated[float, typer.Option(help="I0 counts per pixel and image at the mean dwell.")] = 1000.0,
    gain: Annotated[float, typer.Option(help="Variance-to-mean ratio of the counts; 1 for photons.")] = 1.0,
    thickness: Annotated[
        float, typer.Option(help="Amount of material to expect, in units of the references.")
    ] = 1.0,
    background: Annotated[str, typer.Option(help="Background to bear: none, constant or linear.")] = "linear",
    offset_ev: Annotated[float, typer.Option(help="σ of the energy calibration.")] = 0.1,
    i0_error: Annotated[float, typer.Option(help="Relative σ of I0 in each image.")] = 0.02,
    least_dwell: Annotated[float, typer.Option(help="Least dwell over the mean one; 1: all equal.")] = 0.25,
    include: Annotated[str | None, typer.Option(help="Energies that must be among them: eV, eV, …")] = None,
    forbid: Annotated[
        str | None, typer.Option(help="Ranges that are not allowed: 705.1-706.4,721-724, eV.")
    ] = None,
    among: Annotated[str | None, typer.Option(help="Choose from these only: eV, eV, …")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw spectra and choice into this PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Choose the energies and dwells that make σ(x) least, with calibration errors counted."""
    from rich.table import Table

    from operando.core.choice import choose, describe, energy_rows, record_of
    from operando.core.fit import Background
    from operando.core.question import Question
    from operando.io.choice_picture import write_choice_picture
    from operando.io.library import load_library

    with guarded():
        if background.upper() not in Background.__members__:
            msg = f"the background is '{background}'; expected none, constant or linear"
            raise ConfigurationError(msg)
        question = Question(
            count=count,
            counts=counts,
            gain=gain,
            thickness=thickness,
            background=Background[background.upper()],
            offset_ev=offset_ev,
            i0_error=i0_error,
            least_dwell=least_dwell,
            include_ev=numbers(include) or (),
            forbid_ev=_ranges(forbid),
            candidates_ev=numbers(among) or (),
        )
        references = load_library(library)
        choice = choose(references, question)
        if picture is not None:
            write_choice_picture(picture, references, choice)
        if as_json:
            say_json(record_of(choice))
            return
        head, *rows = energy_rows(choice)
        table = Table(*head)
        for row in rows:
            table.add_row(*row)
        data.print(table)
        said = Table(show_header=False, box=None, pad_edge=False)
        for label, text in describe(choice):
            said.add_row(label, escaped(text))
        data.print(said)


@app.command()
def bench(
    what: Annotated[Benchmark, typer.Argument(help="What to measure.")] = Benchmark.FIT,
    quick: Annotated[bool, typer.Option("--quick", help="The least that fills the table.")] = False,
    stopped: Annotated[
        float, typer.Option(min=1.0, help="Delivery: for how many seconds a subscriber is stopped.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Measure on this machine, side by side in one run, the tables of the documentation."""
    with guarded():
        people.print(f"Measuring the {what.value}; this takes {'seconds' if quick else 'some minutes'} …")
        if what is Benchmark.FIT:
            rows, table = _fit_rows(quick)
        elif what is Benchmark.VIEW:
            rows, table = _view_rows(quick)
        else:
            rows, table = _delivery_rows(quick, stopped)
        if as_json:
            say_json([asdict(row) for row in rows])
            return
        data.print(table)


def _fit_rows(quick: bool) -> tuple[list[Row], str]:
    from operando.bench import fit_rows, render

    rows = fit_rows((256,), ((5, 4),), (1,), repeats=1) if quick else fit_rows()
    return rows, render(rows)


def _view_rows(quick: bool) -> tuple[list[ViewRow], str]:
    from operando.bench.view import REPAINTS, render_view, view_rows

    rows = view_rows(100 if quick else REPAINTS)
    return rows, render_view(rows)


def _delivery_rows(quick: bool, stopped_s: float) -> tuple[list[DeliveryRow], str]:
    from operando.bench.delivery import Scale, delivery_rows, render

    whole = Scale()
    scale = Scale.quick() if quick else replace(whole, delivery=replace(whole.delivery, stopped_s=stopped_s))
    rows = delivery_rows(scale)
    return rows, render(rows)


def _ranges(text: str | None) -> tuple[tuple[float, float], ...]:
    if text is None:
        return ()
    try:
        return tuple(
            (float(low), float(high))
            for low, high in (part.split("-") for part in text.replace(" ", "").split(",") if part)
        )
    except ValueError:
        msg = f"'{text}' is not a list of ranges; write them as low-high in eV, 705.1-706.4,721-724"
        raise ConfigurationError(msg) from None
