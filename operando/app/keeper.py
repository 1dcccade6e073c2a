"""Keeps the cycles of record of every run in results files, whatever happens to the disk."""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from operando import __version__
from operando.app.fingerprint import fingerprint
from operando.app.study_options import study_process
from operando.core.track import RegistrationRule
from operando.errors import ConfigurationError, OperandoError
from operando.io.frozen import Frozen, freeze, thaw
from operando.io.lock import WriterLock
from operando.io.results import read_results, read_summary
from operando.io.results_regions import marked_in
from operando.io.results_tables import StudyRecord, record_of
from operando.io.results_writer import ResultsWriter, run_in
from operando.live.monitor import Work
from operando.types import FloatArray, LithiationMap, Progress, Snapshot

__all__ = ["Keeper", "RunResult"]

_log = logging.getLogger(__name__)

_WHOLE_RUNS = 8
"""Runs whose last snapshot is kept, for the pictures at the end."""
_MAX_WAITING = 64
"""Cycles of a run that are kept in memory while its file cannot be written."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What has come of one run.

    Attributes
    ----------
    snapshot
        That of its last cycle of record; without images where these were let go.
    path
        Its results file; None if nothing could be written into it.
    """

    snapshot: Snapshot
    path: Path | None


@dataclass(slots=True)
class _Run:
    path: Path
    progress: Progress
    snapshot: Snapshot | None = None
    """Of its last cycle of record; None once it was let go."""
    waiting: dict[int, tuple[LithiationMap, FloatArray, StudyRecord]] = field(default_factory=dict)
    written: set[int] = field(default_factory=set[int])
    lost: frozenset[int] = frozenset()
    writer: ResultsWriter | None = None
    has_written: bool = False
    dropped: int = 0
    trouble: str = ""


