"""The results of one run in one NeXus HDF5 file, which viewers open on the lithium map."""

from __future__ import annotations

import csv
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from operando.errors import DamagedFileError, OperandoError, SourceUnreachable
from operando.io.atomic import recover
from operando.io.hdf5 import FOREIGN_ERRORS, array_at, group_at, scalar_at, text_at
from operando.io.results_layout import FORMAT, MOMENTARY, QUANTITIES, SINCE_1, Quantity
from operando.io.results_regions import NOTHING_MARKED, Marked, read_regions
from operando.io.results_tables import TABLES, Table, read_table, read_tables
from operando.types import Curve, Light, LithiationMap, PhaseSpectra, Reason, ScanGrid, ScanPlan, SeriesPart

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from numpy.typing import NDArray

    from operando.types import FloatArray, MaskArray

__all__ = [
    "Results",
    "Summary",
    "entry_of",
    "is_results",
    "map_of",
    "read_findings",
    "read_particles",
    "read_results",
    "read_summary",
    "summary_in",
    "write_curve_csv",
    "write_particles_csv",
]


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
    frame_age_s, i0, shift_quality
        Shape (cycle, energy).
    shift_px, shift_um
        What images were moved by, (y, x), shape (cycle, energy, 2); NaN where they were not registered.
    is_provisional
        Shape (cycle,).
    particle_labels, unexplained_place, cluster_labels
        Number of the particle, of the place that nothing explains, of the cluster of each pixel, 0 where
        there is none; shape (cycle, ny, nx).
    dose_mgy
        Shape (cycle, ny, nx); NaN where it is not known.
    tables
        What else the cycles have shown, by the names of `results_tables.TABLES`.
    marked
        What regions and masks said when they were last written.
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
    particle_labels: NDArray[np.int32]
    unexplained_place: NDArray[np.uint8]
    cluster_labels: NDArray[np.uint8]
    dose_mgy: NDArray[np.float32]
    tables: Mapping[str, Table]
    shift_px: FloatArray
    shift_um: FloatArray
    shift_quality: FloatArray
    marked: Marked = NOTHING_MARKED

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


@dataclass(frozen=True, slots=True)
class Summary:
    """What a results file says of a run as a whole.

    Attributes
    ----------
    plan, phases
        The scan and the references.
    cycles
        Which cycles it holds.
    curve
        Mean lithium content against time.
    """

    plan: ScanPlan
    phases: PhaseSpectra
    cycles: frozenset[int]
    curve: Curve


def map_of(results: Results, index: int) -> LithiationMap:
    """Return the map at place `index` of the series."""
    values = {field.name: getattr(results, field.name)[index] for field in fields(LithiationMap)}
    values["cycle"] = int(values["cycle"])
    values["time_s"] = float(values["time_s"])
    values["is_provisional"] = bool(values["is_provisional"])
    return LithiationMap(**values)


def read_results(path: str | Path) -> Results:
    """Return what the file at `path` holds; of a killed writer's file, all finished cycles.

    Raises
    ------
    SourceUnreachable
        If there is no such file.
    DamagedFileError
        If it is not a results file.
    """
    with entry_of(Path(path)) as entry:
        return _read(entry)


def read_summary(path: str | Path) -> Summary:
    """Return what the file at `path` says of its run, without the maps.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        As `read_results`.
    """
    with entry_of(Path(path)) as entry:
        return summary_in(entry)


def summary_in(entry: h5py.Group) -> Summary:
    """Return what an entry that is open says of its run."""
    cycles = frozenset[int](array_at(entry, "lithiation/cycle").tolist())
    return Summary(_plan(entry), _phases(entry), cycles, _curve(entry))


def is_results(path: Path) -> bool:
    """Return whether a file is one of ours with results, and not somebody's images in HDF5."""
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("creator") == FORMAT
    except OSError:
        return False


def read_findings(path: str | Path) -> Table:
    """Return what the file at `path` says was found, cycle by cycle, without the maps.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        As `read_results`.
    """
    with entry_of(Path(path)) as entry:
        return read_table(entry, "findings")


def read_particles(path: str | Path) -> Table:
    """Return what the file at `path` says of the particles, cycle by cycle, without the maps.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        As `read_results`.
    """
    with entry_of(Path(path)) as entry:
        return read_table(entry, "particles")


