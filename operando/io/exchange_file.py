"""What a Data Exchange file (APS, ALS) holds: images with their energies and angles, flat ones and dark ones.

`/exchange/data` has the images, by default (image, y, x), with `energy` and `theta` of each beside it or of
all of them; `data_white` and `data_dark` are those without the sample and without light (De Carlo et al., J.
Synchrotron Rad. 21 (2014) 1224). The format says nothing about images at several energies: `energy_white` is
named after its `theta_white`, and `time`, `time_white`, `time_dark` (seconds after the start) after both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from operando.errors import DamagedFileError, RunRejected, SourceUnreachable
from operando.io.foreign_units import energies_ev_at, lengths_um_at, seconds_at
from operando.io.hdf5 import FOREIGN_ERRORS, array_at, dataset_at, group_at, own_item, text_at
from operando.io.readings import text
from operando.types import FloatArray

__all__ = ["ExchangeFile", "ExchangeImages", "exchange_of", "holds_exchange", "opened"]

_WHITE, _DARK = ("data_white", "white_data"), ("data_dark", "dark_data")
"""As the format has it, and as MANTiS reads it."""
_ENERGY_PLACES = ("exchange/energy", "measurement/instrument/monochromator/energy")
_EXPOSURE_PLACES = ("measurement/instrument/detector/exposure_time", "exchange/exposure_time")
_PITCH_PLACES = (
    "measurement/instrument/detection_system/objective/resolution",
    "measurement/instrument/detector/actual_pixel_size_x",
    "measurement/instrument/detector/pixel_size_x",
)
_START_PLACES = ("process/acquisition/start_date", "measurement/sample/start_date")
_TITLE_PLACES = ("exchange/title", "measurement/sample/name")


@dataclass(frozen=True, slots=True)
class ExchangeImages:
    """Images of one kind.

    Attributes
    ----------
    data
        The array as it lies in the file.
    order
        Which axes of it count images (one or two), and are y and x.
    energies_ev, theta_deg, time_s
        Of each image, shape (image,), the last of two counting axes fastest; NaN where the file does not say.
    """

    data: h5py.Dataset
    order: tuple[int, ...]
    energies_ev: FloatArray
    theta_deg: FloatArray
    time_s: FloatArray

    def image(self, index: int) -> FloatArray:
        """Return one image, shape (ny, nx); no other is read."""
        counting = self.order[:-2]
        place = np.unravel_index(index, [self.data.shape[axis] for axis in counting])
        where: list[Any] = [slice(None)] * self.data.ndim
        for axis, number in zip(counting, place, strict=True):
            where[axis] = int(number)
        image = np.asarray(self.data[tuple(where)], dtype=np.float64)
        return image if self.order[-2] < self.order[-1] else image.T


@dataclass(frozen=True, slots=True)
class ExchangeFile:
    """One file.

    Attributes
    ----------
    title
        Of the sample; may be empty.
    started_s
        Seconds since the epoch; 0 where the file does not say.
    dwell_ms
        Exposure of each image; NaN where the file does not say.
    shape
        Rows and columns, (ny, nx).
    x_um, y_um
        Pixel centres, or None where the file does not say how large pixels are.
    images, flats, darks
        What there is.
    """

    title: str
    started_s: float
    dwell_ms: float
    shape: tuple[int, int]
    x_um: FloatArray | None
    y_um: FloatArray | None
    images: ExchangeImages
    flats: ExchangeImages | None
    darks: ExchangeImages | None


def holds_exchange(file: h5py.File) -> bool:
    """Return whether an open file is laid out as Data Exchange."""
    return own_item(file, "exchange/data") is not None


def opened(path: Path) -> h5py.File:
    """Return an HDF5 file, open to be read.

    Raises
    ------
    SourceUnreachable
        There is no such file.
    DamagedFileError
        It is not HDF5.
    """
    if not path.is_file():
        msg = f"there is no file {path}; check the name"
        raise SourceUnreachable(msg)
    try:
        return h5py.File(path, "r")
    except FOREIGN_ERRORS as error:
        msg = f"{path} is not a complete HDF5 file: {error}"
        raise DamagedFileError(msg) from error


def exchange_of(file: h5py.File, name: str) -> ExchangeFile:
    """Return what an open file holds, which people know under a name.

    Raises
    ------
    RunRejected
        Its images have no energy, or which energy a flat one belongs to cannot be told.
    DamagedFileError
        Something is not there, or not of its kind.
    """
    try:
        return _exchange(file)
    except RunRejected as error:
        msg = f"{name} {error}"
        raise RunRejected(msg) from error
    except (OSError, KeyError, ValueError) as error:
        msg = f"{name} is not a complete Data Exchange file: {error}"
        raise DamagedFileError(msg) from error


def _exchange(file: h5py.File) -> ExchangeFile:
    group = group_at(file, "exchange")
    data = dataset_at(group, "data")
    order = _order(data)
    counts = [data.shape[axis] for axis in order[:-2]]
    names = _axes(data)
    said_ev = next((ev for place in _ENERGY_PLACES if (ev := energies_ev_at(file, place)) is not None), None)
    if said_ev is None:
        msg = f"has images without an energy; add {_ENERGY_PLACES[0]}, with its units"
        raise RunRejected(msg)
    energies_ev = _along(said_ev, "energy", names, order, counts)
    theta_deg = np.full(energies_ev.size, np.nan)
    if own_item(group, "theta") is not None:
        theta_deg = _along(
            np.ravel(array_at(group, "theta")).astype(np.float64), "theta", names, order, counts
        )
    shape = (data.shape[order[-2]], data.shape[order[-1]])
    images = ExchangeImages(data, order, energies_ev, theta_deg, _times(group, "time", energies_ev.size))
    x_um, y_um = _pixels(file, shape)
    return ExchangeFile(
        title=next((text(text_at(file, place)) for place in _TITLE_PLACES if place in file), ""),
        started_s=float(np.nan_to_num(next(iter(_starts(file)), 0.0))),
        dwell_ms=_dwell_ms(file),
        shape=shape,
        x_um=x_um,
        y_um=y_um,
        images=images,
        flats=_flats(group, energies_ev),
        darks=_darks(group),
    )


def _axes(data: h5py.Dataset) -> list[str]:
    value = data.attrs.get("axes", "")
    said = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return [name.strip() for name in said.split(":")] if said else []


def _order(data: h5py.Dataset) -> tuple[int, ...]:
    """Return which axes count images, and are y and x; the last two are, unless the array says otherwise."""
    if data.ndim not in (3, 4) or data.dtype.kind not in "iuf":
        msg = f"{data.name} has the shape {data.shape} of {data.dtype}; expected numbers (image, y, x)"
        raise ValueError(msg)
    names = _axes(data)
    if len(names) != data.ndim or "x" not in names or "y" not in names:
        return tuple(range(data.ndim))
    inner = (names.index("y"), names.index("x"))
    return (*(axis for axis in range(data.ndim) if axis not in inner), *inner)


def _along(
    values: FloatArray, name: str, names: list[str], order: tuple[int, ...], counts: list[int]
) -> FloatArray:
    """Return a value for each image, from one for all, for each, or for each place along an axis."""
    images = int(np.prod(counts))
    if values.size in (1, images):
        return np.broadcast_to(values, images).copy()
    counting = [names[axis] if axis < len(names) else "" for axis in order[:-2]]
    if name in counting and values.size == counts[counting.index(name)]:
        shape = [-1 if one == name else 1 for one in counting]
        return np.broadcast_to(values.reshape(shape), counts).ravel().copy()
    msg = f"{name} has {values.size} values for {' × '.join(map(str, counts))} images"
    raise ValueError(msg)


def _flats(group: h5py.Group, energies_ev: FloatArray) -> ExchangeImages | None:
    data = _first(group, _WHITE)
    if data is None:
        return None
    order = _order(data)
    count = int(np.prod([data.shape[axis] for axis in order[:-2]]))
    said_ev = energies_ev_at(group, "energy_white")
    # In the order in which the images have them.
    distinct_ev = energies_ev[np.sort(np.unique(energies_ev, return_index=True)[1])]
    if said_ev is None and count % distinct_ev.size == 0:
        said_ev = np.repeat(distinct_ev, count // distinct_ev.size)
    if said_ev is None or said_ev.size not in (1, count):
        msg = (
            f"has {count} flat images for {distinct_ev.size} energies; add exchange/energy_white, one of each"
        )
        raise RunRejected(msg)
    nan = np.full(count, np.nan)
    own_ev = np.broadcast_to(said_ev, count).copy()
    return ExchangeImages(data, order, own_ev, nan, _times(group, "time_white", count))


def _darks(group: h5py.Group) -> ExchangeImages | None:
    data = _first(group, _DARK)
    if data is None:
        return None
    order = _order(data)
    count = int(np.prod([data.shape[axis] for axis in order[:-2]]))
    nan = np.full(count, np.nan)
    return ExchangeImages(data, order, nan, nan, _times(group, "time_dark", count))


def _first(group: h5py.Group, names: tuple[str, ...]) -> h5py.Dataset | None:
    return next((dataset_at(group, name) for name in names if own_item(group, name) is not None), None)


def _times(group: h5py.Group, name: str, count: int) -> FloatArray:
    """Return seconds after the start, NaN where the file does not say."""
    item = own_item(group, name)
    if not isinstance(item, h5py.Dataset) or item.size != count or item.dtype.kind not in "iuf":
        return np.full(count, np.nan)
    return np.ravel(np.asarray(item[()], dtype=np.float64))


def _starts(file: h5py.File) -> list[float]:
    starts = [seconds_at(file, place) for place in _START_PLACES]
    return [start_s for start_s in starts if np.isfinite(start_s)]


def _dwell_ms(file: h5py.File) -> float:
    for place in _EXPOSURE_PLACES:
        item = own_item(file, place)
        if isinstance(item, h5py.Dataset) and item.size and item.dtype.kind in "iuf":
            dwell_ms = 1e3 * float(np.ravel(np.asarray(item[()]))[0])
            return dwell_ms if dwell_ms > 0 else float("nan")
    return float("nan")


def _pixels(file: h5py.File, shape: tuple[int, int]) -> tuple[FloatArray | None, FloatArray | None]:
    """Return pixel centres: as they are said, or from the size of a pixel; None where neither is there."""
    ny, nx = shape
    x_um, y_um = (lengths_um_at(file, f"exchange/{axis}", "") for axis in ("x", "y"))
    if x_um is not None and y_um is not None and (y_um.size, x_um.size) == shape:
        return x_um, y_um
    for place in _PITCH_PLACES:
        pitch_um = lengths_um_at(file, place)
        if pitch_um is not None and pitch_um.size and pitch_um[0] > 0:
            return pitch_um[0] * np.arange(nx), pitch_um[0] * np.arange(ny)
    return None, None
