"""How a command ends: which exit code an outcome has, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from operando.errors import ConfigurationError, DamagedFileError, RunRejected, SourceUnreachable

if TYPE_CHECKING:
    from operando.app.outcome import Outcome
    from operando.types import Snapshot

__all__ = ["Ending", "Exit", "code_of", "ending_of"]


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


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ends.

    Attributes
    ----------
    code
        Its exit code.
    reasons
        Sentences on why it is not `DONE`.
    remarks
        Sentences on what was not fitted beside what was.
    """

    code: Exit
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]


def code_of(error: Exception) -> Exit:
    """Return the exit code of what went wrong."""
    match error:
        case ConfigurationError() | RunRejected():
            return Exit.CONFIGURATION
        case SourceUnreachable():
            return Exit.UNREACHABLE
        case DamagedFileError():
            return Exit.DAMAGED
        case _:
            return Exit.FAILED


def ending_of(outcome: Outcome) -> Ending:
    """Return how a command ends that came to `outcome`.

    What failed comes before what is missing. Refused runs decide only where nothing was fitted:
    a log may well hold runs that are no scans.
    """
    causes = list(_causes(outcome))
    remarks = tuple(str(refusal) for refusal in outcome.refusals) if outcome.has_result else ()
    reasons = tuple(dict.fromkeys(sentence for _, sentence in causes))
    if outcome.was_interrupted:
        is_refused = bool(outcome.refusals) and not outcome.has_result
        # Ended by the user, nothing is missing; but what failed before is said.
        failed = tuple(dict.fromkeys(sentence for code, sentence in causes if code is not Exit.INCOMPLETE))
        return Ending(Exit.CONFIGURATION if is_refused else Exit.INTERRUPTED, failed, remarks)
    return Ending(causes[0][0] if causes else Exit.DONE, reasons, remarks)


def _causes(outcome: Outcome) -> Iterator[tuple[Exit, str]]:
    """Yield what is wrong, worst first."""
    failure, last = outcome.failure, outcome.last
    if failure is not None:
        yield code_of(failure), str(failure) or type(failure).__name__
    if outcome.trouble:
        yield Exit.FAILED, outcome.trouble
    if outcome.damage:
        yield Exit.DAMAGED, outcome.damage
    if not outcome.has_result and outcome.refusals:
        for refusal in outcome.refusals:
            yield code_of(refusal), str(refusal)
    elif last is None:
        yield Exit.INCOMPLETE, "the source held no run that could be fitted"
    elif not outcome.has_result:
        yield Exit.INCOMPLETE, _why_no_result(last)
    if last is not None and last.delivery.lost:
        yield Exit.INCOMPLETE, f"{last.delivery.lost} documents are missing from their sequence"
    if last is not None and last.delivery.rejected:
        yield (
            Exit.INCOMPLETE,
            f"{last.delivery.rejected} documents could not be used and are not in the results; "
            "the warnings say why",
        )
    for run in outcome.each:
        progress = run.snapshot.progress
        if progress.exit_status == "refused":
            continue
        if progress.lines_planned is not None and progress.lines_seen < progress.lines_planned:
            missing = progress.lines_planned - progress.lines_seen
            yield (
                Exit.INCOMPLETE,
                f"run {run.snapshot.plan.run[:8]}: {missing} of {progress.lines_planned} planned lines "
                "never came",
            )


def _why_no_result(last: Snapshot) -> str:
    energies, ny = last.plan.energies_ev.size, last.plan.grid.shape[0]
    if last.progress.lines_seen < energies * ny:
        return "no cycle was finished, so there are no results of record"
    said = "; ".join(finding.message for finding in last.findings)
    return f"cycles were finished, but x could not be determined in any pixel: {said or 'see the map'}"
