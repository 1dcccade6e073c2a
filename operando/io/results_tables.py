"""What the studies of a cycle are in a results file: tables of rows, and images beside the maps.

Every table has the number of the cycle in its first column and is sorted by it, so that a cycle recorded
anew takes the place of its own rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from operando.cell import Comparison
from operando.control import BeamEffect
from operando.io.hdf5 import array_at, dataset_at
from operando.io.results_regions import NOTHING_MARKED, Marked, marked_in
from operando.particles import ParticleResult
from operando.types import Finding, Snapshot

__all__ = [
    "NO_STUDIES",
    "NO_TABLES",
    "TABLES",
    "Column",
    "StudyRecord",
    "Table",
    "create_tables",
    "holds_rows",
    "put_rows",
    "read_table",
    "read_tables",
    "record_of",
]

_CHUNK = 64
_MOST_PLACES = 255
"""Numbers that a pixel of the image has room for; they are the most significant ones."""
_ONE_FRONT = ("position_um", "position_error_um", "width_um", "width_error_um")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name, dtype, unit, label
        As stored; text is UTF-8 of so many bytes at most.
    is_spectrum
        Whether each row has a value for every energy.
    """

    name: str
    dtype: str
    unit: str
    label: str
    is_spectrum: bool = False


_CYCLE = Column("cycle", "<i8", "", "cycle, from 0")
_SPECTRA = (
    Column("od", "<f8", "", "mean optical density", is_spectrum=True),
    Column("od_errors", "<f8", "", "standard deviation of the mean", is_spectrum=True),
)

