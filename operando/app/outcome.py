"""What a monitor left behind: results file, curve, pictures; and what it says at the end."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from operando import __version__
from operando.core.references import Library
from operando.errors import ConfigurationError, OperandoError
from operando.io.results import write_curve_csv
from operando.io.results_writer import ResultsWriter
from operando.live.monitor import Work
from operando.types import Snapshot

__all__ = ["Keeper", "Outcome", "figures_of", "write_pictures"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one monitor has done.

    Attributes
    ----------
    last
        The newest snapshot, or None if no run could be fitted.
    records
        Number of cycles of record written.
    results
        Results files, one a run.
    failure
        What ended the monitor before its time, or None.
    refusals
        Why runs were not fitted.
    was_interrupted
        True if the user ended it.
    """

    last: Snapshot | None
    records: int
    results: tuple[Path, ...]
    failure: Exception | None
    refusals: tuple[OperandoError, ...] = ()
    was_interrupted: bool = False


@dataclass(slots=True)
class Keeper:
    """Write each cycle of record as it comes; called in the monitor's thread.

    Attributes
    ----------
    path
        Results file of the first run; further runs get their uid in the name.
    work
        What they are fitted with; its hash and settings go into the file.
    keep
        Also hand each snapshot of record on.
    """

    path: Path
    work: Work
    keep: list[Snapshot] | None = None
    records: int = 0
    _writers: dict[str, tuple[Path, ResultsWriter]] = field(default_factory=dict)

    def __call__(self, snapshot: Snapshot) -> None:
        """Write the map of a cycle and the curve so far."""
        if snapshot.map is None:
            return
        _, writer = self._writer(snapshot)
        writer.write(snapshot.map, snapshot.i0, snapshot.curve)
        self.records += 1
        if self.keep is not None:
            self.keep.append(snapshot)

    @property
    def results(self) -> tuple[Path, ...]:
        """The files written so far."""
        return tuple(path for path, _ in self._writers.values())

    def _writer(self, snapshot: Snapshot) -> tuple[Path, ResultsWriter]:
        run = snapshot.plan.run
        if run not in self._writers:
            path = self.path
            if self._writers:
                # A file name never comes from metadata as it is: only letters and digits of the uid.
                tag = "".join(letter for letter in run if letter.isalnum())[:8]
                path = path.with_name(f"{path.stem}-{len(self._writers) + 1}-{tag}{path.suffix}")
            process = _process(self.work, snapshot)
            self._writers[run] = (path, ResultsWriter(path, snapshot.plan, snapshot.phases, process))
        return self._writers[run]


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
    if _draw_dashboard(snapshot, dashboard):
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


def figures_of(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return the figures that sum a snapshot up, as words."""
    figures = [
        ("cycles and lines seen", f"{snapshot.curve.cycle.size} and {snapshot.progress.lines_seen}"),
        ("documents read / lost / rejected", _delivery(snapshot)),
    ]
    newest = snapshot.map
    if newest is not None and newest.valid.any():
        figures += [
            ("valid pixels", f"{int(newest.valid.sum())} of {newest.valid.size}"),
            ("median σ(x)", f"{float(np.median(newest.lithium_error[newest.valid])):.3f}"),
        ]
        chi2 = newest.chi2[newest.valid]
        if np.isfinite(chi2).any():
            figures.append(("median χ² per degree of freedom", f"{float(np.nanmedian(chi2)):.2f}"))
    if snapshot.curve.cycle.size:
        figures.append(
            (
                "mean x of the last cycle",
                f"{snapshot.curve.lithium[-1]:.4f} ± {snapshot.curve.lithium_error[-1]:.4f}",
            )
        )
    return figures


def _delivery(snapshot: Snapshot) -> str:
    delivery = snapshot.delivery
    return f"{delivery.documents} / {delivery.lost} / {delivery.rejected}"


def _process(work: Work, snapshot: Snapshot) -> Mapping[str, str | float | int]:
    """Return what must be known to do the fit again."""
    detector, limits = work.recipe.detector, work.recipe.limits
    return {
        "program": "operando",
        "version": __version__,
        "run": snapshot.plan.run,
        "i0_mode": snapshot.i0_mode,
        "i0_scale": work.recipe.incident.scale,
        "background": work.recipe.background.name.lower(),
        "estimator": work.recipe.estimator.value,
        "detector_gain": "auto" if math.isnan(detector.gain) else detector.gain,
        "detector_dark_counts": detector.dark_counts,
        "detector_saturation_counts": detector.saturation_counts,
        "min_thickness": limits.min_thickness,
        "min_significance": limits.min_significance,
        "max_od": limits.max_od,
        "references_sha256": _fingerprint(work.library),
        "references": "; ".join(f"{phase.name}: {phase.source}" for phase in work.library.phases),
        "formula": work.library.formula,
        "energy_offset_ev": work.library.energy_offset_ev,
    }


def _fingerprint(library: Library) -> str:
    """Return a hash over all that the references say, whatever files they came from."""
    digest = hashlib.sha256()
    for phase in library.phases:
        digest.update(f"{phase.name}\0{phase.lithium!r}\0".encode())
        digest.update(phase.energy_ev.tobytes())
        digest.update(phase.value.tobytes())
    return digest.hexdigest()
