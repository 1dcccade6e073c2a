"""One recording to be fitted, wherever that is done: what is asked and what is answered are JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from operando.app.ending import Exit, code_of, ending_of
from operando.app.follow import Setting, follow
from operando.app.keeper import Keeper
from operando.app.open_source import folder_of, open_recording
from operando.app.outcome import Outcome, measures_of, status_of
from operando.app.work import Options, work_of
from operando.errors import OperandoError
from operando.io.results import write_curve_csv

__all__ = ["Done", "FittedRun", "Job", "answer", "done_from", "fit", "text_of", "undone"]


@dataclass(frozen=True, slots=True)
class Job:
    """A recording, and what is to be done with it.

    Attributes
    ----------
    source
        As `operando replay` takes it.
    results
        The results file to write, in a folder where nothing else is.
    options
        Of the fit.
    keys
        Folder of the keys for an address; None without.
    """

    source: str
    results: Path
    options: Options
    keys: Path | None = None


@dataclass(frozen=True, slots=True)
class FittedRun:
    """What has come of one run of a recording.

    Attributes
    ----------
    run, sample, plan_name
        Its uid, and what its start document says.
    exit_status
        How it ended; None where that is not known.
    measures
        As `operando.app.measures.measures_of`.
    results
        Name of its results file, in the folder that the job named; None if there is none.
    """

    run: str
    sample: str
    plan_name: str
    exit_status: str | None
    measures: dict[str, int | float | None]
    results: str | None


@dataclass(frozen=True, slots=True)
class Done:
    """What has come of one recording.

    Attributes
    ----------
    source
        Which one.
    code
        The exit code that `operando replay` has for it.
    reasons
        Sentences on why it is not 0.
    remarks
        Sentences on what else is to be known.
    runs
        Each run that has something to say.
    """

    source: str
    code: Exit
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    runs: tuple[FittedRun, ...] = ()

    @property
    def has_results(self) -> bool:
        """Whether each of its runs has a results file, and there is one."""
        return bool(self.runs) and all(run.results is not None for run in self.runs)


_JOB = TypeAdapter(Job)
_DONE = TypeAdapter(Done)


def fit(job: Job) -> Done:
    """Fit a recording, in this process, as `operando replay` does; what goes wrong is in the answer."""
    try:
        work = work_of(job.options, beside=folder_of(job.source))
        recording = open_recording(job.source, keys=job.keys)
        keeper = Keeper(job.results, work)
        keeper.prepare()
        outcome = follow(recording, keeper, Setting())
        return _done(job, outcome)
    except OperandoError as error:
        return undone(job, code_of(error), str(error))
    except OSError as error:
        return undone(job, Exit.FAILED, f"{error}: check the path, its permissions and the room on the disk")


def undone(job: Job, code: Exit, reason: str) -> Done:
    """Return the answer of a job that nothing has come of."""
    return Done(job.source, code, (reason,))


def text_of(job: Job) -> str:
    """Return a job as one line of JSON."""
    return _JOB.dump_json(job).decode()


def done_from(text: str) -> Done:
    """Return what has come of a job, from its JSON.

    Raises
    ------
    ValueError
        It is no such JSON.
    """
    return _DONE.validate_json(text)


def answer(text: str, remarks: Callable[[], tuple[str, ...]] = tuple) -> str:
    """Fit the job in a line of JSON, and return what has come of it as another.

    Parameters
    ----------
    text
        The job.
    remarks
        Gives what else was said while it was fitted.

    Raises
    ------
    ValueError
        It is no such JSON.
    """
    done = fit(_JOB.validate_json(text))
    return _DONE.dump_json(replace(done, remarks=(*done.remarks, *remarks()))).decode()


def _done(job: Job, outcome: Outcome) -> Done:
    ending = ending_of(outcome)
    runs: list[FittedRun] = []
    for run in outcome.each:
        plan = run.snapshot.plan
        if run.path is not None:
            write_curve_csv(run.path.with_name(f"{run.path.stem}-curve.csv"), run.snapshot.curve)
        runs.append(
            FittedRun(
                plan.run,
                plan.sample,
                plan.plan_name,
                status_of(run, outcome),
                measures_of(run.snapshot),
                None if run.path is None else run.path.name,
            )
        )
    return Done(job.source, ending.code, ending.reasons, ending.remarks, tuple(runs))
