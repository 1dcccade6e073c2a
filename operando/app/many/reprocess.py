"""Fit many recordings, go on where an earlier command was ended, and return what has come of all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from operando.app.ending import Exit, code_of
from operando.app.many.cluster import fit_on_cluster
from operando.app.many.job import Done, Job, undone
from operando.app.many.ledger import Entry, Ledger, fingerprint_of
from operando.app.many.processes import fit_in_processes
from operando.app.open_source import folder_of, results_of
from operando.app.work import Options, work_of
from operando.errors import ConfigurationError, OperandoError
from operando.io.lock import WriterLock
from operando.io.results_writer import run_in

__all__ = ["LEDGER", "Request", "code_of_all", "reprocess"]

LEDGER = "reprocess.ledger"
"""Name of the file, beside the results, that says what is done."""

_SCRATCH = ".operando-"
_GRAVEST_FIRST = (Exit.FAILED, Exit.CONFIGURATION, Exit.UNREACHABLE, Exit.DAMAGED, Exit.INCOMPLETE)

Fitter = Callable[[Sequence[Job]], Iterator[Done]]
"""Does jobs somewhere, and gives what has come of each as it is done."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done.

    Attributes
    ----------
    sources
        The recordings.
    options
        Of the fit, the same for all.
    output
        Folder of the results.
    keys
        Folder of the keys for addresses; None without.
    workers
        Processes on this machine.
    scheduler
        Address of a Dask cluster that does it instead; None for this machine.
    """

    sources: tuple[str, ...]
    options: Options
    output: Path
    keys: Path | None = None
    workers: int = 1
    scheduler: str | None = None


def reprocess(request: Request, tell: Callable[[Done, bool], None]) -> list[Done]:
    """Fit every recording that is not done already, and return what has come of all, in their order.

    Each is fitted in a folder of its own; when it is done its files are moved beside the others and an entry
    is written, so that a kill at any time leaves whole results, and the same command goes on.

    Parameters
    ----------
    request
        What is to be done.
    tell
        Called for each recording when it is known what has come of it, and whether it was done already.

    Raises
    ------
    ConfigurationError
        The folder cannot be written, or another command writes into it; Dask is not installed.
    SourceUnreachable
        No scheduler answers.
    """
    if request.workers < 1:
        msg = f"{request.workers} workers were asked for; expected at least 1"
        raise ConfigurationError(msg)
    fitter: Fitter = (
        partial(fit_in_processes, workers=request.workers)
        if request.scheduler is None
        else partial(fit_on_cluster, address=request.scheduler)
    )
    with _kept_for_us(request.output) as scratch:
        ledger = Ledger(request.output / LEDGER)
        done: dict[str, Done] = {}
        jobs: dict[str, _Planned] = {}
        for source, name in _names(request, ledger).items():
            found = _plan(source, name, request, ledger, scratch / str(len(jobs)))
            if isinstance(found, Done):
                done[source] = found
                tell(found, found.has_results)
            else:
                jobs[source] = found
        fitted = fitter([planned.job for planned in jobs.values()]) if jobs else iter(())
        for each in fitted:
            planned = jobs[each.source]
            done[each.source] = kept = _keep(planned, each, request.output, ledger)
            shutil.rmtree(planned.job.results.parent, ignore_errors=True)
            tell(kept, False)
        return [done[source] for source in dict.fromkeys(request.sources)]


def code_of_all(done: Sequence[Done]) -> Exit:
    """Return the exit code of all together: the gravest of theirs."""
    codes = {each.code for each in done}
    return next((code for code in _GRAVEST_FIRST if code in codes), Exit.DONE)


@dataclass(frozen=True, slots=True)
class _Planned:
    job: Job
    fingerprint: str


@contextmanager
def _kept_for_us(output: Path) -> Generator[Path]:
    """Yield a folder to work in, while no other command writes into the output."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock = WriterLock(output / LEDGER)
    except OSError as error:
        msg = f"no results can be written to {output} ({error}); choose another --output"
        raise ConfigurationError(msg) from error
    try:
        # What a command that was killed has left.
        for left in output.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=output, ignore_cleanup_errors=True) as scratch:
            yield Path(scratch).absolute()
    finally:
        lock.release()


def _names(request: Request, ledger: Ledger) -> dict[str, str]:
    """Return the name of the results of each source: that of before, or the first that is free."""
    before = {source: entry.name for source in request.sources if (entry := ledger.entry(source))}
    taken, names = set(before.values()), dict[str, str]()
    for source in request.sources:
        plain = results_of(source)
        tag = hashlib.sha256(source.encode()).hexdigest()[:8]
        name = before.get(source) or plain.name
        if source not in before and name in taken:
            name = f"{plain.stem.removesuffix('-lithiation')}-{tag}-lithiation{plain.suffix}"
        taken.add(name)
        names[source] = name
    return names


def _plan(source: str, name: str, request: Request, ledger: Ledger, folder: Path) -> _Planned | Done:
    """Return what is to be done, or what has been done."""
    asked = request.options
    i0 = None if asked.i0 is None else _seen(Path(asked.i0))
    options = replace(
        asked,
        profile=_seen(asked.profile),
        references=_seen(asked.references),
        i0=None if i0 is None else str(i0),
    )
    job = Job(source, folder / Path(name).name, options, _seen(request.keys))
    try:
        fingerprint = fingerprint_of(source, work_of(options, beside=folder_of(source)))
    except OperandoError as error:
        return undone(job, code_of(error), str(error))
    finished = ledger.finished(source, fingerprint)
    if finished is not None:
        return finished.done
    folder.mkdir()
    return _Planned(job, fingerprint)


def _seen(path: Path | None) -> Path | None:
    """Return a path as another process or machine can use it; one that is beside the data stays as it is."""
    return path if path is None or not path.exists() else path.absolute()


def _keep(planned: _Planned, done: Done, output: Path, ledger: Ledger) -> Done:
    """Move the files of a recording to where they stay, and say so in the ledger."""
    job = planned.job
    files = sorted(path for path in job.results.parent.iterdir() if not path.name.startswith("."))
    before = ledger.entry(job.source)
    ours = set[str]() if before is None else {Path(name).name for name in before.files}
    try:
        for path in files:
            if path.name not in ours:
                _refuse_foreign(output / path.name, path)
        for path in files:
            os.replace(path, output / path.name)  # noqa: PTH105 - takes the place of what is there
        names = tuple(path.name for path in files)
        for name in ours - set(names):
            (output / name).unlink(missing_ok=True)
        ledger.add(Entry(job.source, planned.fingerprint, job.results.name, names, done))
    except ConfigurationError as error:
        return undone(job, Exit.CONFIGURATION, str(error))
    except OSError as error:
        return undone(job, Exit.FAILED, f"its results cannot be kept in {output} ({error})")
    return done


def _refuse_foreign(there: Path, fresh: Path) -> None:
    """Raise if something else than results of the same run would be replaced."""
    if there.suffix == ".h5" and there.exists() and run_in(there) != run_in(fresh):
        msg = f"{there} holds results of another run: choose another --output, or move it away"
        raise ConfigurationError(msg)
