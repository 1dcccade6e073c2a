"""Writes the results file of one run, cycle by cycle.

Written and closed again with every cycle, so that a kill or a full disk leaves all finished cycles
readable. Nothing in it depends on when it was written: two runs over the same log give equal content.

An existing file is continued if it holds the same run, scan, references and process, as when a
monitor is started again; anything else there is refused, never overwritten.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import h5py
import numpy as np

from operando.errors import ConfigurationError, DamagedFileError, OperandoError, SourceUnreachable
from operando.io.atomic import PagedFile, changed_whole, recover, replacement
from operando.io.hdf5 import FOREIGN_ERRORS, array_at, dataset_at, group_at, text_at
from operando.io.results import Results, read_results
from operando.io.results_layout import BESIDE_THE_MAP, CURVES, FORMAT, QUANTITIES, image_of_empty
from operando.io.results_regions import Marked, holds_regions, put_regions
from operando.io.results_tables import NO_STUDIES, StudyRecord, holds_rows, put_rows
from operando.types import Curve

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from operando.types import FloatArray, LithiationMap, PhaseSpectra, ScanPlan

__all__ = ["ResultsWriter", "run_in"]

_log = logging.getLogger(__name__)

_FIELD_OF = {"lithium_errors": "lithium_error"}
"""What `Curve` calls a dataset of another name."""


class ResultsWriter:
    """Write the results of one run, cycle by cycle.

    The file is open only while a cycle is written. HDF5 cannot bear a kill or a full disk while it
    writes: the file is lost, and sometimes the process. So HDF5 writes into memory, and what it
    changed goes into the file whole (`operando.io.atomic`). A new last cycle goes into the file itself,
    where it touches no other; anything else is done to a copy, which then takes the file's place. A
    cycle that is there already, with the same bytes, is not written again.

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
        self._energies = plan.energies_ev.size
        self._shape = plan.grid.shape
        self._run = plan.run
        with _understood(self._path):
            recover(self._path)
            if self._path.exists():
                there = read_results(self._path)
                _check_same(self._path, there, plan, phases, process)
                self._cycles = frozenset(there.cycle.tolist())
                return
            with replacement(self._path) as part:
                part.write_bytes(image_of_empty(plan, phases, process))
            self._cycles = frozenset[int]()

    @property
    def cycles(self) -> frozenset[int]:
        """The cycles in the file when it was last opened or written."""
        return self._cycles

    def write(
        self, lithiation: LithiationMap, i0: FloatArray, curve: Curve, studies: StudyRecord = NO_STUDIES
    ) -> Curve:
        """Put a cycle in its place by its number, or replace it if it is there already.

        Which cycles are there is asked of the file each time, for it may be another one by now.

        Parameters
        ----------
        lithiation
            Its map.
        i0
            Incident counts used for each energy, shape (energy,).
        curve
            The curve as far as this program has fitted it.
        studies
            What else the cycle has shown.

        Returns
        -------
        Curve
            That of the file: `curve`, and what the file already said of other cycles that it holds.

        Raises
        ------
        ConfigurationError
            If the energies, the pixels or the run are not those of the file.
        SourceUnreachable
            If the disk is full or the file cannot be written; the cycles in it stay readable.
        DamagedFileError
            If there is now something else than a results file.
        """
        energies, shape = lithiation.frame_age_s.size, lithiation.lithium.shape
        if (energies, i0.size, shape) != (self._energies, self._energies, self._shape):
            message = (
                f"cycle {lithiation.cycle} has {energies} energies and {shape} pixels, but {self._path} was "
                f"begun with {self._energies} and {self._shape}: fit the run anew into another file"
            )
            raise ConfigurationError(message)
        series = {
            quantity.place: getattr(lithiation, quantity.name)
            for quantity in QUANTITIES
            if quantity.name not in BESIDE_THE_MAP
        }
        series["fit/i0"] = i0
        ny, nx = self._shape
        sizes: dict[str, int] = {"energy": self._energies, "y": ny, "x": nx}
        for quantity in QUANTITIES:
            if quantity.name in BESIDE_THE_MAP and quantity.name != "i0":
                shape = tuple(sizes[dim] for dim in quantity.dims)
                unknown = np.full(shape, np.nan if "f" in quantity.dtype else 0, quantity.dtype)
                series[quantity.place] = studies.images.get(quantity.name, unknown)
        with _understood(self._path):
            there, stored = _contents(self._path, self._run)
            merged = _merged(curve, stored, there)
            if not there or lithiation.cycle > max(there):
                try:
                    with changed_whole(self._path) as file:
                        _put(file, lithiation.cycle, series, merged, studies)
                except BlockingIOError:
                    # A viewer has the file open and keeps it as it is; the next one sees the new.
                    self._put_into_copy(lithiation.cycle, series, merged, studies)
            elif lithiation.cycle not in there or not _holds(
                self._path, lithiation.cycle, series, merged, studies
            ):
                self._put_into_copy(lithiation.cycle, series, merged, studies)
        self._cycles = frozenset((*there, lithiation.cycle))
        return merged

    def mark(self, marked: Marked) -> None:
        """Put what regions and masks say in place of what the file says of them.

        Raises
        ------
        SourceUnreachable, DamagedFileError
            As `write`.
        """
        with _understood(self._path):
            with h5py.File(self._path, "r") as file:
                if holds_regions(group_at(file, "entry"), marked):
                    return
            with replacement(self._path) as part:
                shutil.copyfile(self._path, part)
                with changed_whole(part) as file, h5py.File(file, "r+") as whole:
                    put_regions(group_at(whole, "entry"), marked)

    def _put_into_copy(self, cycle: int, series: dict[str, Any], curve: Curve, studies: StudyRecord) -> None:
        with replacement(self._path) as part:
            shutil.copyfile(self._path, part)
            with changed_whole(part) as file:
                _put(file, cycle, series, curve, studies)


