"""What the commands say, and how they end."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console

from operando.app.ending import Exit, code_of, ending_of
from operando.errors import ConfigurationError, OperandoError
from operando.io.json_text import json_text

if TYPE_CHECKING:
    from operando.app.demo import Demo
    from operando.app.follow import Setting
    from operando.app.keeper import Keeper
    from operando.app.outcome import Outcome
    from operando.io.recorded_findings import RecordedFinding
    from operando.io.sources import Source
    from operando.types import Snapshot

__all__ = [
    "Exit",
    "PlainLines",
    "data",
    "escaped",
    "fail",
    "follow_and_report",
    "guarded",
    "leave",
    "numbers",
    "people",
    "progress",
    "report_demo",
    "say_json",
    "speed_of",
]

_MOST_LETTERS = 4000
"""Of one message; a name of a million letters says no more than its beginning."""

people = Console(stderr=True, highlight=False)
data = Console(highlight=False, soft_wrap=True)


@contextmanager
def guarded() -> Generator[None]:
    """Turn what went wrong into one sentence and its exit code."""
    try:
        yield
    except OperandoError as error:
        fail(code_of(error), str(error))
    except OSError as error:
        fail(Exit.FAILED, f"{error}: check the path, its permissions and the room on the disk")
    except KeyboardInterrupt:
        fail(Exit.INTERRUPTED, "interrupted")


def fail(code: Exit, sentence: str) -> NoReturn:
    """Say what went wrong and end the command with its exit code."""
    people.print(f"[bold red]operando:[/] {escaped(sentence)}", soft_wrap=True)
    raise typer.Exit(code)


def escaped(text: str) -> str:
    """Return text from files and metadata without power over the console."""
    from rich.markup import escape

    return escape("".join(letter if letter.isprintable() else "?" for letter in text[:_MOST_LETTERS]))


class PlainLines(logging.Formatter):
    """Log records without power over the console: names from files and metadata are in them."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text whose only unprintable letters are ends of lines of a traceback."""
        traceback = record.exc_info is not None
        said = super().format(record)
        return "".join(
            letter if letter.isprintable() or (traceback and letter == "\n") else "?" for letter in said
        )[:_MOST_LETTERS]


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
        found = tuple(float(part) for part in text.replace(" ", ",").split(",") if part)
    except ValueError:
        found = ()
    if not found or not all(map(math.isfinite, found)):
        msg = f"'{text}' is not a list of energies; write them in eV with commas between, 707.24,709.26"
        raise ConfigurationError(msg)
    return found


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
        task = bar.add_task(
            "waiting for the first line (the fit is compiled, if it is the first time)", total=None
        )

        def tell(snapshot: Snapshot) -> None:
            where = snapshot.progress
            bar.update(
                task,
                completed=where.lines_seen,
                total=where.lines_planned,
                description=f"cycle {where.cycle + 1}, {snapshot.plan.energies_ev[where.energy]:.2f} eV",
            )

        yield tell


def follow_and_report(source: Source, keeper: Keeper, setting: Setting, *, as_json: bool) -> None:
    """Follow a source, keep the results, and say what came of it; ends the command.

    Parameters
    ----------
    source
        What is fitted.
    keeper
        Keeps the results, and knows how they are fitted; prepared.
    setting
        How it is followed, and with whom.
    as_json
        Print numbers for programs.
    """
    from operando.app.follow import follow
    from operando.app.outcome import figures_of, measures_of, status_of

    with progress() as tell:
        outcome = follow(source, keeper, setting, _telling_of_catch_up(tell))
    reports: list[_Report] = []
    for run in outcome.each:
        files: dict[str, Path] = {}
        if run.path is not None:
            written, trouble = _written_beside(run.snapshot, run.path)
            files = {"results": run.path, **written}
            outcome = replace(outcome, trouble="; ".join(filter(None, (outcome.trouble, trouble))))
        figures = dict(figures_of(run.snapshot))
        reports.append(
            _Report(run.snapshot, status_of(run, outcome), figures, measures_of(run.snapshot), files)
        )
    _report(reports, as_json=as_json)
    if outcome.was_interrupted and outcome.results:
        people.print("Interrupted; what was finished is in the files above.")
    leave(outcome)


def _telling_of_catch_up(tell: Callable[[Snapshot], None]) -> Callable[[Snapshot], None]:
    """Return `tell` that also says, once, how far behind the monitor began and how it caught up."""
    has_told = False

    def told(snapshot: Snapshot) -> None:
        nonlocal has_told
        found = [finding for finding in snapshot.findings if finding.code == "caught-up"]
        if found and not has_told:
            has_told = True
            people.print(escaped(found[0].message), soft_wrap=True)
        tell(snapshot)

    return told


