"""Several runs that are open at once, and closed however the plan ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, RunEngineControlException

from operando_plans.plan import Device, Plan

__all__ = ["OpenRuns", "close_run", "closing_runs", "open_run"]

OpenRuns: TypeAlias = dict[str, str]
"""The uid of each run that is open, by the key that its messages carry."""


def open_run(runs: OpenRuns, key: str, start: Mapping[str, Any], monitored: Device) -> Plan:
    """Open a run, note it in `runs`, and return its uid.

    Parameters
    ----------
    runs
        The runs that are open.
    key
        What the messages of this run carry.
    start
        Its start document.
    monitored
        A device recorded as it changes, in a stream called `potentiostat`; or None.
    """
    uid = yield Msg("open_run", None, **start, run=key)
    runs[key] = uid or ""
    if monitored is not None:
        yield from bpp.set_run_key_wrapper(bps.monitor(monitored, name="potentiostat"), key)
    return runs[key]


def close_run(runs: OpenRuns, key: str) -> Plan:
    """Close a run, and forget it."""
    yield from _closed(runs, key, "success", "")
    # What was done for this run must not be done again once it is closed.
    yield from bps.checkpoint()


def closing_runs(make: Callable[[OpenRuns], Plan]) -> Plan:
    """Return the plan that `make` makes of the runs that it opens; those left open by a failure are closed.

    The stop documents say how it failed.
    """
    runs: OpenRuns = {}
    return bpp.contingency_wrapper(make(runs), except_plan=partial(_close_all, runs))


def _close_all(runs: OpenRuns, error: Exception) -> Plan:
    # Someone's wish, whose status is its own, or a failure.
    is_wished = isinstance(error, RunEngineControlException)
    status = str(getattr(error, "exit_status", "abort")) if is_wished else "fail"
    reason = "" if is_wished else str(error)
    for key in list(runs):
        yield from _closed(runs, key, status, reason)


def _closed(runs: OpenRuns, key: str, status: str, reason: str) -> Plan:
    del runs[key]
    yield Msg("close_run", None, exit_status=status, reason=reason, run=key)
