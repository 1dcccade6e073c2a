"""Where the scan is, how its documents travelled, and what is measured beside the maps."""

from __future__ import annotations

from dataclasses import dataclass

from operando.types.findings import Finding, Severity

__all__ = ["CatchUp", "Delivery", "Progress", "Vitals"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the scan is.

    Attributes
    ----------
    cycle, energy, row
        The line that came last; all count from zero.
    lines_seen, lines_planned
        Distinct lines so far, and in the whole run (None where the plan does not say).
    last_line_s
        Acquisition time of the newest line.
    cycle_remaining_s, run_remaining_s
        Estimated from the pace so far, in acquisition time; NaN where unknown.
    is_closed
        True once the run has ended.
    exit_status
        "running", or as in the stop document.
    """

    cycle: int
    energy: int
    row: int
    lines_seen: int
    lines_planned: int | None
    last_line_s: float
    cycle_remaining_s: float
    run_remaining_s: float
    is_closed: bool
    exit_status: str


@dataclass(frozen=True, slots=True)
class CatchUp:
    """How a monitor that began behind its source catches up.

    Attributes
    ----------
    after
        Number of the last document known before; 0 where it began at the beginning.
    behind_documents
        How many there were to read when it began.
    behind_s
        How long the first of them had been waiting then; NaN where unknown.
    read
        How many of them have been read.
    took_s
        Wall time until the last of them was read, or so far.
    is_done
        Whether all of them have been read.
    """

    after: int
    behind_documents: int
    behind_s: float
    read: int
    took_s: float
    is_done: bool

    @property
    def documents_per_s(self) -> float:
        """How fast it reads and fits; NaN where it took no time."""
        return self.read / self.took_s if self.took_s > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the documents travelled; filled in by the monitor.

    Attributes
    ----------
    source
        Where they come from, as the user would write it.
    documents
        How many have been read.
    behind
        How many are known to exist and have not been read.
    lag_s
        Wall time between recording and reading of the newest document; NaN where unknown.
    lost, repeated, rejected
        Documents missing from their sequence, delivered again, and refused.
    is_finished
        True when the source has ended and everything has been read.
    failure
        What ended the monitor before its time, such as a source that cannot be read any more; empty.
    catch_up
        How the monitor that was started late or again caught up, or None.
    """

    source: str = ""
    documents: int = 0
    behind: int = 0
    lag_s: float = float("nan")
    lost: int = 0
    repeated: int = 0
    rejected: int = 0
    is_finished: bool = False
    failure: str = ""
    catch_up: CatchUp | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """That the source is lost, if it is."""
        if not self.failure:
            return ()
        return (Finding("source", Severity.ALARM, f"the source is lost: {self.failure}"),)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is measured beside the maps; NaN where nobody measures it.

    Attributes
    ----------
    drift_nm_per_min
        How fast the sample moves under the beam.
    dose_mgy
        Dose of the run so far.
    disk_h
        Hours until the disk is full at the present pace.
    """

    drift_nm_per_min: float = float("nan")
    dose_mgy: float = float("nan")
    disk_h: float = float("nan")
