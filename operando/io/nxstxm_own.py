"""NXstxm files that this program wrote: the entries of a run become that run again, line by line."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from event_model import compose_run

from operando.errors import DamagedFileError
from operando.io.hdf5 import array_at, group_at, scalar_at, text_at
from operando.io.nxstxm_writer import COLLECTION, COUNTER, MONITOR, SCHEMA_VERSION

__all__ = ["is_own", "own_documents"]

_I0 = f"{COUNTER}_i0"


def is_own(entry: h5py.Group) -> bool:
    """Return whether this program wrote an entry, in a version that it still reads."""
    if COLLECTION not in entry:
        return False
    version = scalar_at(group_at(entry, COLLECTION), "schema_version")
    if version != SCHEMA_VERSION:
        msg = f"{entry.name} was written in version {version}; this program reads version {SCHEMA_VERSION}"
        raise DamagedFileError(msg)
    return True


def own_documents(entries: list[h5py.Group]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of the runs in these entries, run by run.

    The lines come in the order in which they were taken, with their own times, so that the maps are those
    of the recording that the file was made from.

    Raises
    ------
    KeyError, ValueError
        An entry is not complete.
    """
    by_run: dict[str, list[h5py.Group]] = {}
    for entry in entries:
        by_run.setdefault(text_at(group_at(entry, COLLECTION), "run"), []).append(entry)
    for run, cycles in by_run.items():
        yield from _run(run, cycles)


def _run(uid: str, cycles: list[h5py.Group]) -> Iterator[tuple[str, dict[str, Any]]]:
    said = group_at(cycles[0], COLLECTION)
    counter = group_at(cycles[0], COUNTER)
    energies_ev, y_um, x_um = (array_at(counter, axis) for axis in ("energy", "sample_y", "sample_x"))
    has_i0 = any(MONITOR in cycle for cycle in cycles)
    started_s = float(scalar_at(said, "started_s"))
    block: dict[str, Any] = {
        "contract_version": 1,
        "shape": [energies_ev.size, y_um.size, x_um.size],
        "energies": energies_ev.tolist(),
        "dwell_ms": (array_at(counter, "count_time") * 1e3).tolist(),
        "x_extent": [float(x_um[0]), float(x_um[-1])],
        "y_extent": [float(y_um[0]), float(y_um[-1])],
        "data_field": COUNTER,
    }
    if has_i0:
        block["i0_field"] = _I0
    series = {"cycles": int(scalar_at(said, "cycles"))} if "cycles" in said else {}
    metadata = {
        "plan_name": text_at(said, "plan_name"),
        "sample": text_at(said, "sample"),
        "stxm": block,
        "operando": {"schema_version": 1, **series},
    }
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, uid)
    run = compose_run(uid=uid, time=started_s, metadata=metadata)
    yield "start", dict(run.start_doc)

    line = [x_um.size]
    keys: dict[str, Any] = {
        key: {"source": f"NXstxm:{key}", "dtype": "array", "shape": line, "units": "counts"}
        for key in (COUNTER, _I0)[: 1 + has_i0]
    }
    for label in ("cycle", "energy_index", "row"):
        keys[label] = {"source": f"NXstxm:{label}", "dtype": "integer", "shape": []}
    descriptor = run.compose_descriptor(
        name="primary", data_keys=keys, time=started_s, uid=str(uuid.uuid5(namespace, "primary"))
    )
    yield "descriptor", dict(descriptor.descriptor_doc)
    number, ended_s, is_complete = 0, started_s, True
    for entry in cycles:
        collection = group_at(entry, COLLECTION)
        cycle, row_time_s = int(scalar_at(collection, "cycle")), array_at(collection, "row_time_s")
        counts = array_at(group_at(entry, COUNTER), "data")
        i0 = array_at(group_at(entry, MONITOR), "data") if MONITOR in entry else np.full_like(counts, np.nan)
        places = np.argwhere(~np.isnan(row_time_s))
        is_complete &= len(places) == row_time_s.size
        for energy, row in places[np.argsort(row_time_s[tuple(places.T)], kind="stable")].tolist():
            number += 1
            ended_s = float(row_time_s[energy, row])
            data: dict[str, Any] = {COUNTER: counts[energy, row]}
            if has_i0:
                data[_I0] = i0[energy, row]
            data |= {"cycle": cycle, "energy_index": energy, "row": row}
            event = descriptor.compose_event(
                data=data,
                timestamps=dict.fromkeys(data, ended_s),
                seq_num=number,
                uid=str(uuid.uuid5(namespace, f"line {number}")),
                time=ended_s,
            )
            yield "event", dict(event)
    status = "success" if is_complete else "abort"
    reason = "" if is_complete else "lines are missing in the file"
    stop = run.compose_stop(
        exit_status=status, reason=reason, uid=str(uuid.uuid5(namespace, "stop")), time=ended_s
    )
    yield "stop", dict(stop)
