"""Where a run is, how it ended, and on whose clock: what a snapshot says beside maps and curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from operando.core.stack import StackState
from operando.types import Finding, Progress, RunClosed, ScanPlan, Severity

__all__ = ["on_one_clock", "progress_of", "run_findings"]

_CLOCKS_AGREE_S = 3600.0
"""A run may wait for its first line; for an hour, it is likelier that two clocks differ."""


def on_one_clock(stack: StackState) -> tuple[ScanPlan, list[Finding]]:
    """Return the plan as begun with its first line, where the start document's clock is another one."""
    off_s = stack.first_line_s - stack.plan.started_s
    if np.isnan(off_s) or abs(off_s) < _CLOCKS_AGREE_S:
        return stack.plan, []
    words = (
        f"the device's clock and that of the start document are {abs(off_s) / 3600:.1f} h apart; "
        "times are counted from the first line"
    )
    finding = Finding("clocks", Severity.WARNING, words, "set the clocks, if the run did begin then")
    return replace(stack.plan, started_s=stack.first_line_s), [finding]


def progress_of(stack: StackState, closed: RunClosed | None) -> Progress:
    """Return where the scan is."""
    plan, newest = stack.plan, stack.newest
    planned = plan.lines_planned
    status = "running" if closed is None else closed.exit_status
    if newest is None:
        nan = float("nan")
        return Progress(0, 0, 0, 0, planned, nan, nan, nan, closed is not None, status)
    lines = stack.lines_seen
    pace_s = (newest.time_s - stack.first_line_s) / (lines - 1) if lines > 1 else float("nan")
    cycle_left = plan.lines_in(newest.cycle) - stack.rows_seen[newest.cycle]
    run_left = float("nan") if planned is None else max(planned - lines, 0)
    return Progress(
        cycle=newest.cycle,
        energy=newest.energy,
        row=newest.row,
        lines_seen=lines,
        lines_planned=planned,
        last_line_s=newest.time_s,
        cycle_remaining_s=0.0 if closed else cycle_left * pace_s,
        run_remaining_s=0.0 if closed else run_left * pace_s,
        is_closed=closed is not None,
        exit_status=status,
    )


def run_findings(stack: StackState, closed: RunClosed | None) -> list[Finding]:
    """Return what is to be said of how the run ended; nothing while it goes on."""
    if closed is None:
        return []
    if closed.exit_status == "unfinished":
        words = "the monitor was stopped while the run went on"
        return [Finding("stopped", Severity.INFO, words, "start it again: it reads on from the log")]
    progress = progress_of(stack, closed)
    findings: list[Finding] = []
    if closed.exit_status != "success":
        detail = f": {closed.reason}" if closed.reason else ""
        findings.append(
            Finding("run-ended", Severity.WARNING, f"the run ended with '{closed.exit_status}'{detail}")
        )
    if progress.lines_planned is not None and progress.lines_seen < progress.lines_planned:
        missing = progress.lines_planned - progress.lines_seen
        findings.append(
            Finding(
                "lines-missing",
                Severity.WARNING,
                f"{missing} of {progress.lines_planned} planned lines never came",
                "maps of incomplete cycles are made of older rows there",
            )
        )
    return findings