TABLES: Mapping[str, tuple[Column, ...]] = {
    "findings": (
        _CYCLE,
        Column("code", "S64", "", "short name"),
        Column("severity", "S16", "", "info, warning or alarm"),
        Column("message", "S1000", "", "what was found"),
        Column("advice", "S500", "", "what to do"),
    ),
    "particles": (
        _CYCLE,
        Column("number", "<i8", "", "lasting number"),
        Column("time_s", "<f8", "s", "time since 1970 (s)"),
        Column("pixels", "<i8", "", "pixels"),
        Column("y_um", "<f8", "um", "middle, y (µm)"),
        Column("x_um", "<f8", "um", "middle, x (µm)"),
        Column("area_um2", "<f8", "um2", "area (µm²)"),
        Column("lithium", "<f8", "", "lithium content x"),
        Column("lithium_errors", "<f8", "", "standard deviation of x"),
        Column("thickness", "<f8", "", "mean amount of material"),
        Column("active", "<f8", "", "share between the end phases"),
        Column("active_errors", "<f8", "", "standard deviation of the share"),
        Column("rate_per_h", "<f8", "1/h", "dx/dt (1/h)"),
        Column("rate_errors_per_h", "<f8", "1/h", "standard deviation of dx/dt"),
        Column("character", "S16", "", "how it reacts"),
        Column("front_um", "<f8", "um", "position of the front (µm)"),
        Column("front_errors_um", "<f8", "um", "standard deviation of the position"),
        Column("front_width_um", "<f8", "um", "width of the front (µm)"),
        Column("front_width_errors_um", "<f8", "um", "standard deviation of the width"),
        Column("front_um_per_h", "<f8", "um/h", "velocity of the front (µm/h)"),
        Column("front_errors_um_per_h", "<f8", "um/h", "standard deviation of the velocity"),
        Column("is_cut", "|u1", "", "1 where the edge of the field cuts it off"),
    ),
    "unexplained": (
        _CYCLE,
        Column("number", "<i8", "", "place, as in the image"),
        Column("pixels", "<i8", "", "pixels"),
        Column("share", "<f8", "", "share of the pixels with material"),
        Column("significance", "<f8", "", "standard deviations of noise"),
        *_SPECTRA,
        Column("residual", "<f8", "", "what no mixture gives", is_spectrum=True),
    ),
    "clusters": (
        _CYCLE,
        Column("number", "<i8", "", "cluster, as in the image"),
        Column("pixels", "<i8", "", "pixels"),
        *_SPECTRA,
    ),
    "dose": (
        _CYCLE,
        Column("field_mgy", "<f8", "MGy", "median dose of the material (MGy)"),
        Column("limit_mgy", "<f8", "MGy", "what the profile allows (MGy)"),
    ),
    "cell": (
        _CYCLE,
        Column("time_s", "<f8", "s", "time since 1970 (s)"),
        Column("voltage_v", "<f8", "V", "voltage (V)"),
        Column("current_ma", "<f8", "mA", "current (mA), positive while lithium leaves the host"),
        Column("charge_mah", "<f8", "mAh", "charge (mAh), likewise"),
        Column("expected_lithium", "<f8", "", "x that the charge makes expect"),
    ),
    "charge": (
        _CYCLE,
        *(
            Column(entry.name, "<f8", "s" if entry.name.startswith("lag") else "", entry.name)
            for entry in fields(Comparison)
        ),
    ),
    "beam_regions": (
        _CYCLE,
        Column("region", "S200", "", "name of the region"),
        Column("is_control", "|u1", "", "1 for the one without beam"),
        Column("particles", "<i8", "", "particles that were followed"),
        Column("lithium", "<f8", "", "mean change of x between the visits"),
        Column("lithium_errors", "<f8", "", "standard deviation of it"),
        Column("amount", "<f8", "", "mean change of the amount of material, as a share"),
        Column("amount_errors", "<f8", "", "standard deviation of it"),
    ),
    "beam": (
        _CYCLE,
        Column("from_s", "<f8", "s", "first visit of the control since 1970 (s)"),
        Column("until_s", "<f8", "s", "last visit of the control since 1970 (s)"),
        Column("lithium", "<f8", "", "change of x under the beam less that of the control"),
        Column("lithium_errors", "<f8", "", "standard deviation of it"),
        Column("lithium_chance", "<f8", "", "chance of it without an effect of the beam"),
        Column("amount", "<f8", "", "the same of the amount of material, as a share"),
        Column("amount_errors", "<f8", "", "standard deviation of it"),
        Column("amount_chance", "<f8", "", "chance of it without an effect of the beam"),
        Column("unknown", "S500", "", "why it is not known"),
    ),
}


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """What is stored of the studies of a cycle.

    Attributes
    ----------
    rows
        By table and column, shape (row, …).
    images
        By the name of the quantity, shape (ny, nx), or with an energy in front; what is not there was not
        asked for.
    marked
        What regions and masks say.
    """

    rows: Mapping[str, Mapping[str, NDArray[Any]]]
    images: Mapping[str, NDArray[Any]]
    marked: Marked = NOTHING_MARKED


