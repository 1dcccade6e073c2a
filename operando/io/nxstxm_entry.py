"""What an entry of a NXstxm file says was scanned: counters, energies, pixels, dwell, ring current, times.

The definition leaves room, and programs take more of it: texts as scalars or lists of one, axes as an
attribute of the group or of each dataset, the energy under another name, counters under any.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from operando.errors import DamagedFileError, RunRejected
from operando.io.foreign_units import UM_PER_UNIT, seconds_at
from operando.io.hdf5 import array_at, dataset_at, groups_in, own_item, text_at
from operando.io.readings import text
from operando.types import FloatArray

__all__ = ["Counter", "StackEntry", "is_nxstxm", "stack_entry"]

_MS_PER_UNIT = {"s": 1e3, "sec": 1e3, "ms": 1.0, "us": 1e-3}
_ENERGIES = ("energy", "photon_energy")
_IMAGES = ("sample image", "sample image stack", "generic scan", "image")
"""The definition's names of what can be fitted, and what ALS programs write."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One NXdata group that holds images.

    Attributes
    ----------
    name, unit
        Of the counter.
    data
        Its array as it lies in the file.
    order
        Which axes of it are energy (if it has that axis), y and x.
    """

    name: str
    unit: str
    data: h5py.Dataset
    order: tuple[int, ...]

    def image(self, index: int) -> FloatArray:
        """Return the image of one energy, (ny, nx); no other is read."""
        where: list[Any] = [slice(None)] * self.data.ndim
        if self.data.ndim == 3:
            where[self.order[0]] = index
        image = np.asarray(self.data[tuple(where)], dtype=np.float64)
        y_axis, x_axis = self.order[-2:]
        return image if y_axis < x_axis else image.T


@dataclass(frozen=True, slots=True)
class StackEntry:
    """An entry that holds images at photon energies.

    Attributes
    ----------
    name, title
        Of the entry.
    counters
        In the order of their names.
    energies_ev, dwell_ms, ring_current_ma
        Shape (energy,); NaN where the file does not say.
    x_um, y_um
        Pixel centres, shapes (nx,) and (ny,).
    started_s, ended_s
        Seconds since the epoch; where they are not said, from 0 for as long as the pixels took.
    """

    name: str
    title: str
    counters: tuple[Counter, ...]
    energies_ev: FloatArray
    dwell_ms: FloatArray
    ring_current_ma: FloatArray
    x_um: FloatArray
    y_um: FloatArray
    started_s: float
    ended_s: float


def is_nxstxm(entry: h5py.Group) -> bool:
    """Return whether an entry is of this definition; early ALS files have the version of it there instead."""
    if "definition" not in entry:
        return False
    definition = text_at(entry, "definition").strip()
    if definition == "NXstxm":
        return True
    is_version = re.fullmatch(r"\d+(\.\d+)?", definition) is not None
    return is_version and any("stxm_scan_type" in group for group in groups_in(entry, "NXdata"))


def stack_entry(entry: h5py.Group) -> StackEntry:
    """Return what an entry says.

    Raises
    ------
    RunRejected
        It is another kind of scan; the message is the rest of a sentence that says which.
    DamagedFileError
        It contradicts itself.
    KeyError, ValueError
        Something is not there, or not of its kind.
    """
    name = str(entry.name).strip("/")
    datasets = groups_in(entry, "NXdata")
    groups = [group for group in datasets if _is_image(group)]
    if not groups:
        kinds = {text_at(group, "stxm_scan_type") for group in datasets if "stxm_scan_type" in group}
        msg = f"{name} is a {text(' or '.join(sorted(kinds))) or 'scan of another kind'}"
        raise RunRejected(msg)
    first = groups[0]
    energies_ev = _energies_ev(first)
    x_um, y_um = _positions_um(first, "sample_x"), _positions_um(first, "sample_y")
    shape = (energies_ev.size, y_um.size, x_um.size)
    counters = tuple(counter for group in groups if (counter := _counter(group, shape)) is not None)
    if not counters:
        msg = f"{name} has no array of {shape[0]} energies, {shape[1]} rows and {shape[2]} columns"
        raise DamagedFileError(msg)
    dwell_ms = _dwell_ms(first, shape[0])
    started_s, ended_s = _times(entry, float(np.nansum(dwell_ms)) * 1e-3 * shape[1] * shape[2])
    return StackEntry(
        name=name,
        title=text_at(entry, "title").strip() if "title" in entry else "",
        counters=counters,
        energies_ev=energies_ev,
        dwell_ms=dwell_ms,
        ring_current_ma=_ring_current_ma(entry, shape),
        x_um=x_um,
        y_um=y_um,
        started_s=started_s,
        ended_s=ended_s,
    )


def _is_image(group: h5py.Group) -> bool:
    if "stxm_scan_type" in group and text_at(group, "stxm_scan_type").strip().lower() not in _IMAGES:
        return False
    return all(axis in group for axis in ("sample_x", "sample_y")) and any(
        axis in group for axis in _ENERGIES
    )


def _counter(group: h5py.Group, shape: tuple[int, int, int]) -> Counter | None:
    """Return how to read a counter, or None where its array is not that of the images."""
    signal = _attribute(group, "signal") or "data"
    try:
        data = dataset_at(group, signal)
    except KeyError:
        return None
    if data.dtype.kind not in "iuf":
        return None
    order = _axes(group, data)
    if order is None or tuple(data.shape[axis] for axis in order) != shape[-len(order) :]:
        return None
    if len(order) == 2 and shape[0] != 1:
        return None
    name = str(group.name).rsplit("/", 1)[-1]
    unit = (_attribute(data, "units") or "").strip()
    return Counter(name, text(unit or "counts"), data, order)


def _axes(group: h5py.Group, data: h5py.Dataset) -> tuple[int, ...] | None:
    """Return which axes of an array are energy (if it has one), y and x."""
    names = _attributes(group, "axes")
    if not names:
        names = [""] * data.ndim
        for axis in (*_ENERGIES, "sample_y", "sample_x"):
            place = own_item(group, axis)
            # The definition's first version: the axis counted from one, at the dataset of the positions.
            number = None if place is None else place.attrs.get("axis")
            if number is not None and 1 <= int(np.ravel(number)[0]) <= data.ndim:
                names[int(np.ravel(number)[0]) - 1] = axis
    names = ["energy" if name in _ENERGIES else name for name in names]
    wanted = ["energy", "sample_y", "sample_x"][-data.ndim :] if data.ndim in (2, 3) else []
    if not wanted:
        return None
    if sorted(names) == sorted(wanted):
        return tuple(names.index(axis) for axis in wanted)
    # Nothing, or something else, is said: the order of the definition.
    return tuple(range(data.ndim))


def _energies_ev(group: h5py.Group) -> FloatArray:
    key = next(name for name in _ENERGIES if name in group)
    values = np.ravel(array_at(group, key)).astype(np.float64)
    unit = _attribute(own_item(group, key), "units").strip().lower()
    return values * (1000.0 if unit == "kev" else 1.0)


def _positions_um(group: h5py.Group, key: str) -> FloatArray:
    values = np.ravel(array_at(group, key)).astype(np.float64)
    unit = _attribute(own_item(group, key), "units").strip()
    return values * UM_PER_UNIT.get(unit.lower(), 1.0)


def _dwell_ms(group: h5py.Group, energies: int) -> FloatArray:
    """Return the dwell of each image; NaN where the file does not say."""
    if "count_time" not in group:
        return np.full(energies, np.nan)
    values = np.ravel(array_at(group, "count_time")).astype(np.float64)
    values = values * _MS_PER_UNIT.get(
        _attribute(own_item(group, "count_time"), "units").strip().lower(), 1e3
    )
    if values.size % energies or not values.size:
        return np.full(energies, np.nan if not values.size else float(np.median(values)))
    dwell_ms = (
        np.median(values.reshape(energies, -1), axis=1) if values.size > 1 else np.full(energies, values[0])
    )
    return np.where(dwell_ms > 0, dwell_ms, np.nan)


def _times(entry: h5py.Group, exposed_s: float) -> tuple[float, float]:
    """Return when an entry was begun and ended; where that is not said, as long as its pixels took."""
    started_s, ended_s = (seconds_at(entry, key) for key in ("start_time", "end_time"))
    if not np.isfinite(started_s):
        started_s = 0.0
    if not ended_s > started_s:
        ended_s = started_s + max(exposed_s, 1.0)
    return started_s, ended_s


def _ring_current_ma(entry: h5py.Group, shape: tuple[int, int, int]) -> FloatArray:
    """Return the ring current of each image, NaN where it is missing or 0: nobody asked the ring."""
    unknown = np.full(shape[0], np.nan)
    control = own_item(entry, "control")
    if not isinstance(control, h5py.Group) or "data" not in control:
        return unknown
    unit = _attribute(own_item(control, "data"), "units").strip().lower()
    values = np.ravel(array_at(control, "data")).astype(np.float64)
    if unit not in ("ma", "") or values.size == 0 or values.size % shape[0]:
        return unknown
    current_ma = np.median(values.reshape(shape[0], -1), axis=1)
    return np.where(current_ma > 0, current_ma, np.nan)


def _attribute(item: Any, name: str) -> str:  # noqa: ANN401 - a group, a dataset, or None
    found = _attributes(item, name)
    return found[0] if found else ""


def _attributes(item: Any, name: str) -> list[str]:  # noqa: ANN401
    """Return an attribute as texts, whether it is one or a list, of bytes or of letters."""
    if item is None or name not in item.attrs:
        return []
    values = np.ravel(item.attrs[name]).tolist()
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]
