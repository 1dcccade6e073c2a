"""The results of one run in one NeXus HDF5 file, which viewers open on the lithium map.

Flushed after every cycle, so that a kill leaves all finished cycles readable. Nothing in it
depends on when it was written: two runs over the same log give equal content.

An existing file is continued if it holds the same run, scan, references and process, as when a
monitor is started again; anything else there is refused, never overwritten.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import h5py
import numpy as np

from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.hdf5 import array_at, dataset_at, group_at, scalar_at, text_at
from operando.io.results_layout import CURVES, FORMAT, QUANTITIES, create
from operando.types import Curve, LithiationMap, PhaseSpectra, Reason, ScanGrid, ScanPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from operando.types import FloatArray, MaskArray

__all__ = ["Results", "ResultsWriter", "map_of", "read_results", "write_curve_csv"]


@dataclass(frozen=True, slots=True)
class Results:
    """A results file, read whole.

    The arrays are those of `LithiationMap` with the cycle as first index.

    Attributes
    ----------
    plan, phases
        The scan and the references.
    process
        The settings as they were given to the writer.
    curve
        Mean lithium content against time.
    cycle, time_s
        Which cycles, and the time each map speaks for, shape (cycle,).
    lithium, lithium_error, thickness, thickness_error, background, background_slope, chi2, r_factor
        Shape (cycle, ny, nx).
    fraction, fraction_error
        Shape (cycle, phase, ny, nx).
    energies_used, reason
        Shape (cycle, ny, nx).
    frame_age_s, i0
        Shape (cycle, energy).
    is_provisional
        Shape (cycle,).
    """

    plan: ScanPlan
    phases: PhaseSpectra
    process: dict[str, str | float | int]
    curve: Curve
    cycle: NDArray[np.int64]
    time_s: FloatArray
    lithium: FloatArray
    lithium_error: FloatArray
    fraction: FloatArray
    fraction_error: FloatArray
    thickness: FloatArray
    thickness_error: FloatArray
    background: FloatArray
    background_slope: FloatArray
    chi2: FloatArray
    r_factor: FloatArray
    energies_used: NDArray[np.uint16]
    frame_age_s: FloatArray
    reason: NDArray[np.uint8]
    is_provisional: MaskArray
    i0: FloatArray

    @property
    def valid(self) -> MaskArray:
        """Where the lithium content is determined, shape (cycle, ny, nx)."""
        return self.reason == Reason.DETERMINED

    @property
    def x_um(self) -> FloatArray:
        """Pixel centres along a row, shape (nx,)."""
        return self.plan.grid.x_um

    @property
    def y_um(self) -> FloatArray:
        """Pixel centres from row to row, shape (ny,)."""
        return self.plan.grid.y_um

    @property
    def energies_ev(self) -> FloatArray:
        """Photon energies, shape (energy,)."""
        return self.plan.energies_ev

    @property
    def phase_names(self) -> tuple[str, ...]:
        """One per phase."""
        return self.phases.names

    @property
    def phase_lithium(self) -> FloatArray:
        """Lithium content of each pure phase, shape (phase,)."""
        return self.phases.lithium


def map_of(results: Results, index: int) -> LithiationMap:
    """Return the map at place `index` of the series."""
    values = {field.name: getattr(results, field.name)[index] for field in fields(LithiationMap)}
    values["cycle"] = int(values["cycle"])
    values["time_s"] = float(values["time_s"])
    values["is_provisional"] = bool(values["is_provisional"])
    return LithiationMap(**values)


class ResultsWriter:
    """Write the results of one run, cycle by cycle.

    Parameters
    ----------
    path
        The file; made if it does not exist.
    plan, phases
        The scan and the references.
    process
        What else the results depend on: versions, settings, hash of the references, I0 mode.

    Raises
    ------
    ConfigurationError
        If the file exists and holds other results.
    SourceUnreachable
        If the file cannot be made.
    DamagedFileError
        If the file exists and is no results file.
    """

    def __init__(
        self, path: str | Path, plan: ScanPlan, phases: PhaseSpectra, process: Mapping[str, str | float | int]
    ) -> None:
        self._path = Path(path)
        self._shift_px = np.full((plan.energies_ev.size, 2), np.nan)
        if self._path.exists():
            _check_same(self._path, plan, phases, process)
        try:
            self._file = h5py.File(self._path, "a")
        except OSError as error:
            message = f"{self._path} cannot be written ({error}): choose another file, or close its readers"
            raise SourceUnreachable(message) from error
        _hold_back(self._file)
        if "entry" not in self._file:
            create(self._file, plan, phases, process)
            self._file.flush()

    def write(self, lithiation: LithiationMap, i0: FloatArray, curve: Curve) -> None:
        """Add a completed cycle, or replace it if it is there already, and flush.

        Parameters
        ----------
        lithiation
            Its map.
        i0
            Incident counts used for each energy, shape (energy,).
        curve
            The whole curve so far.

        Raises
        ------
        ValueError
            If a cycle comes after a later one and was not written before.
        """
        entry = group_at(self._file, "entry")
        cycles = array_at(entry, "lithiation/cycle")
        row = int(np.searchsorted(cycles, lithiation.cycle))
        if row < cycles.size and cycles[row] != lithiation.cycle:
            message = (
                f"cycle {lithiation.cycle} came after cycle {cycles[-1]}; cycles are written in order of time"
            )
            raise ValueError(message)
        others = {"i0": i0, "shift_px": self._shift_px}
        for quantity in QUANTITIES:
            dataset = dataset_at(entry, quantity.place)
            if len(dataset) <= row:
                dataset.resize(row + 1, axis=0)
            dataset[row] = (
                others[quantity.name] if quantity.name in others else getattr(lithiation, quantity.name)
            )
        for name in CURVES:
            dataset = dataset_at(entry, f"curves/{name}")
            dataset.resize(curve.cycle.size, axis=0)
            dataset[:] = getattr(curve, "lithium_error" if name == "lithium_errors" else name)
        self._file.flush()

    def close(self) -> None:
        """Release the file; closing twice does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read_results(path: str | Path) -> Results:
    """Return what the file at `path` holds; of a killed writer's file, all finished cycles.

    Raises
    ------
    SourceUnreachable
        If there is no such file.
    DamagedFileError
        If it is not a results file.
    """
    path = Path(path)
    if not path.is_file():
        message = f"there is no results file at {path}: check the name"
        raise SourceUnreachable(message)
    try:
        with h5py.File(path, "r") as file:
            creator = file.attrs.get("creator")
            if creator != FORMAT:
                message = f"{path} is an HDF5 file by {creator!r}; expected {FORMAT!r}: choose a results file"
                raise DamagedFileError(message)
            return _read(group_at(file, "entry"))
    except DamagedFileError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        message = f"{path} is damaged or is not a results file: {error}"
        raise DamagedFileError(message) from error