NO_STUDIES = StudyRecord({}, {})


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read.

    Attributes
    ----------
    columns
        By name, shape (row, …); text as str.
    """

    columns: Mapping[str, NDArray[Any]]

    def of_cycle(self, cycle: int) -> Mapping[str, NDArray[Any]]:
        """Return the rows of a cycle, by column."""
        own = self.columns["cycle"] == cycle
        return {name: values[own] for name, values in self.columns.items()}


def _no_rows(columns: tuple[Column, ...]) -> Table:
    return Table(
        {one.name: np.empty(0, dtype=object if one.dtype.startswith("S") else one.dtype) for one in columns}
    )


NO_TABLES: Mapping[str, Table] = {name: _no_rows(columns) for name, columns in TABLES.items()}
"""Of a run of which nothing was said."""


def record_of(snapshot: Snapshot) -> StudyRecord:
    """Return what is to be stored of a snapshot of record."""
    cycle = -1 if snapshot.map is None else snapshot.map.cycle
    energies = snapshot.plan.energies_ev.size
    places = snapshot.unexplained[:_MOST_PLACES]
    rows: dict[str, list[tuple[object, ...]]] = {
        "findings": [_finding(one) for one in snapshot.of_record],
        "particles": [
            _particle(one) for one in (() if snapshot.particles is None else snapshot.particles.particles)
        ],
        "unexplained": [
            (number, int(one.pixels.sum()), one.share, one.significance, one.od, one.od_error, one.residual)
            for number, one in enumerate(places, 1)
        ],
        "clusters": _clusters(snapshot),
        "dose": [] if snapshot.dose is None else [(snapshot.dose.field_mgy, snapshot.dose.limit_mgy)],
        "cell": _readings(snapshot),
        "charge": [],
        **_beam(snapshot.beam),
    }
    comparison = None if snapshot.cell is None else snapshot.cell.comparison
    if comparison is not None:
        rows["charge"] = [tuple(getattr(comparison, entry.name) for entry in fields(Comparison))]
    images: dict[str, NDArray[Any]] = {
        "od": snapshot.od,
        "od_error": snapshot.od_error,
        "row_time_s": snapshot.row_time_s,
    }
    if snapshot.ring_current_ma is not None:
        images["ring_current_ma"] = snapshot.ring_current_ma
    if snapshot.particles is not None:
        images["particle_labels"] = snapshot.particles.labels
    if places:
        numbered = [number * one.pixels for number, one in enumerate(places, 1)]
        images["unexplained_place"] = np.max(numbered, axis=0)
    if snapshot.clusters is not None:
        images["cluster_labels"] = snapshot.clusters.labels
    if snapshot.dose is not None:
        images["dose_mgy"] = snapshot.dose.pixels_mgy
    return StudyRecord(
        {name: _columns(TABLES[name], cycle, found, energies) for name, found in rows.items()},
        images,
        marked_in(snapshot),
    )


def create_tables(entry: h5py.Group, energies: int) -> None:
    """Make all tables, empty, in groups of their own unless these are there."""
    for name, columns in TABLES.items():
        group = entry.require_group(name)
        if "NX_class" not in group.attrs:
            group.attrs["NX_class"] = "NXcollection"
        for column in columns:
            wide = (energies,) if column.is_spectrum else ()
            dataset = group.create_dataset(
                column.name,
                shape=(0, *wide),
                maxshape=(None, *wide),
                chunks=(_CHUNK, *(max(size, 1) for size in wide)),
                dtype=_stored(column),
                compression="gzip",
                shuffle=True,
            )
            dataset.attrs.update({"units": column.unit, "long_name": column.label})


def put_rows(entry: h5py.Group, cycle: int, rows: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    """Write the rows of a cycle in place of those that are there of it."""
    for name, own in rows.items():
        first, behind = _span(entry, name, cycle)
        for column in TABLES[name]:
            dataset = dataset_at(entry, f"{name}/{column.name}")
            later, new = dataset[behind:], own[column.name]
            dataset.resize(first + len(new) + len(later), axis=0)
            if len(new):
                dataset[first : first + len(new)] = new
            if len(later) and first + len(new) != behind:
                dataset[first + len(new) :] = later


def holds_rows(entry: h5py.Group, cycle: int, rows: Mapping[str, Mapping[str, NDArray[Any]]]) -> bool:
    """Return whether just these rows of a cycle are there."""
    for name, own in rows.items():
        first, behind = _span(entry, name, cycle)
        for column in TABLES[name]:
            stored = np.asarray(dataset_at(entry, f"{name}/{column.name}")[first:behind])
            if stored.tobytes() != own[column.name].astype(stored.dtype).tobytes():
                return False
    return True


def read_tables(entry: h5py.Group) -> dict[str, Table]:
    """Return all tables."""
    return {name: read_table(entry, name) for name in TABLES}


def read_table(entry: h5py.Group, name: str) -> Table:
    """Return a table; of a file from before there were any, an empty one."""
    if f"{name}/cycle" not in entry:
        return NO_TABLES[name]
    return Table({one.name: array_at(entry, f"{name}/{one.name}") for one in TABLES[name]})


def _stored(column: Column) -> Any:  # noqa: ANN401 - what h5py calls a type
    if column.dtype.startswith("S"):
        return h5py.string_dtype("utf-8", int(column.dtype[1:]))
    return column.dtype


def _span(entry: h5py.Group, name: str, cycle: int) -> tuple[int, int]:
    """Return the first row of a cycle in a table, and the one behind its last."""
    cycles = array_at(entry, f"{name}/cycle")
    return int(np.searchsorted(cycles, cycle)), int(np.searchsorted(cycles, cycle, side="right"))


def _columns(
    columns: tuple[Column, ...], cycle: int, rows: list[tuple[object, ...]], energies: int
) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for place, column in enumerate(columns):
        values = [cycle if place == 0 else row[place - 1] for row in rows]
        if column.dtype.startswith("S"):
            most = int(column.dtype[1:])
            values = [_cut(str(value), most) for value in values]
        shape = (len(rows), energies) if column.is_spectrum else (len(rows),)
        found[column.name] = np.array(values, dtype=_stored(column)).reshape(shape)
    return found


def _cut(text: str, most: int) -> bytes:
    """Return text as UTF-8 of so many bytes at most, no letter of it halved."""
    plain = text.replace("\0", " ").encode("utf-8", "replace")
    return plain if len(plain) <= most else plain[:most].decode("utf-8", "ignore").encode()


def _finding(one: Finding) -> tuple[object, ...]:
    return one.code, one.severity.value, one.message, one.advice


def _particle(one: ParticleResult) -> tuple[object, ...]:
    nan = float("nan")
    front = (nan,) * 4 if one.front is None else tuple(getattr(one.front, name) for name in _ONE_FRONT)
    return (
        one.number,
        one.curve.time_s[-1],
        one.pixels,
        *one.centre_um,
        one.area_um2,
        one.lithium,
        one.lithium_error,
        one.thickness,
        one.active,
        one.active_error,
        one.rate_per_h,
        one.rate_error_per_h,
        one.character.value,
        *front,
        one.front_um_per_h,
        one.front_error_um_per_h,
        one.is_cut,
    )


def _clusters(snapshot: Snapshot) -> list[tuple[object, ...]]:
    found = snapshot.clusters
    if found is None:
        return []
    return [
        (number, int(pixels), od, error)
        for number, (pixels, od, error) in enumerate(
            zip(found.pixels, found.od, found.od_error, strict=True), 1
        )
    ]


def _beam(found: BeamEffect | None) -> dict[str, list[tuple[object, ...]]]:
    if found is None:
        return {"beam_regions": [], "beam": []}
    nan = float("nan")
    effects = [
        value
        for one in (found.lithium, found.amount)
        for value in ((nan, nan, nan) if one is None else (one.change, one.error, one.chance))
    ]
    return {
        "beam_regions": [tuple(getattr(one, entry.name) for entry in fields(one)) for one in found.regions],
        "beam": [(found.from_s, found.until_s, *effects, found.unknown)],
    }


def _readings(snapshot: Snapshot) -> list[tuple[object, ...]]:
    """Return the readings of the potentiostat since the map before."""
    cell, newest = snapshot.cell, snapshot.map
    if cell is None or newest is None:
        return []
    earlier = snapshot.curve.time_s[snapshot.curve.time_s < newest.time_s]
    since_s = float(earlier.max()) if earlier.size else float("-inf")
    new = (cell.time_s > since_s) & (cell.time_s <= newest.time_s)
    columns = (cell.time_s, cell.voltage_v, cell.current_ma, cell.charge_mah, cell.expected_lithium)
    return list(zip(*(column[new].tolist() for column in columns), strict=True))