@dataclass(slots=True)
class Keeper:
    """Write each cycle of record as it comes; called in the monitor's thread.

    What is wrong with a results file never reaches the fit: it is logged once and kept in
    `trouble`, the cycles wait in memory, and each further cycle tries again. From `prepare`, or the
    first cycle, to `finish` no other program can keep results in the same file.

    Attributes
    ----------
    path
        Results file of the first run; further runs get their uid in the name, and so does the first
        where the file holds another run.
    work
        What they are fitted with; its hash and settings go into the file.
    keep
        Also hand each snapshot of record on.
    records
        Number of cycles of record that came, each time one came.
    """

    path: Path
    work: Work
    keep: list[Snapshot] | None = None
    records: int = 0
    _runs: dict[str, _Run] = field(default_factory=dict[str, _Run])
    _lock: WriterLock | None = None

    def prepare(self, runs: Collection[str] = ()) -> None:
        """Check, before anything is fitted, that the results can be kept; make their folder.

        Parameters
        ----------
        runs
            The runs that will come, as far as they are known.

        Raises
        ------
        ConfigurationError
            The path is a folder, cannot be written, holds other results, or is written by another program.
        DamagedFileError
            It is a file of another kind.
        """
        if self.path.is_dir():
            msg = f"{self.path} is a folder; name the results file, such as {self.path / 'lithiation.h5'}"
            raise ConfigurationError(msg)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path.parent):
                pass  # that it can be made is all there is to know
        except OSError as error:
            msg = f"no results can be written to {self.path.parent} ({error}); choose another --output"
            raise ConfigurationError(msg) from error
        self._keep_others_out()
        try:
            self._check(runs)
        except OperandoError:
            self._let_others_in()
            raise

    def _check(self, runs: Collection[str]) -> None:
        """Raise if what is in the file cannot be continued."""
        if not self.path.exists():
            return
        there = read_results(self.path)
        process = dict(_process(self.work, there.plan.run))
        if there.process != process or (runs and there.plan.run not in runs):
            what = "other settings" if there.process != process else "another run"
            msg = (
                f"{self.path} holds results of {what} (run {there.plan.run}): "
                "choose another --output, or move that one away"
            )
            raise ConfigurationError(msg)
        if not os.access(self.path, os.W_OK):
            msg = f"{self.path} may only be read; choose another --output, or change its permissions"
            raise ConfigurationError(msg)

    def __call__(self, snapshot: Snapshot) -> str | None:
        """Write the map of a cycle and the curve so far; return why not, or None if it was written."""
        if snapshot.map is None:
            return None
        self.records += 1
        if self.keep is not None:
            self.keep.append(snapshot)
        run = self._run_of(snapshot)
        run.waiting[snapshot.map.cycle] = snapshot.map, snapshot.i0, record_of(snapshot)
        if len(run.waiting) > _MAX_WAITING:
            del run.waiting[min(run.waiting)]
            run.dropped += 1
        self._write(run)
        return self.trouble or None

    def finish(self, newest: Snapshot | None = None) -> None:
        """Try for the last time what could not be written, and leave the file to others.

        Parameters
        ----------
        newest
            What was shown last: regions that were drawn after the last cycle go into the file, too.
        """
        for run in self._runs.values():
            if run.waiting:
                self._write(run)
        if newest is not None:
            self._mark(newest)
        self._let_others_in()

    def _mark(self, newest: Snapshot) -> None:
        """Write what regions and masks say; without them the results are whole."""
        run = self._runs.get(newest.plan.run)
        if run is None or run.writer is None or run.waiting:
            return
        try:
            run.writer.mark(marked_in(newest))
        except OperandoError as error:
            _log.warning("the regions are not in the results: %s", error)

    @property
    def trouble(self) -> str:
        """Why cycles of record are not in their file, or "" if all are."""
        runs = [run for run in self._runs.values() if run.waiting or run.dropped or run.lost]
        missing = sum(len(run.waiting) + run.dropped + len(run.lost) for run in runs)
        reasons = dict.fromkeys(reason for run in runs for reason in (run.trouble, _loss_of(run)) if reason)
        return f"{missing} cycles could not be written: {'; '.join(reasons)}" if missing else ""

    @property
    def results(self) -> tuple[RunResult, ...]:
        """What has come of each run so far."""
        return tuple(result for run in self._runs.values() if (result := _result_of(run)) is not None)

    def kept(self) -> dict[str, Any] | None:
        """Return which cycles of which run are in which file; None while some are not where they belong."""
        if self.trouble:
            return None
        return {
            "runs": [
                {
                    "run": uid,
                    "file": run.path.name,
                    "cycles": sorted(run.written),
                    "progress": freeze(run.progress).plain,
                }
                for uid, run in self._runs.items()
            ]
        }

    def resume(self, kept: dict[str, Any]) -> str:
        """Take the files that an earlier process wrote as written; return what is missing, or ""."""
        runs: dict[str, _Run] = {}
        for entry in kept["runs"]:
            # Only the name: a results file is never looked for elsewhere than beside the first.
            path = self.path.with_name(Path(entry["file"]).name)
            written = set[int](entry["cycles"])
            try:
                there = read_summary(path)
            except OperandoError as error:
                return str(error)
            if there.plan.run != entry["run"] or not written <= there.cycles:
                return f"{path} no longer holds what was written into it"
            progress = thaw(Progress, Frozen(entry["progress"], []))
            runs[entry["run"]] = _Run(path, progress, None, written=written, has_written=True)
        self._runs = runs
        return ""

    def _run_of(self, snapshot: Snapshot) -> _Run:
        uid = snapshot.plan.run
        if uid not in self._runs:
            self._runs[uid] = _Run(self._path_for(uid), snapshot.progress)
        run = self._runs[uid]
        run.snapshot = snapshot if run.snapshot is None else _last_of(run.snapshot, snapshot)
        run.progress = snapshot.progress
        self._let_go()
        return run

    def _let_go(self) -> None:
        """Forget the images of all but the newest runs; their files have them."""
        whole = [run for run in self._runs.values() if run.snapshot is not None and not run.waiting]
        for run in whole[:-_WHOLE_RUNS]:
            run.snapshot = run.writer = None

    def _path_for(self, uid: str) -> Path:
        """Return the first name that is free, or holds the same run."""
        # A file name never comes from metadata as it is: only ASCII letters and digits of the uid.
        tag = "".join(letter for letter in uid if letter.isascii() and letter.isalnum())[:8]
        taken = {run.path for run in self._runs.values()}
        number = len(self._runs) + 1
        path = self.path if not taken else self.path.with_name(_numbered(self.path, number, tag))
        while path in taken or run_in(path) not in {None, uid}:
            number += 1
            following = self.path.with_name(_numbered(self.path, number, tag))
            _log.warning("%s holds another run: this one goes into %s", path, following)
            path = following
        return path

    def _keep_others_out(self) -> None:
        if self._lock is None:
            self._lock = WriterLock(self.path)

    def _let_others_in(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _write(self, run: _Run) -> None:
        """Write what waits; what cannot be written goes on waiting."""
        snapshot = run.snapshot
        if snapshot is None:
            return
        try:
            self._keep_others_out()
            if run.writer is None:
                process = _process(self.work, snapshot.plan.run)
                run.writer = ResultsWriter(run.path, snapshot.plan, snapshot.phases, process)
                run.written |= run.writer.cycles
            for cycle in sorted(run.waiting):
                lithiation, i0, studies = run.waiting[cycle]
                curve = run.writer.write(lithiation, i0, snapshot.curve, studies)
                run.snapshot = replace(snapshot, curve=curve)
                run.has_written = True
                run.written.add(cycle)
                del run.waiting[cycle]
        # OperandoError is one of OSError and ValueError; h5py raises both, RuntimeError, and over a
        # file that is laid out in another way also the others.
        except (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            run.writer = None
            if not run.trouble:
                _log.critical("results are not being written, the fit goes on: %s", error)
            run.trouble = str(error)
            return
        lost = frozenset(run.written - run.writer.cycles)
        if lost - run.lost:
            run.lost = lost
            _log.critical("%s", _loss_of(run))
        elif run.trouble and not run.dropped and not lost:
            _log.warning("%s is written again, with all its cycles", run.path)
        run.lost = lost
        run.trouble = run.trouble if run.dropped else ""


def _numbered(path: Path, number: int, tag: str) -> str:
    return f"{path.stem}-{number}-{tag}{path.suffix}"


def _loss_of(run: _Run) -> str:
    """Say which cycles were in the file once and no longer are, or "" if all still are."""
    cycles = ", ".join(map(str, sorted(run.lost)))
    return (
        f"{run.path} was removed or replaced while it was written and no longer holds cycle {cycles}: "
        "fit the run anew from its log"
        if cycles
        else ""
    )


def _result_of(run: _Run) -> RunResult | None:
    """Return what has come of a run, from its file where nothing else is left."""
    path = run.path if run.has_written else None
    if run.snapshot is not None:
        return RunResult(run.snapshot, path)
    try:
        there = read_summary(run.path)
    except OperandoError as error:
        _log.warning("%s", error)
        return None
    shape = there.plan.stack_shape
    unknown = np.broadcast_to(np.nan, shape)
    snapshot = Snapshot(
        plan=there.plan,
        progress=run.progress,
        map=None,
        frame=None,
        od=unknown,
        od_error=unknown,
        row_time_s=unknown[:, :, 0],
        i0=unknown[:, 0, 0],
        i0_mode="",
        blank=np.broadcast_to(np.False_, shape[1:]),
        phases=there.phases,
        curve=there.curve,
    )
    return RunResult(snapshot, path)


def _last_of(known: Snapshot, fresh: Snapshot) -> Snapshot:
    """Return the snapshot of the later cycle, knowing what the fresh one knows of the run."""
    if known.map is None or fresh.map is None or fresh.map.cycle >= known.map.cycle:
        return fresh
    return replace(known, curve=fresh.curve, progress=fresh.progress, delivery=fresh.delivery)


def _registration(rule: RegistrationRule) -> Mapping[str, str | float]:
    noted: dict[str, str | float] = {"registration": rule.mode.value}
    if rule.cap_px is not None:
        noted["registration_cap_px"] = rule.cap_px
    if rule.manual:
        shifts = (f"{cycle} {energy} {y!r} {x!r}" for (cycle, energy), (y, x) in sorted(rule.manual.items()))
        noted["registration_manual"] = "; ".join(shifts)
    return noted


def _process(work: Work, run: str) -> Mapping[str, str | float | int]:
    """Return what must be known to do the fit again."""
    detector, limits = work.recipe.detector, work.recipe.limits
    return {
        "program": "operando",
        "version": __version__,
        "run": run,
        "i0_mode": work.recipe.incident.mode.value,
        "i0_scale": work.recipe.incident.scale,
        "i0_error": work.recipe.incident.error,
        "background": work.recipe.background.name.lower(),
        "estimator": work.recipe.estimator.value,
        **_registration(work.recipe.registration),
        "detector_gain": "auto" if math.isnan(detector.gain) else detector.gain,
        "detector_dark_counts": detector.dark_counts,
        "detector_saturation_counts": detector.saturation_counts,
        "min_thickness": limits.min_thickness,
        "min_significance": limits.min_significance,
        "max_od": limits.max_od,
        **study_process(work.studies),
        "references_sha256": fingerprint(work.library),
        "references": "; ".join(f"{phase.name}: {phase.source}" for phase in work.library.phases),
        "formula": work.library.formula,
        "energy_offset_ev": work.library.energy_offset_ev,
    }