def run_in(path: Path) -> str | None:
    """Return the run whose results `path` holds; None if it is no results file."""
    try:
        recover(path)
        with h5py.File(path, "r") as file:
            is_ours = file.attrs.get("creator") == FORMAT
            return text_at(group_at(file, "entry"), "entry_identifier") if is_ours else None
    except FOREIGN_ERRORS:
        return None


def _contents(path: Path, run: str) -> tuple[list[int], Curve]:
    """Return the cycles and the curve of the results file at `path`."""
    with h5py.File(path, "r") as file:
        entry = group_at(file, "entry")
        found = text_at(entry, "entry_identifier")
        if found != run:
            message = f"{path} now holds results of another run ({found}): move it away"
            raise ConfigurationError(message)
        curve = Curve(
            cycle=array_at(entry, "curves/cycle"),
            time_s=array_at(entry, "curves/time_s"),
            lithium=array_at(entry, "curves/lithium"),
            lithium_error=array_at(entry, "curves/lithium_errors"),
            pixels=array_at(entry, "curves/pixels"),
        )
        return array_at(entry, "lithiation/cycle").tolist(), curve


def _merged(fresh: Curve, stored: Curve, cycles: list[int]) -> Curve:
    """Return the fresh curve with the rows stored for `cycles` that it does not have."""
    is_kept = np.isin(stored.cycle, cycles) & ~np.isin(stored.cycle, fresh.cycle)
    order = np.argsort(np.concatenate([stored.cycle[is_kept], fresh.cycle]), kind="stable")

    def both(name: str) -> Any:  # noqa: ANN401 - an array of whatever kind the field has
        old, new = getattr(stored, name), getattr(fresh, name)
        return np.concatenate([old[is_kept].astype(new.dtype), new])[order]

    return Curve(*(both(field.name) for field in fields(Curve)))


def _put(file: PagedFile, cycle: int, series: dict[str, Any], curve: Curve, studies: StudyRecord) -> None:
    """Write a cycle in front of those with a higher number, or in its own stead."""
    with h5py.File(file, "r+") as whole:
        entry = group_at(whole, "entry")
        put_rows(entry, cycle, studies.rows)
        put_regions(entry, studies.marked)
        row = _row_of(entry, cycle)
        is_there = dataset_at(entry, "lithiation/cycle")[row : row + 1].tolist() == [cycle]
        for quantity in QUANTITIES:
            dataset = dataset_at(entry, quantity.place)
            if not is_there:
                behind = dataset[row:]
                dataset.resize(len(dataset) + 1, axis=0)
                if len(behind):
                    dataset[row + 1 :] = behind
            dataset[row] = series[quantity.place]
        for name in CURVES:
            dataset = dataset_at(entry, f"curves/{name}")
            dataset.resize(curve.cycle.size, axis=0)
            dataset[:] = getattr(curve, _FIELD_OF.get(name, name))


def _holds(path: Path, cycle: int, series: dict[str, Any], curve: Curve, studies: StudyRecord) -> bool:
    """Return whether the file holds just this already, as after a restart."""
    with h5py.File(path, "r") as file:
        entry = group_at(file, "entry")
        row = _row_of(entry, cycle)
        return (
            all(
                _same_bytes(dataset_at(entry, quantity.place)[row], series[quantity.place])
                for quantity in QUANTITIES
            )
            and all(
                _same_bytes(array_at(entry, f"curves/{name}"), getattr(curve, _FIELD_OF.get(name, name)))
                for name in CURVES
            )
            and holds_rows(entry, cycle, studies.rows)
            and holds_regions(entry, studies.marked)
        )


def _same_bytes(stored: object, fresh: object) -> bool:
    """Whether the file would have the same bytes for both; NaN equals NaN."""
    here = np.asarray(stored)
    return here.tobytes() == np.asarray(fresh).astype(here.dtype).tobytes()


def _row_of(entry: h5py.Group, cycle: int) -> int:
    return int(np.searchsorted(array_at(entry, "lithiation/cycle"), cycle))


@contextmanager
def _understood(path: Path) -> Generator[None]:
    """Turn what disk and HDF5 say into one sentence."""
    try:
        yield
    except OperandoError:
        raise
    # h5py turns a failed flush into a RuntimeError.
    except (OSError, RuntimeError) as error:
        message = f"{path} cannot be written ({error}): make room, or choose another file"
        raise SourceUnreachable(message) from error
    except FOREIGN_ERRORS as error:
        message = f"{path} is damaged or is not a results file ({error}): move it away, or choose another"
        raise DamagedFileError(message) from error


def _check_same(
    path: Path,
    there: Results,
    plan: ScanPlan,
    phases: PhaseSpectra,
    process: Mapping[str, str | float | int],
) -> None:
    differences = [
        name
        for name, is_same in (
            ("another run", there.plan.run == plan.run),
            (
                "another scan",
                _equal(there.plan.grid, plan.grid) and _same(there.energies_ev, plan.energies_ev),
            ),
            ("other references", _equal(there.phases, phases)),
            (
                "other settings",
                there.process == {key.replace("/", "."): value for key, value in process.items()},
            ),
        )
        if not is_same
    ]
    if differences:
        message = (
            f"{path} holds results of {' and '.join(differences)} (run {there.plan.run}): "
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
