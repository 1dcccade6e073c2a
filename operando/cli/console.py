"""What the commands say, and how they end."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console

from operando.errors import (
    ConfigurationError,
    DamagedFileError,
    OperandoError,
    RunRejected,
    SourceUnreachable,
)

if TYPE_CHECKING:
    from operando.app.demo import Demo
    from operando.app.outcome import Outcome
    from operando.io.sources import Source
    from operando.live.monitor import Work
    from operando.types import Snapshot

__all__ = [
    "Exit",
    "data",
    "escaped",
    "fail",
    "follow_and_report",
    "guarded",
    "leave_unless_fitted",
    "numbers",
    "people",
    "progress",
    "report_demo",
    "speed_of",
]

people = Console(stderr=True, highlight=False)
data = Console(highlight=False, soft_wrap=True)


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONFIGURATION = 3
    UNREACHABLE = 4
    INCOMPLETE = 5
    DAMAGED = 6
    INTERRUPTED = 130


@contextmanager
def guarded() -> Generator[None]:
    """Turn what went wrong into one sentence and its exit code."""
    try:
        yield
    except OperandoError as error:
        fail(_code_of(error), str(error))
    except KeyboardInterrupt:
        fail(Exit.INTERRUPTED, "interrupted")


def fail(code: Exit, sentence: str) -> NoReturn:
    """Say what went wrong and end the command with its exit code."""
    people.print(f"[bold red]operando:[/] {escaped(sentence)}", soft_wrap=True)
    raise typer.Exit(code)


def escaped(text: str) -> str:
    """Return text from files and metadata without power over the console."""
    from rich.markup import escape

    return escape("".join(letter if letter.isprintable() else "?" for letter in text))


def numbers(text: str | None) -> tuple[float, ...] | None:
    """Return the energies in a text, in eV; None for None.

    Raises
    ------
    ConfigurationError
        It is not a list of numbers.
    """
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.replace(" ", ",").split(",") if part)
    except ValueError:
        msg = f"'{text}' is not a list of energies; write them in eV with commas between, 707.24,709.26"
        raise ConfigurationError(msg) from None


def speed_of(text: str) -> float | None:
    """Return acquisition seconds per second, or None for "max".

    Raises
    ------
    ConfigurationError
        It is neither.
    """
    if text == "max":
        return None
    try:
        return float(text)
    except ValueError:
        msg = f"the speed is '{text}'; give a number such as 1 or 60, or max"
        raise ConfigurationError(msg) from None


@contextmanager
def progress() -> Generator[Callable[[Snapshot], None]]:
    """Yield what draws a progress bar of lines from snapshots."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("lines"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=people, transient=True) as bar:
        task = bar.add_task("waiting for the first line", total=None)

        def tell(snapshot: Snapshot) -> None:
            where = snapshot.progress
            bar.update(
                task,
                completed=where.lines_seen,
                total=where.lines_planned,
                description=f"cycle {where.cycle + 1}, {snapshot.plan.energies_ev[where.energy]:.2f} eV",
            )

        yield tell


def follow_and_report(source: Source, work: Work, results: Path, *, headless: bool, as_json: bool) -> None:
    """Follow a source, keep the results, and say what came of it; ends the command."""
    from operando.app.follow import follow
    from operando.app.outcome import Keeper, write_pictures
    from operando.view import has_display

    keeper = Keeper(results, work)
    with progress() as tell:
        outcome = follow(source, work, keeper, has_window=has_display() and not headless, tell=tell)
    pictures: dict[str, Path] = {}
    if outcome.last is not None:
        pictures = write_pictures(outcome.last, results.parent, results.stem)
    _report(_figures(outcome), _files(outcome, pictures), as_json=as_json)
    _say_findings(outcome)
    if outcome.was_interrupted:
        people.print("Interrupted; what was finished is in the files above.")
        raise typer.Exit(Exit.INTERRUPTED)
    leave_unless_fitted(outcome)
    if outcome.last is not None and outcome.last.delivery.lost:
        fail(Exit.INCOMPLETE, f"{outcome.last.delivery.lost} documents are missing from their sequence")


def report_demo(result: Demo, *, as_json: bool) -> None:
    """Print what the demonstration measured and where everything is."""
    figures = {
        **_figures(result.outcome),
        "RMSE of x against the truth": f"{result.rmse:.4f}",
        "pixels within 3 σ of the truth": f"{result.share_within:.2%}",
        "median σ(x), last cycle": f"{result.median_error:.4f}",
    }
    files = {
        "run log": result.log,
        "references": result.references,
        **_files(result.outcome, result.pictures),
    }
    _report(figures, files, as_json=as_json)
    _say_findings(result.outcome)


def leave_unless_fitted(outcome: Outcome) -> None:
    """End the command with the reason if there is no map."""
    if outcome.failure is not None:
        fail(_code_of(outcome.failure), str(outcome.failure) or type(outcome.failure).__name__)
    if outcome.refusals:
        fail(_code_of(outcome.refusals[0]), "; ".join(str(refusal) for refusal in outcome.refusals))
    if outcome.last is None:
        fail(Exit.INCOMPLETE, "the source held no run that could be fitted")
    if not outcome.records:
        fail(Exit.INCOMPLETE, "no cycle was finished, so there are no results of record")


def _code_of(error: Exception) -> Exit:
    match error:
        case ConfigurationError() | RunRejected():
            return Exit.CONFIGURATION
        case SourceUnreachable():
            return Exit.UNREACHABLE
        case DamagedFileError():
            return Exit.DAMAGED
        case _:
            return Exit.FAILED


def _figures(outcome: Outcome) -> dict[str, str]:
    from operando.app.outcome import figures_of

    return {} if outcome.last is None else dict(figures_of(outcome.last))


def _files(outcome: Outcome, pictures: dict[str, Path]) -> dict[str, Path]:
    results = {"results" if not n else f"results {n + 1}": path for n, path in enumerate(outcome.results)}
    return {**results, **pictures}


def _report(figures: dict[str, str], files: dict[str, Path], *, as_json: bool) -> None:
    if as_json:
        data.print_json(json.dumps({**figures, **{name: str(path) for name, path in files.items()}}))
        return
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in {**figures, **{name: str(path) for name, path in files.items()}}.items():
        table.add_row(name, escaped(value))
    data.print(table)


def _say_findings(outcome: Outcome) -> None:
    if outcome.last is None:
        return
    for finding in outcome.last.findings:
        advice = f": {finding.advice}" if finding.advice else ""
        people.print(f"{finding.severity.value}: {escaped(finding.message + advice)}", soft_wrap=True)
