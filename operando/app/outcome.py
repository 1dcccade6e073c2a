"""What a monitor left behind: results files, curves, pictures."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from operando.app.keeper import Keeper, RunResult
from operando.app.measures import figures_of, measures_of
from operando.errors import ConfigurationError, OperandoError
from operando.io.results import write_curve_csv
from operando.types import Snapshot

__all__ = ["Keeper", "Outcome", "RunResult", "figures_of", "measures_of", "status_of", "write_pictures"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one monitor has done.

    Attributes
    ----------
    last
        The newest snapshot, or None if no run could be fitted.
    records
        Number of cycles of record.
    runs
        What has come of each run with a cycle of record.
    failure
        What ended the monitor before its time, or None.
    refusals
        Why runs were not fitted.
    trouble
        Why results could not be written, or "".
    was_interrupted
        True if the user ended it.
    damage
        What of the source was damaged and passed over, or "".
    """

    last: Snapshot | None
    records: int
    runs: tuple[RunResult, ...]
    failure: Exception | None
    refusals: tuple[OperandoError, ...] = ()
    trouble: str = ""
    was_interrupted: bool = False
    damage: str = ""

    @property
    def results(self) -> tuple[Path, ...]:
        """The results files written, one a run."""
        return tuple(run.path for run in self.runs if run.path is not None)

    @property
    def each(self) -> tuple[RunResult, ...]:
        """Every run with the newest that is known of it; also one without a cycle of record."""
        last = self.last
        if last is None:
            return self.runs
        uids = [run.snapshot.plan.run for run in self.runs]
        if last.plan.run not in uids:
            return (*self.runs, RunResult(last, None))
        # The curve is that of the file, which may hold cycles from before a restart.
        return tuple(
            replace(run, snapshot=replace(last, curve=run.snapshot.curve)) if uid == last.plan.run else run
            for uid, run in zip(uids, self.runs, strict=True)
        )

    @property
    def has_result(self) -> bool:
        """Whether x is known anywhere."""
        return any(run.snapshot.curve.cycle.size for run in self.runs)


def status_of(run: RunResult, outcome: Outcome) -> str | None:
    """Return how a run ended; None where its last cycle of record, from before its end, is all we have."""
    last, progress = outcome.last, run.snapshot.progress
    is_last = last is not None and run.snapshot.plan.run == last.plan.run
    return progress.exit_status if is_last or progress.is_closed else None


def write_pictures(snapshot: Snapshot, folder: Path, stem: str) -> dict[str, Path]:
    """Write curve, map, report and dashboard of a snapshot; return what was written by kind."""
    from operando.io.pictures import map_picture, report_picture  # noqa: PLC0415

    written: dict[str, Path] = {}
    folder.mkdir(parents=True, exist_ok=True)
    if snapshot.curve.cycle.size:
        written["curve"] = folder / f"{stem}-curve.csv"
        write_curve_csv(written["curve"], snapshot.curve)
    if snapshot.map is not None:
        written["map"] = folder / f"{stem}-map.png"
        title = snapshot.plan.sample or snapshot.plan.plan_name
        map_picture(
            written["map"],
            snapshot.map,
            snapshot.plan.grid,
            snapshot.phases,
            title=title,
            run=snapshot.plan.run,
        )
        written["report"] = folder / f"{stem}-report.png"
        report_picture(written["report"], snapshot, figures_of(snapshot))
    dashboard = folder / f"{stem}-dashboard.png"
    has_images = snapshot.map is not None or snapshot.frame is not None
    if has_images and _draw_dashboard(snapshot, dashboard):
        written["dashboard"] = dashboard
    return written


def _draw_dashboard(snapshot: Snapshot, path: Path) -> bool:
    """Write a picture of the dashboard; return False, having said why, where Qt cannot run."""
    from operando.view import save_screenshot  # noqa: PLC0415

    try:
        save_screenshot(snapshot, path)
    except ConfigurationError as error:
        _log.warning("no picture of the dashboard: %s", error)
        return False
    return True
