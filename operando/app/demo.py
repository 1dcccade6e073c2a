"""The whole way at once: simulated cell, plan, recorder, log, monitor, dashboard, truth.

The acquisition runs in a process of its own, as it would at a beamline, and is followed
through its log.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operando.app import acquisition
from operando.app.follow import Setting, follow
from operando.app.outcome import Keeper, Outcome, write_pictures
from operando.app.simulate import Cell, world_of
from operando.app.truth import agreement_of, judge
from operando.app.work import Options, work_of
from operando.core.fit import design_of, make_ready
from operando.core.references import spectra_of
from operando.errors import OperandoError, SourceUnreachable
from operando.io.runlog import LogReader
from operando.io.sources import FollowedLog
from operando.types import Snapshot

__all__ = ["Demo", "demo", "fresh_folder"]

_PROFILE = """# The simulated instrument. With it, a replay gives the bytes of the demonstration again:
# operando replay series.runlog --profile profile.toml
library = "references/library.toml"

[detector]
gain = {gain}
"""

_START_TIMEOUT_S = 60.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demonstration did and found.

    Attributes
    ----------
    log, references
        Where the documents and the reference spectra are.
    outcome
        What the monitor left behind.
    pictures
        What was drawn, by kind.
    rmse
        Of x against the simulator's truth, over the valid pixels of all cycles.
    share_within
        Share of them within 3 σ.
    agrees
        Whether every cycle has at least 99 % within 3 σ, and the figures below are as expected.
    median_error
        Median σ(x) of the last cycle.
    error_ratio
        Median of σ(x) over what the counts of one image of each energy give, of the worst cycle; expected
        at most 1.2: σ is no shelter.
    chi2
        Median χ² per degree of freedom, of the worst cycle; expected 0.6 to 1.6.
    pull_rms
        Root mean square of (x - truth) / σ where the truth stood still; expected 0.4 to 1.3, NaN where
        hardly a pixel did.
    lines_missing
        Planned lines that never came; expected 0.
    """

    log: Path
    references: Path
    outcome: Outcome
    pictures: dict[str, Path]
    rmse: float
    share_within: float
    agrees: bool
    median_error: float
    error_ratio: float
    chi2: float
    pull_rms: float
    lines_missing: int


def fresh_folder(wanted: Path) -> Path:
    """Return `wanted`, or the first of `wanted-2`, `wanted-3`, … that does not exist, made."""
    folder, number = wanted, 1
    while folder.exists():
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    folder.mkdir(parents=True)
    return folder


def demo(
    cell: Cell,
    folder: Path,
    *,
    speed: float | None,
    has_window: bool,
    tell: Callable[[Snapshot], None],
) -> Demo:
    """Acquire, record, follow, fit, show and check a simulated series.

    Parameters
    ----------
    cell
        Which experiment.
    folder
        Where everything goes; exists.
    speed
        World seconds per wall second; None for as fast as it can.
    has_window
        Whether to show the dashboard.
    tell
        Called now and then with the newest snapshot.

    Raises
    ------
    OperandoError
        The acquisition did not start or ended with an error.
    """
    from operando_sim import material_named  # noqa: PLC0415
    from operando_sim.references import write_references  # noqa: PLC0415

    world = world_of(cell)
    log = folder / "series.runlog"
    write_references(folder / "references", material_named(cell.material))
    references = folder / "references" / "library.toml"
    detector = world.settings.detector
    profile = folder / "profile.toml"
    profile.write_text(_PROFILE.format(gain=detector.variance_to_mean), encoding="utf-8")
    work = work_of(Options(profile=profile))
    energies_ev = np.array(cell.energies_ev)
    phases = spectra_of(work.library, energies_ev)
    # Before the first line, so that the monitor does not begin by being behind.
    make_ready(design_of(phases.at_energies, phases.lithium, energies_ev, work.recipe.background))
    records: list[Snapshot] = []
    keeper = Keeper(folder / "lithiation.h5", work, keep=records)
    ended = threading.Event()
    # However this process ends, the acquisition ends with it: see there.
    process = acquisition.start(cell, log, speed)
    try:
        reader = _opened(log, process)
        waiter = threading.Thread(target=_set_at_end, args=(process, ended), daemon=True)
        waiter.start()
        source = FollowedLog(reader, str(log), ended)
        outcome = follow(source, keeper, Setting(has_window), tell)
    finally:
        acquisition.end(process)
    if process.returncode not in {0, None} and not outcome.was_interrupted:
        msg = f"the acquisition ended with exit code {process.returncode}; what it recorded is in {log}"
        raise OperandoError(msg)
    pictures = {} if outcome.last is None else write_pictures(outcome.last, folder, "lithiation")
    verdict = judge([agreement_of(snapshot, world) for snapshot in records], _lines_missing(outcome.last))
    return Demo(
        log=log,
        references=references,
        outcome=outcome,
        pictures=pictures,
        rmse=verdict.rmse,
        share_within=verdict.share_within,
        agrees=verdict.agrees,
        median_error=_median_error(records),
        error_ratio=verdict.error_ratio,
        chi2=verdict.chi2,
        pull_rms=verdict.pull_rms,
        lines_missing=verdict.lines_missing,
    )


def _opened(log: Path, process: subprocess.Popen[bytes]) -> LogReader:
    """Wait for the acquisition to make its log, and open it."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            return LogReader(log)
        except SourceUnreachable:
            if process.poll() is not None:
                code = process.returncode
                msg = f"the acquisition ended with exit code {code} before it recorded anything"
                raise OperandoError(msg) from None
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)


def _set_at_end(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    process.wait()
    ended.set()


def _median_error(records: list[Snapshot]) -> float:
    newest = records[-1].map if records else None
    if newest is None or not newest.valid.any():
        return float("nan")
    return float(np.median(newest.lithium_error[newest.valid]))


def _lines_missing(last: Snapshot | None) -> int:
    if last is None:
        return 0
    return (last.progress.lines_planned or 0) - last.progress.lines_seen
