"""Writes raw stacks as a NXstxm file: one entry a cycle, for MANTiS, aXis2000, h5web and this program.

MANTiS asks for more than the definition: `definition` and `stxm_scan_type` as lists of one, `axes` as
bytes. What the definition has no place for, the time of each row and which cycle of which run it is, lies in
a NXcollection, so that a replay of the file gives the maps of a replay of the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np

from operando import __version__
from operando.errors import OperandoError
from operando.io.atomic import replacement
from operando.io.rawstack import RawStack
from operando.types import FloatArray

__all__ = ["COLLECTION", "COUNTER", "MONITOR", "SCHEMA_VERSION", "write_nxstxm"]

COLLECTION = "operando"
"""The group of an entry that holds what the definition has no place for."""
COUNTER, MONITOR = "counter0", "control"
SCHEMA_VERSION = 1
_UNITS = {"energy": "eV", "sample_x": "um", "sample_y": "um"}


def write_nxstxm(path: str | Path, stacks: Iterable[RawStack]) -> int:
    """Write stacks into the file at `path`, whole or not at all, and return how many there were.

    Raises
    ------
    OperandoError
        There was no stack, or the file cannot be written.
    """
    path = Path(path)
    number = 0
    try:
        with replacement(path) as beside:
            with h5py.File(beside, "w") as file:
                file.attrs["default"] = "entry1"
                file.attrs["creator"] = f"operando {__version__}"
                for number, stack in enumerate(stacks, 1):
                    _write_entry(file.create_group(f"entry{number}"), stack)
            if not number:
                msg = f"there was no image to write into {path}; is the source a scan?"
                raise OperandoError(msg)
    except OSError as error:
        if isinstance(error, OperandoError):
            raise  # of the source
        msg = f"{path} cannot be written: {error}; check the folder and the room on its disk"
        raise OperandoError(msg) from error
    return number


def _write_entry(entry: h5py.Group, stack: RawStack) -> None:
    plan = stack.plan
    entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", COUNTER
    entry["title"] = plan.sample or plan.plan_name or "STXM"
    known_s = stack.row_time_s[~np.isnan(stack.row_time_s)]
    entry["start_time"] = _iso(_started_s(stack))
    entry["end_time"] = _iso(float(known_s.max()))
    entry.create_dataset("definition", data=np.array([b"NXstxm"])).attrs["version"] = "1.1"
    _write_counter(entry, COUNTER, stack.counts, stack)
    _write_instrument(entry.create_group("instrument"), stack)
    sample = entry.create_group("sample")
    sample.attrs["NX_class"] = "NXsample"
    sample["rotation_angle"] = np.array([0.0])
    sample["rotation_angle"].attrs["units"] = "deg"
    if stack.i0 is not None:
        _write_monitor(entry, stack.i0)
    _write_collection(entry.create_group(COLLECTION), stack)


def _write_counter(entry: h5py.Group, name: str, counts: FloatArray, stack: RawStack) -> None:
    plan = stack.plan
    group = entry.create_group(name)
    group.attrs["NX_class"], group.attrs["signal"] = "NXdata", "data"
    group.attrs["axes"] = np.array([b"energy", b"sample_y", b"sample_x"])
    axes = {"energy": plan.energies_ev, "sample_y": plan.grid.y_um, "sample_x": plan.grid.x_um}
    for number, (axis, values) in enumerate(axes.items()):
        group.attrs[f"{axis}_indices"] = np.array([number], dtype=np.uint32)
        dataset = group.create_dataset(axis, data=values)
        dataset.attrs["units"] = _UNITS[axis]
        dataset.attrs["axis"] = number + 1
    group.create_dataset("data", data=counts, compression="gzip", compression_opts=1).attrs["units"] = (
        "counts"
    )
    group["data"].attrs["signal"] = 1
    group.create_dataset("count_time", data=plan.dwell_ms * 1e-3).attrs["units"] = "s"
    kind = b"sample image stack" if plan.energies_ev.size > 1 else b"sample image"
    group.create_dataset("stxm_scan_type", data=np.array([kind]))


def _write_instrument(instrument: h5py.Group, stack: RawStack) -> None:
    """Write the same values as lists in the order of the scan, which is what the definition asks for."""
    plan = stack.plan
    energies, ny, nx = plan.stack_shape
    instrument.attrs["NX_class"] = "NXinstrument"
    source = instrument.create_group("source")
    source.attrs["NX_class"] = "NXsource"
    source["type"], source["name"], source["probe"] = "Synchrotron X-ray Source", "unknown", "x-ray"
    monochromator = instrument.create_group("monochromator")
    monochromator.attrs["NX_class"] = "NXmonochromator"
    lists = {
        "sample_x": np.broadcast_to(plan.grid.x_um, (energies, ny, nx)),
        "sample_y": np.broadcast_to(plan.grid.y_um[:, None], (energies, ny, nx)),
    }
    energy = np.broadcast_to(plan.energies_ev[:, None, None], (energies, ny, nx)).ravel()
    _compressed(monochromator, "energy", energy, "eV")
    for name, values in lists.items():
        detector = instrument.create_group(name)
        detector.attrs["NX_class"] = "NXdetector"
        _compressed(detector, "data", values.ravel(), "um")
    detector = instrument.create_group(COUNTER)
    detector.attrs["NX_class"] = "NXdetector"
    _compressed(detector, "data", stack.counts.ravel(), "counts")


def _write_monitor(entry: h5py.Group, i0: FloatArray) -> None:
    monitor = entry.create_group(MONITOR)
    monitor.attrs["NX_class"], monitor.attrs["signal"] = "NXmonitor", "data"
    monitor.attrs["axes"] = np.array([b"energy", b"sample_y", b"sample_x"])
    _compressed(monitor, "data", i0, "counts")


def _write_collection(collection: h5py.Group, stack: RawStack) -> None:
    plan = stack.plan
    collection.attrs["NX_class"] = "NXcollection"
    collection["schema_version"] = SCHEMA_VERSION
    collection["run"] = plan.run
    collection["plan_name"] = plan.plan_name
    collection["sample"] = plan.sample
    collection["started_s"] = plan.started_s
    collection["cycle"] = stack.cycle
    if plan.cycles is not None:
        collection["cycles"] = plan.cycles
    collection.create_dataset("row_time_s", data=stack.row_time_s)


def _compressed(group: h5py.Group, name: str, values: FloatArray, unit: str) -> None:
    group.create_dataset(name, data=values, compression="gzip", compression_opts=1).attrs["units"] = unit


def _started_s(stack: RawStack) -> float:
    """Return when a cycle was begun: with its run, or with its first row that is known."""
    known_s = stack.row_time_s[~np.isnan(stack.row_time_s)]
    return min(stack.plan.started_s, float(known_s.min())) if stack.cycle == 0 else float(known_s.min())


def _iso(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")
