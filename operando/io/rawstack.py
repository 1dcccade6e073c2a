"""The counts of a run, cycle by cycle, as they were recorded: what is written into other people's files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from operando.core.stack import HISTORY_CYCLES
from operando.errors import RunRejected
from operando.io.layouts import Item, Rejection
from operando.types import FloatArray, Line, RunClosed, ScanPlan

__all__ = ["RawStack", "stacks_of"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RawStack:
    """The images of one cycle.

    Attributes
    ----------
    plan
        The scan.
    cycle
        Counts from zero.
    counts
        Shape (energy, ny, nx); NaN in rows that never came.
    i0
        Readings of the incident-beam channel, same shape, or None where there is none.
    row_time_s
        Shape (energy, ny), NaN in rows that never came.
    """

    plan: ScanPlan
    cycle: int
    counts: FloatArray
    i0: FloatArray | None
    row_time_s: FloatArray


@dataclass(slots=True)
class _Run:
    plan: ScanPlan
    rows: dict[int, dict[tuple[int, int], Line]] = field(
        default_factory=dict[int, dict[tuple[int, int], Line]]
    )
    given: int = -1


def stacks_of(items: Iterable[Item]) -> Iterator[RawStack]:
    """Yield the cycles of all runs, each once no more lines can come for it; at most a few are held.

    Of two deliveries of one row the one taken later counts. Rows of a cycle that was given are dropped
    and logged, as are runs and documents that cannot be read.
    """
    runs: dict[str, _Run] = {}
    for item in items:
        if isinstance(item, ScanPlan):
            runs.setdefault(item.run, _Run(item)).plan = item
        elif isinstance(item, Line):
            run = runs.get(item.run)
            if run is not None:
                _add(run, item)
                yield from _finished(run, max(run.rows, default=0) - HISTORY_CYCLES)
        elif isinstance(item, RunClosed):
            run = runs.pop(item.run, None)
            if run is not None:
                yield from _finished(run, max(run.rows, default=-1))
        elif isinstance(item, Rejection):
            _say(item)
    for run in runs.values():
        yield from _finished(run, max(run.rows, default=-1))


def _add(run: _Run, line: Line) -> None:
    energies, ny, nx = run.plan.stack_shape
    fits = (
        0 <= line.energy < energies and 0 <= line.row < ny and line.cycle >= 0 and line.counts.shape == (nx,)
    )
    if not fits or line.cycle <= run.given:
        _log.warning(
            "run %s: a line of cycle %d, energy %d, row %d does not fit and is left out",
            *(line.run[:8], line.cycle, line.energy, line.row),
        )
        return
    rows = run.rows.setdefault(line.cycle, {})
    known = rows.get((line.energy, line.row))
    if known is None or line.time_s >= known.time_s:
        rows[line.energy, line.row] = line


def _finished(run: _Run, last: int) -> Iterator[RawStack]:
    for cycle in sorted(cycle for cycle in run.rows if cycle <= last):
        run.given = cycle
        yield _stack(run.plan, cycle, run.rows.pop(cycle))


def _stack(plan: ScanPlan, cycle: int, rows: dict[tuple[int, int], Line]) -> RawStack:
    counts = np.full(plan.stack_shape, np.nan)
    row_time_s = np.full(plan.stack_shape[:2], np.nan)
    has_i0 = any(line.i0 is not None for line in rows.values())
    i0 = np.full(plan.stack_shape, np.nan) if has_i0 else None
    for place, line in rows.items():
        counts[place] = line.counts
        row_time_s[place] = line.time_s
        if i0 is not None and line.i0 is not None:
            i0[place] = line.i0
    return RawStack(plan, cycle, counts, i0, row_time_s)


def _say(rejection: Rejection) -> None:
    what = "run" if isinstance(rejection.error, RunRejected) else "document"
    _log.warning("a %s of run %s is left out: %s", what, rejection.run[:8], rejection.error)
