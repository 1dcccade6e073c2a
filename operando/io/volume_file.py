"""A volume of lithium content as a NeXus HDF5 file, with the maps that it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from operando.errors import DamagedFileError, SourceUnreachable
from operando.io.atomic import replacement
from operando.io.hdf5 import FOREIGN_ERRORS, array_at
from operando.types import FloatArray

if TYPE_CHECKING:  # they need scikit-image, and the truth of a simulated series is written without it
    from operando.core.tilt import Sides, VolumeError
    from operando.core.tomography import Volume

__all__ = ["VolumeRecord", "read_truth", "write_truth", "write_volume"]

_TRUTH = "entry/truth/lithium"


@dataclass(frozen=True, slots=True)
class VolumeRecord:
    """A volume and how it came about.

    Attributes
    ----------
    title
        Of the sample.
    volume, error
        What was reconstructed.
    sides
        The maps of every side.
    energies_ev
        That these were fitted to.
    y, z, x
        Voxel centres; z and x from the tilt axis.
    unit
        Of these: "um", or "px" where no file said how large pixels are.
    process
        What must be known to do it again.
    """

    title: str
    volume: Volume
    error: VolumeError
    sides: Sides
    energies_ev: FloatArray
    y: FloatArray
    z: FloatArray
    x: FloatArray
    unit: str
    process: Mapping[str, str | float | int]


def write_volume(path: Path, record: VolumeRecord) -> None:
    """Write a volume into a new file, which viewers open on the lithium content.

    Raises
    ------
    OSError
        The disk is full or fails.
    """
    with replacement(path) as part, h5py.File(part, "w") as file:
        file.attrs.update({"NX_class": "NXroot", "default": "entry", "creator": "operando tilt 1"})
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "volume"})
        entry["title"] = record.title
        _volume(entry, record)
        sides = _data(entry, "sides", "lithium", ["angle_deg", "y", "column"])
        _array(sides, "lithium", record.sides.lithium, "", "lithium content of each side")
        _array(sides, "thickness", record.sides.thickness, "", "amount of host, in units of the references")
        sides["angle_deg"] = record.sides.angles_deg
        sides["y"] = record.y
        sides["column"] = np.arange(record.x.size)
        process = entry.create_group("process")
        process.attrs["NX_class"] = "NXprocess"
        process["energy_ev"] = record.energies_ev
        for name, value in record.process.items():
            process[name] = value


def write_truth(path: Path, lithium: FloatArray) -> None:
    """Write the true lithium content of a simulated sample, shape (y, z, x), NaN outside of particles.

    Raises
    ------
    OSError
        The disk is full or fails.
    """
    with replacement(path) as part, h5py.File(part, "w") as file:
        file.create_dataset(_TRUTH, data=lithium, compression="gzip", shuffle=True)


def read_truth(path: Path) -> FloatArray:
    """Return what `write_truth` wrote.

    Raises
    ------
    SourceUnreachable
        There is no such file.
    DamagedFileError
        It is something else.
    """
    if not path.is_file():
        msg = f"there is no file {path}; give the truth.h5 that 'operando grains' wrote"
        raise SourceUnreachable(msg)
    try:
        with h5py.File(path, "r") as file:
            return np.asarray(array_at(file, _TRUTH), dtype=np.float64)
    except FOREIGN_ERRORS as error:
        msg = f"{path} holds no true lithium content of a simulated sample: {error}"
        raise DamagedFileError(msg) from error


def _volume(entry: h5py.Group, record: VolumeRecord) -> None:
    volume = _data(entry, "volume", "lithium", ["y", "z", "x"])
    per = "amount of host per voxel of way, in units of the references"
    for name, values, words in (
        ("lithium", record.volume.lithium, "lithium content"),
        ("lithium_errors", record.error.lithium, "its standard deviation, of the noise of counting alone"),
        ("density", record.volume.density, per),
        ("density_errors", record.error.density, "its standard deviation, of the noise of counting alone"),
    ):
        _array(volume, name, values, "", words)
    for name in ("y", "z", "x"):
        volume[name] = getattr(record, name)
        volume[name].attrs["units"] = record.unit


def _data(entry: h5py.Group, name: str, signal: str, axes: list[str]) -> h5py.Group:
    group = entry.create_group(name)
    group.attrs.update({"NX_class": "NXdata", "signal": signal, "axes": axes})
    return group


def _array(group: h5py.Group, name: str, values: FloatArray, unit: str, words: str) -> None:
    dataset = group.create_dataset(
        name, data=values.astype(np.float32), compression="gzip", shuffle=True, chunks=(1, *values.shape[1:])
    )
    dataset.attrs.update({"units": unit, "long_name": words})
