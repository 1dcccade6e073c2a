"""The whole way at once: simulated cell, plan, recorder, log, monitor, dashboard, truth.

The acquisition runs in a process of its own, as it would at a beamline, and is followed
through its log.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operando.app.follow import follow
from operando.app.outcome import Keeper, Outcome, write_pictures
from operando.app.simulate import Cell, world_of
from operando.app.truth import agreement_of, judge
from operando.app.work import Options, work_of
from operando.errors import OperandoError, SourceUnreachable
from operando.io.runlog import LogReader
from operando.io.sources import FollowedLog
from operando.types import Snapshot

__all__ = ["Demo", "demo", "fresh_folder"]

_START_TIMEOUT_S = 60.0
_POLL_S = 0.05
_STOP_TIMEOUT_S = 15.0


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
        Whether every cycle has at least 99 % within 3 σ.
    median_error
        Median σ(x) of the last cycle.
    """

    log: Path
    references: Path
    outcome: Outcome
    pictures: dict[str, Path]
    rmse: float
    share_within: float
    agrees: bool
    median_error: float


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
    work = work_of(Options(references=references, gain=detector.variance_to_mean))
    records: list[Snapshot] = []
    keeper = Keeper(folder / "lithiation.h5", work, keep=records)
    acquisition = _acquire(cell, log, speed)
    ended = threading.Event()
    try:
        reader = _opened(log, acquisition)
        waiter = threading.Thread(target=_set_at_end, args=(acquisition, ended), daemon=True)
        waiter.start()
        source = FollowedLog(reader, str(log), ended)
        outcome = follow(source, work, keeper, has_window=has_window, tell=tell)
    finally:
        _end(acquisition)
    if acquisition.returncode not in {0, None} and not outcome.was_interrupted:
        msg = f"the acquisition ended with exit code {acquisition.returncode}; what it recorded is in {log}"
        raise OperandoError(msg)
    pictures = {} if outcome.last is None else write_pictures(outcome.last, folder, "lithiation")
    rmse, share_within, agrees = judge([agreement_of(snapshot, world) for snapshot in records])
    return Demo(log, references, outcome, pictures, rmse, share_within, agrees, _median_error(records))


def _acquire(cell: Cell, log: Path, speed: float | None) -> subprocess.Popen[bytes]:
    energies = ",".join(str(energy) for energy in cell.energies_ev)
    command = [
        *(sys.executable, "-m", "operando", "simulate", str(log)),
        *("--material", cell.material, "--seed", str(cell.seed), "--started", repr(cell.started_s)),
        *("--pixels", str(cell.pixels), "--cycles", str(cell.cycles), "--dwell-ms", str(cell.dwell_ms)),
        *("--energies", energies, "--elapsed", str(cell.elapsed_s)),
        *("--speed", "max" if speed is None else str(speed)),
    ]
    # A session of its own: Ctrl-C reaches the monitor, which then ends the acquisition properly.
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603


def _opened(log: Path, acquisition: subprocess.Popen[bytes]) -> LogReader:
    """Wait for the acquisition to make its log, and open it."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            return LogReader(log)
        except SourceUnreachable:
            if acquisition.poll() is not None:
                code = acquisition.returncode
                msg = f"the acquisition ended with exit code {code} before it recorded anything"
                raise OperandoError(msg) from None
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)


def _set_at_end(acquisition: subprocess.Popen[bytes], ended: threading.Event) -> None:
    acquisition.wait()
    ended.set()


def _end(acquisition: subprocess.Popen[bytes]) -> None:
    """See to it that the acquisition has ended: it aborts its plan and closes the shutter."""
    if acquisition.poll() is None:
        acquisition.terminate()
    try:
        acquisition.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        acquisition.kill()
        acquisition.wait()


def _median_error(records: list[Snapshot]) -> float:
    newest = records[-1].map if records else None
    if newest is None or not newest.valid.any():
        return float("nan")
    return float(np.median(newest.lithium_error[newest.valid]))