def write_curve_csv(path: str | Path, curve: Curve) -> None:
    """Write the curve as comma-separated text; the first line names the columns with their units."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            ["cycle", "time (s since 1970-01-01 UTC)", "mean lithium content x", "sigma of x", "pixels"]
        )
        for row in zip(
            curve.cycle, curve.time_s, curve.lithium, curve.lithium_error, curve.pixels, strict=True
        ):
            table.writerow([value.item() for value in row])


def _hold_back(file: h5py.File) -> None:
    """Let HDF5 write its own structures at a flush only.

    Otherwise it may write some of them whenever its cache is full, and a kill in that moment
    leaves a file that nobody can open.
    """
    config = file.id.get_mdc_config()
    config.evictions_enabled = False
    config.incr_mode = 0
    config.flash_incr_mode = 0
    config.decr_mode = 0
    file.id.set_mdc_config(config)


def _check_same(
    path: Path, plan: ScanPlan, phases: PhaseSpectra, process: Mapping[str, str | float | int]
) -> None:
    there = read_results(path)
    differences = [
        name
        for name, is_same in (
            ("run", there.plan.run == plan.run),
            ("scan", _equal(there.plan.grid, plan.grid) and _same(there.energies_ev, plan.energies_ev)),
            ("references", _equal(there.phases, phases)),
            ("process", there.process == {key.replace("/", "."): value for key, value in process.items()}),
        )
        if not is_same
    ]
    if differences:
        message = (
            f"{path} holds results of another {' and '.join(differences)} (run {there.plan.run}): "
            "choose another file, or move that one away"
        )
        raise ConfigurationError(message)


def _equal(one: object, other: object) -> bool:
    """Whether two dataclasses of arrays hold the same."""
    return all(
        _same(getattr(one, field.name), getattr(other, field.name)) for field in fields(cast("Any", one))
    )


def _same(one: object, other: object) -> bool:
    is_number = isinstance(one, np.ndarray) and one.dtype.kind == "f"
    return bool(np.array_equal(cast("Any", one), cast("Any", other), equal_nan=is_number))


def _read(entry: h5py.Group) -> Results:
    cycle = array_at(entry, "lithiation/cycle")
    series: dict[str, Any] = {
        quantity.name: array_at(entry, quantity.place)[: cycle.size]
        for quantity in QUANTITIES
        if quantity.name not in ("valid", "shift_px")
    }
    series["is_provisional"] = series["is_provisional"].astype(bool)
    cycles = int(scalar_at(entry, "scan/cycles"))
    references = group_at(entry, "references")
    plan = ScanPlan(
        run=text_at(entry, "entry_identifier"),
        plan_name=text_at(entry, "scan/plan_name"),
        sample=text_at(entry, "sample/name"),
        grid=ScanGrid(x_um=array_at(entry, "lithiation/x_um"), y_um=array_at(entry, "lithiation/y_um")),
        energies_ev=array_at(entry, "scan/energy_ev"),
        dwell_ms=array_at(entry, "scan/dwell_ms"),
        cycles=None if cycles < 0 else cycles,
        started_s=float(scalar_at(entry, "scan/started_s")),
    )
    phases = PhaseSpectra(
        names=tuple(str(name) for name in array_at(entry, "fractions/phase")),
        lithium=array_at(entry, "fractions/phase_lithium"),
        at_energies=array_at(references, "at_energies"),
        energy_ev=array_at(references, "energy_ev"),
        curves=array_at(references, "spectra").T,
        unit=str(references.attrs["unit"]),
        is_model=bool(references.attrs["is_model"]),
    )
    curve = Curve(
        cycle=array_at(entry, "curves/cycle"),
        time_s=array_at(entry, "curves/time_s"),
        lithium=array_at(entry, "curves/lithium"),
        lithium_error=array_at(entry, "curves/lithium_errors"),
        pixels=array_at(entry, "curves/pixels"),
    )
    settings = group_at(entry, "process/settings")
    process = {str(key): scalar_at(settings, str(key)) for key in settings}
    return Results(plan=plan, phases=phases, process=process, curve=curve, **series)
