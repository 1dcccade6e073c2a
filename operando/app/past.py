"""The cycles of record that earlier monitors left in a results file, for the history of a window."""

from __future__ import annotations

import logging
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from operando.errors import OperandoError
from operando.io.results import read_summary
from operando.io.results_moment import read_moment
from operando.io.results_writer import run_in

if TYPE_CHECKING:
    from operando.view import HistoryBook

__all__ = ["remember"]

_log = logging.getLogger(__name__)

_MOST_BYTES = 2**28
"""Of maps read before the fit begins: some seconds."""


def remember(book: HistoryBook, results: Path) -> int:
    """Note in a history what is in the results of the run that was fitted last; return how many cycles.

    Of a long run the newest cycles, as many as are read in some seconds. What cannot be read is said, and
    the history begins anew.

    Parameters
    ----------
    book
        The history, empty.
    results
        The results file of the first run; those of others are beside it.
    """
    try:
        files = sorted(
            results.parent.glob(f"{escape(results.stem)}*{results.suffix}"),
            key=lambda each: each.stat().st_mtime,
        )
        newest = next((path for path in reversed(files) if run_in(path) is not None), None)
        if newest is None:
            return 0
        summary = read_summary(newest)
        energies, ny, nx = summary.plan.stack_shape
        cycle_bytes = 8 * ny * nx * (12 + 2 * energies + 2 * len(summary.phases.names))
        cycles = sorted(summary.cycles)[-max(_MOST_BYTES // cycle_bytes, 1) :]
        for cycle in cycles:
            book.note(read_moment(newest, cycle))
    except (OperandoError, OSError) as error:
        _log.warning("the history of the window begins anew: %s", error)
        return 0
    return len(cycles)