def report_demo(result: Demo, *, as_json: bool) -> None:
    """Print what the demonstration measured and where everything is."""
    from operando.app.outcome import figures_of, measures_of

    outcome, last = result.outcome, result.outcome.last
    figures = {
        **({} if last is None else dict(figures_of(last))),
        "RMSE of x against the truth": f"{result.rmse:.4f}",
        "pixels within 3 σ of the truth": f"{result.share_within:.2%}",
        "median σ(x), last cycle": f"{result.median_error:.4f}",
        "σ(x) over that of the counts, worst cycle": f"{result.error_ratio:.2f}",
        "pull (x - truth) / σ, rms, where x stood still": f"{result.pull_rms:.2f}",
    }
    measures = {
        **({} if last is None else measures_of(last)),
        "rmse_x": result.rmse,
        "share_within_3_sigma": result.share_within,
        "median_sigma_x_last_cycle": result.median_error,
        "sigma_x_over_counts": result.error_ratio,
        "median_chi2_worst_cycle": result.chi2,
        "pull_rms": result.pull_rms,
        "lines_missing": result.lines_missing,
    }
    results = {"results": outcome.results[0], **_particles_of(outcome.results[0])} if outcome.results else {}
    files = {"run log": result.log, "references": result.references, **results, **result.pictures}
    status = None if last is None else last.progress.exit_status
    _report([_Report(last, status, figures, measures, files)], as_json=as_json)


def leave(outcome: Outcome) -> None:
    """Say what went wrong, and end the command with its exit code unless nothing did."""
    ending = ending_of(outcome)
    for remark in ending.remarks:
        people.print(f"not fitted: {escaped(remark)}", soft_wrap=True)
    if ending.reasons:
        fail(ending.code, "; ".join(ending.reasons))
    if ending.code is not Exit.DONE:
        raise typer.Exit(ending.code)


def say_json(value: object) -> None:
    """Print data as JSON; what is not a finite number is null, as JSON has no NaN."""
    data.print_json(json_text(value))


@dataclass(frozen=True, slots=True)
class _Report:
    """What is said of one run: figures for people, measures for programs."""

    snapshot: Snapshot | None
    status: str | None
    figures: dict[str, str]
    measures: dict[str, int | float | None]
    files: dict[str, Path]


def _written_beside(snapshot: Snapshot, results: Path) -> tuple[dict[str, Path], str]:
    """Write what belongs beside a results file; return it by kind, and what prevented it."""
    from operando.app.outcome import write_pictures

    written: dict[str, Path] = {}
    try:
        written |= write_pictures(snapshot, results.parent, results.stem)
        written |= _particles_of(results)
    except OSError as error:
        return written, f"pictures and tables of {results} could not be written ({error})"
    return written, ""


def _particles_of(results: Path) -> dict[str, Path]:
    """Write the table of the particles beside a results file that has any."""
    from operando.app.report import particles_beside

    try:
        written = particles_beside(results)
    except OperandoError as error:
        people.print(escaped(str(error)), soft_wrap=True)
        return {}
    return {} if written is None else {"particles": written}


def _report(reports: list[_Report], *, as_json: bool) -> None:
    if as_json:
        records = [_record(report) for report in reports or [_Report(None, None, {}, {}, {})]]
        say_json(records[0] if len(records) == 1 else records)
    else:
        _tabulate(reports)
    for report in reports:
        snapshot = report.snapshot
        if not as_json:
            _say_earlier_findings(report)
        run = f"run {snapshot.plan.run[:8]}: " if snapshot is not None and len(reports) > 1 else ""
        for finding in () if snapshot is None else snapshot.findings:
            advice = f": {finding.advice}" if finding.advice else ""
            words = escaped(run + finding.message + advice)
            people.print(f"{finding.severity.value}: {words}", soft_wrap=True)


def _earlier_findings(report: _Report) -> list[RecordedFinding]:
    """Return what was found in cycles before, and is not any more: it is in the results file."""
    from operando.io.recorded_findings import recorded_findings

    path = report.files.get("results")
    if path is None or report.snapshot is None:
        return []
    said = {finding.code for finding in report.snapshot.findings}
    try:
        return [finding for finding in recorded_findings(path) if finding.code not in said]
    except OperandoError as error:
        people.print(escaped(str(error)), soft_wrap=True)
        return []


def _say_earlier_findings(report: _Report) -> None:
    from operando.io.recorded_findings import cycles_in_words

    for finding in _earlier_findings(report):
        words = escaped(f"in cycle {cycles_in_words(finding.cycles)}: {finding.message}")
        people.print(f"{finding.severity}: {words}", soft_wrap=True)


def _tabulate(reports: list[_Report]) -> None:
    from rich.table import Table

    for number, report in enumerate(reports):
        table = Table(show_header=False, box=None, pad_edge=False)
        if report.snapshot is not None and len(reports) > 1:
            table.add_row("run", escaped(report.snapshot.plan.run))
        for name, value in {**report.figures, **report.files}.items():
            table.add_row(name, escaped(str(value)))
        if number:
            data.print()
        data.print(table)


def _record(report: _Report) -> dict[str, object]:
    """Return what is said of one run as JSON has it; names are in docs/reference/command-line.md."""
    snapshot = report.snapshot
    findings = () if snapshot is None else snapshot.findings
    return {
        "run": None if snapshot is None else snapshot.plan.run,
        "exit_status": report.status,
        **report.measures,
        "findings": [
            {"code": finding.code, "severity": finding.severity.value, "message": finding.message}
            for finding in findings
        ],
        "earlier_findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "message": finding.message,
                "cycles": list(finding.cycles),
            }
            for finding in _earlier_findings(report)
        ],
        "files": {kind.replace(" ", "_"): str(path) for kind, path in report.files.items()},
    }