@contextmanager
def entry_of(path: Path) -> Generator[h5py.Group]:
    """Open the results file at `path` to be read.

    Raises
    ------
    SourceUnreachable
        If there is no such file.
    DamagedFileError
        If it is not a results file, or what is read of it is not there.
    """
    if not path.is_file():
        message = f"there is no results file at {path}: check the name"
        raise SourceUnreachable(message)
    with suppress(OSError):  # it may lie where nobody can write
        recover(path)
    try:
        with h5py.File(path, "r") as file:
            creator = file.attrs.get("creator")
            if creator != FORMAT:
                message = f"{path} is an HDF5 file by {creator!r}; expected {FORMAT!r}: choose a results file"
                raise DamagedFileError(message)
            yield group_at(file, "entry")
    except OperandoError:
        raise
    except FOREIGN_ERRORS as error:
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


def write_particles_csv(path: str | Path, table: Table) -> None:
    """Write the particles of all cycles as comma-separated text, one row a particle and cycle."""
    columns = table.columns
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow([f"{one.name} ({one.unit})" if one.unit else one.name for one in TABLES["particles"]])
        for row in zip(*(columns[one.name].tolist() for one in TABLES["particles"]), strict=True):
            sheet.writerow(row)


def _read(entry: h5py.Group) -> Results:
    cycle = array_at(entry, "lithiation/cycle")
    series: dict[str, Any] = {
        quantity.name: _series_at(entry, quantity, cycle.size)
        for quantity in QUANTITIES
        if quantity.name not in MOMENTARY
    }
    series["is_provisional"] = series["is_provisional"].astype(bool)
    settings = group_at(entry, "process/settings")
    process = {str(key): scalar_at(settings, str(key)) for key in settings}
    return Results(
        plan=_plan(entry),
        phases=_phases(entry),
        process=process,
        curve=_curve(entry),
        tables=read_tables(entry),
        marked=read_regions(entry),
        **series,
    )


def _series_at(entry: h5py.Group, quantity: Quantity, cycles: int) -> NDArray[Any]:
    """Return a quantity of all cycles; as unknown where the file is older than it."""
    if quantity.name not in SINCE_1 or quantity.place in entry:
        return array_at(entry, quantity.place)[:cycles]
    rows, columns = array_at(entry, "fit/reason").shape[1:]
    sizes = {"energy": array_at(entry, "scan/energy_ev").size, "pair": 2, "y": rows, "x": columns}
    shape = (cycles, *(sizes[dim] for dim in quantity.dims))
    return np.full(shape, np.nan if "f" in quantity.dtype else 0, dtype=quantity.dtype)


def _plan(entry: h5py.Group) -> ScanPlan:
    cycles = int(scalar_at(entry, "scan/cycles"))
    return ScanPlan(
        run=text_at(entry, "entry_identifier"),
        plan_name=text_at(entry, "scan/plan_name"),
        sample=text_at(entry, "sample/name"),
        grid=ScanGrid(x_um=array_at(entry, "lithiation/x_um"), y_um=array_at(entry, "lithiation/y_um")),
        energies_ev=array_at(entry, "scan/energy_ev"),
        dwell_ms=array_at(entry, "scan/dwell_ms"),
        cycles=None if cycles < 0 else cycles,
        started_s=float(scalar_at(entry, "scan/started_s")),
        part=_part(entry),
        light=Light(text_at(entry, "scan/light")) if "scan/light" in entry else Light.AS_TOLD,
    )


def _part(entry: h5py.Group) -> SeriesPart:
    """Return the part of a series; of a file from before there were any, of none."""
    if "scan/role" not in entry:
        return SeriesPart()
    return SeriesPart(*(text_at(entry, f"scan/{name}") for name in ("series", "region", "role")))


def _phases(entry: h5py.Group) -> PhaseSpectra:
    references = group_at(entry, "references")
    return PhaseSpectra(
        names=tuple(str(name) for name in array_at(entry, "fractions/phase")),
        lithium=array_at(entry, "fractions/phase_lithium"),
        at_energies=array_at(references, "at_energies"),
        energy_ev=array_at(references, "energy_ev"),
        curves=array_at(references, "spectra").T,
        unit=str(references.attrs["unit"]),
        is_model=bool(references.attrs["is_model"]),
        sigma=array_at(references, "sigma") if "sigma" in references else None,
    )


def _curve(entry: h5py.Group) -> Curve:
    return Curve(
        cycle=array_at(entry, "curves/cycle"),
        time_s=array_at(entry, "curves/time_s"),
        lithium=array_at(entry, "curves/lithium"),
        lithium_error=array_at(entry, "curves/lithium_errors"),
        pixels=array_at(entry, "curves/pixels"),
    )
