"""The command that fits many recordings: reprocess."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# A command has as many arguments as it has options.
# ruff: noqa: PLC0415, PLR0913, PLR0917

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operando.cli.commands import (
    AsJson,
    Background,
    Energies,
    Estimator,
    Gain,
    Incident,
    Keys,
    Profile,
    References,
    Registration,
    app,
)
from operando.cli.console import Exit, data, escaped, fail, guarded, numbers, people, say_json
from operando.errors import ConfigurationError

if TYPE_CHECKING:
    from operando.app.many.job import Done

__all__ = ["reprocess"]


@app.command()
def reprocess(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE…",
            help="Recordings as for 'replay': files, folders with all below them, patterns, addresses; "
            "or a catalog, https://… or catalog:FOLDER, of which --where takes runs.",
        ),
    ] = None,
    list_file: Annotated[
        Path | None, typer.Option("--list", help="A text file of further recordings, one a line.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Runs of a catalog whose start document says so: KEY=VALUE. May be repeated."),
    ] = None,
    references: References = None,
    profile: Profile = None,
    energies: Energies = None,
    i0: Incident = None,
    background: Background = None,
    estimator: Estimator = None,
    registration: Registration = None,
    gain: Gain = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on this machine; as many as it has cores.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask cluster that does it instead: tcp://HOST:8786.")
    ] = None,
    keys: Keys = None,
    output: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("operando-reprocess"),
    table: Annotated[
        Path | None, typer.Option(help="Write the table into this CSV, rather than to stdout.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit many recordings side by side, each as 'replay' does; given again, it goes on."""
    from operando.app.many.gather import gather, sources_in
    from operando.app.many.reprocess import Request, code_of_all
    from operando.app.many.reprocess import reprocess as run_reprocess
    from operando.app.many.table import csv_of, rows_of
    from operando.app.work import Options

    with guarded():
        if scheduler is not None and workers is not None:
            msg = "--workers are processes of this machine, and --scheduler has its own; give one of the two"
            raise ConfigurationError(msg)
        named = [*(sources or ()), *(() if list_file is None else sources_in(list_file))]
        if not named:
            msg = "no recording is named; give files, folders, patterns or --list FILE"
            raise ConfigurationError(msg)
        found = gather(named, output, where or ())
        options = Options(
            profile, references, i0, background, gain, numbers(energies), estimator, registration
        )
        request = Request(tuple(found), options, output, keys, workers or os.cpu_count() or 1, scheduler)
        with _progress(len(found)) as tell:
            done = run_reprocess(request, tell)
        rows = list(rows_of(done))
        if table is not None:
            table.write_text(csv_of(rows), encoding="utf-8", newline="")
        if as_json:
            say_json(rows)
        elif table is None:
            data.out(csv_of(rows), end="", highlight=False)
        code = code_of_all(done)
        if code is not Exit.DONE:
            failed = sum(each.code is not Exit.DONE for each in done)
            fail(code, f"{failed} of {len(done)} recordings did not come out whole; they are named above")


@contextmanager
def _progress(total: int) -> Generator[Callable[[Done, bool], None]]:
    """Yield what counts recordings on stderr, and says of each what is wrong with it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from operando.app.file_kinds import without_key

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("recordings"), TimeElapsedColumn())
    before = failed = 0
    with Progress(*columns, console=people, transient=True) as bar:
        task = bar.add_task("", total=total)
        known = 0

        def tell(done: Done, was_done: bool) -> None:
            nonlocal before, failed, known
            name = without_key(done.source)
            known += 1
            before += was_done
            failed += done.code is not Exit.DONE
            for words in done.remarks:
                people.print(escaped(f"{name}: {words}"), soft_wrap=True)
            for words in done.reasons:
                people.print(f"[bold red]{int(done.code)}[/] {escaped(f'{name}: {words}')}", soft_wrap=True)
            bar.advance(task)
            if not people.is_terminal and not was_done:
                # Where nobody sees a bar, as in the output of a batch job.
                people.print(escaped(f"{known} of {total}: {name}"), soft_wrap=True)

        yield tell
    people.print(f"{total} recordings: {total - before} fitted, {before} done before, {failed} not whole.")
