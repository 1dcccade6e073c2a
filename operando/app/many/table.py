"""What has come of many recordings, as one table: a row a run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from operando.app.file_kinds import without_key
from operando.app.many.job import Done, FittedRun
from operando.io.cells import in_a_cell

__all__ = ["COLUMNS", "csv_of", "rows_of"]

_MEASURES = (
    "cycles",
    "lines_seen",
    "lines_planned",
    "documents_lost",
    "documents_rejected",
    "valid_pixels",
    "pixels",
    "mean_x",
    "mean_x_sigma",
    "median_sigma_x",
    "median_chi2",
)
COLUMNS = (
    "source",
    "exit_code",
    "run",
    "sample",
    "plan_name",
    "exit_status",
    *_MEASURES,
    "results",
    "reason",
)
"""Names of the columns; the measures are those of `operando replay --json`."""

Cell = str | int | float | None


def rows_of(done: Sequence[Done]) -> Iterator[dict[str, Cell]]:
    """Yield the rows: one for each run, and one for a recording that no run came of."""
    for each in done:
        head: dict[str, Cell] = {"source": without_key(each.source), "exit_code": int(each.code)}
        reason = "; ".join(each.reasons) or None
        for run in each.runs:
            yield {name: {**head, **_of_run(run), "reason": reason}.get(name) for name in COLUMNS}
        if not each.runs:
            yield {name: {**head, "reason": reason}.get(name) for name in COLUMNS}


def csv_of(rows: Sequence[dict[str, Cell]]) -> str:
    """Return rows as comma-separated text, numbers with all their digits; what is not known is empty."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows([_shown(row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue()


def _of_run(run: FittedRun) -> dict[str, Cell]:
    return {
        "run": run.run,
        "sample": run.sample,
        "plan_name": run.plan_name,
        "exit_status": run.exit_status,
        **{name: run.measures.get(name) for name in _MEASURES},
        "results": run.results,
    }


def _shown(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    return in_a_cell(cell) if isinstance(cell, str) else cell
