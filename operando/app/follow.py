"""Run a monitor with or without a window, and keep what it finds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from operando.app.outcome import Keeper, Outcome
from operando.io.sources import Source
from operando.live.checkpoints import Checkpoints
from operando.live.monitor import Monitor
from operando.types import Snapshot

__all__ = ["follow"]

_log = logging.getLogger(__name__)

_POLL_S = 0.2
_PATIENCE_S = 30.0


def follow(
    source: Source,
    keeper: Keeper,
    *,
    has_window: bool,
    checkpoint: Path | None = None,
    adviser: Callable[[Snapshot], str | None] | None = None,
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
    has_window
        Whether to show the dashboard; when it is closed, or no screen answers, following goes on without.
    checkpoint
        Where the state is kept, so that the same work goes on after a kill; None keeps nothing.
    adviser
        Tells the plan what to do next; None tells it nothing. See `Monitor`.
    tell
        Called now and then with the newest snapshot, in the calling thread.
    """
    checkpoints = None if checkpoint is None else Checkpoints(checkpoint, keeper.work, keeper)
    monitor = Monitor(source, keeper.work, keeper, checkpoints=checkpoints, adviser=adviser)
    monitor.start()
    was_interrupted = False
    try:
        if has_window:
            _show(monitor, source.name)
        while not monitor.join(_POLL_S):
            newest = monitor.latest.take()
            if newest is not None:
                tell(newest)
    except KeyboardInterrupt:
        was_interrupted = True
        monitor.stop()
        if not monitor.join(_PATIENCE_S):
            _log.warning("the monitor did not stop within %.0f s; its last batch may be missing", _PATIENCE_S)
    if monitor.newest is not None:
        tell(monitor.newest)
    if monitor.join(0.0):
        keeper.finish()
    return Outcome(
        last=monitor.newest,
        records=keeper.records,
        runs=keeper.results,
        failure=monitor.failure,
        refusals=monitor.refusals,
        trouble=keeper.trouble,
        was_interrupted=was_interrupted,
        damage="; ".join(found.message for found in source.findings() if found.code == "damage"),
    )


def _show(monitor: Monitor, title: str) -> None:
    """Show the dashboard until it is closed; where no screen answers, say why and go on without.

    Raises
    ------
    KeyboardInterrupt
        The user interrupted the program rather than closing the window.
    """
    from operando.view import run_dashboard, screen_trouble  # noqa: PLC0415 - Qt only when it is wanted

    trouble = screen_trouble()
    if trouble is not None:
        _log.warning("the fit goes on without a window: %s", trouble)
        return
    if run_dashboard(monitor.latest.take, title=f"Operando: {title}"):
        raise KeyboardInterrupt
    if not monitor.join(0.0):
        _log.warning("the window is closed, the fit goes on; Ctrl-C ends it")
