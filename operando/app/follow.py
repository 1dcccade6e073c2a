"""Run a monitor with or without a window, and keep what it finds."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from operando.app.onpaper import paper_for
from operando.app.outcome import Keeper, Outcome
from operando.app.past import remember
from operando.io.sources import Source
from operando.live.adviser import Adviser
from operando.live.beside import Company
from operando.live.checkpoints import Checkpoints
from operando.live.monitor import Monitor, Work
from operando.types import Snapshot

if TYPE_CHECKING:
    from operando.view import HistoryBook

__all__ = ["Setting", "choices_name", "follow"]

_log = logging.getLogger(__name__)

_POLL_S = 0.2
_PATIENCE_S = 30.0
_FAREWELL_S = 0.3
"""A worker that only served the window ends so soon after it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a source is followed.

    Attributes
    ----------
    has_window
        Whether to show the dashboard in this process; when it is closed, or no screen answers, following
        goes on without.
    checkpoint
        Where the state is kept, so that the same work goes on after a kill; None keeps nothing.
    adviser
        Tells the plan what to do next; None tells it nothing. See `Monitor`.
    company
        Who watches the monitor beside this; closed at the end.
    book
        Where cycles of record are kept for a window in another process; None for none.
    """

    has_window: bool = False
    checkpoint: Path | None = None
    adviser: Adviser | None = None
    company: Company = field(default_factory=lambda: Company((), None))
    book: HistoryBook | None = None


def follow(
    source: Source,
    keeper: Keeper,
    setting: Setting,
    tell: Callable[[Snapshot], None] = lambda _snapshot: None,
) -> Outcome:
    """Follow a source to its end and return what came of it.

    Interrupted from the keyboard, it stops after the batch in hand, records what is there, and says
    so in the outcome.

    Parameters
    ----------
    source
        Where the documents come from.
    keeper
        Writes the cycles of record, and knows what to fit and how.
    setting
        How, and with whom.
    tell
        Called now and then with the newest snapshot, in the calling thread.
    """
    book = _history() if setting.has_window else setting.book

    def on_cycle(snapshot: Snapshot) -> str | None:
        if book is not None:
            book.note(snapshot)
        return keeper(snapshot)

    kept = setting.checkpoint
    if book is not None and kept is not None and kept.exists():
        remember(book, keeper.path)
    checkpoints = None if kept is None else Checkpoints(kept, keeper.work, keeper)
    monitor = Monitor(source, keeper.work, on_cycle, checkpoints=checkpoints, adviser=setting.adviser)
    if setting.has_window:
        monitor.attend()
    was_interrupted = False
    try:
        setting.company.begin(monitor)
        monitor.start()
        if book is not None and setting.has_window:
            _show(monitor, book, keeper, source.name)
        while not monitor.join(_POLL_S):
            newest = monitor.latest.take()
            if newest is not None:
                tell(newest)
    except KeyboardInterrupt:
        was_interrupted = True
        monitor.stop()
        if not monitor.join(_PATIENCE_S):
            _log.warning("the monitor did not stop within %.0f s; its last batch may be missing", _PATIENCE_S)
    finally:
        # The results first: who watches may take some seconds to go.
        if monitor.join(0.0):
            keeper.finish(monitor.newest)
        setting.company.close()
    if monitor.newest is not None:
        tell(monitor.newest)
    return Outcome(
        last=monitor.newest,
        records=keeper.records,
        runs=keeper.results,
        failure=monitor.failure,
        refusals=monitor.refusals,
        trouble=keeper.trouble,
        was_interrupted=was_interrupted,
        damage="; ".join(found.message for found in monitor.damage),
    )


def _history() -> HistoryBook:
    from operando.view import HistoryBook  # noqa: PLC0415 - only where there is a window

    return HistoryBook()


def choices_name(work: Work) -> str:
    """Return the name of the file that remembers layout and regions for these references."""
    phases = "\0".join(f"{phase.name}\0{phase.lithium!r}" for phase in work.library.phases)
    formula = "".join(letter for letter in work.library.formula if letter.isalnum())[:20]
    tag = hashlib.sha256(phases.encode()).hexdigest()[:8]
    return f"dashboard-{formula}-{tag}.json"


def _show(monitor: Monitor, book: HistoryBook, keeper: Keeper, title: str) -> None:
    """Show the dashboard until it is closed; where no screen answers, say why and go on without.

    Raises
    ------
    KeyboardInterrupt
        The user interrupted the program rather than closing the window.
    """
    from operando.app.stress import solve_stress  # noqa: PLC0415 - as above
    from operando.view import (  # noqa: PLC0415 - as above
        DashboardOptions,
        folder_of_choices,
        run_dashboard,
        screen_trouble,
    )

    try:
        trouble = screen_trouble()
        if trouble is not None:
            _log.warning("the fit goes on without a window: %s", trouble)
            return
        options = DashboardOptions(
            title=f"Operando: {title}",
            history=book.read,
            send=monitor.send,
            choices_file=folder_of_choices(os.environ, sys.platform) / choices_name(keeper.work),
            put_on_paper=paper_for(keeper.path),
            solve_stress=solve_stress,
        )
        if run_dashboard(monitor.latest.take, options):
            raise KeyboardInterrupt
    finally:
        monitor.leave()
    if not monitor.join(_FAREWELL_S):
        _log.warning("the window is closed, the fit goes on; Ctrl-C ends it")
