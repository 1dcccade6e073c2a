"""NXstxm files as several programs write them, with known content."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

__all__ = [
    "ENERGIES_EV",
    "NX",
    "NY",
    "als_version_1",
    "als_version_3",
    "first_definition",
    "polluxlike",
    "stack",
]

ENERGIES_EV = np.array([700.0, 708.25, 710.5])
NY, NX = 4, 5


def stack(seed: int = 0) -> np.ndarray:
    """Counts, shape (energy, ny, nx)."""
    return np.random.default_rng(seed).integers(100, 5000, (ENERGIES_EV.size, NY, NX)).astype(float)


def _positions(group: h5py.Group, unit: object = b"um") -> None:
    group["sample_x"] = np.linspace(-1.0, 1.0, NX)
    group["sample_y"] = np.linspace(3.0, 0.0, NY)
    for name in ("sample_x", "sample_y"):
        if unit is not None:
            group[name].attrs["units"] = unit


def _entry(file: h5py.File, name: str, definition: object = b"NXstxm") -> h5py.Group:
    entry = file.create_group(name)
    entry.attrs["NX_class"] = "NXentry"
    entry["definition"] = definition
    entry["title"] = "particle 7"
    return entry


def polluxlike(path: Path, counts: np.ndarray) -> None:
    """Lists of one, byte attributes, ring current per pixel, a second counter; a sample image beside it."""
    with h5py.File(path, "w") as file:
        entry = _entry(file, "entry1", np.array([b"NXstxm"]))
        entry["start_time"] = np.array([b"2021-03-16T15:06:05+01:00"])
        entry["end_time"] = np.array([b"2021-03-16T15:07:05+01:00"])
        for name, factor in (("counter0", 1.0), ("counter1", 2.0)):
            group = entry.create_group(name)
            group.attrs["NX_class"] = np.bytes_(b"NXdata")
            group.attrs["signal"] = np.bytes_(b"data")
            group.attrs["axes"] = np.array([b"energy", b"sample_y", b"sample_x"])
            group["data"] = counts * factor
            group["energy"] = ENERGIES_EV
            group["energy"].attrs["units"] = np.bytes_(b"eV")
            group["count_time"] = np.array([0.01])
            group["count_time"].attrs["units"] = np.bytes_(b"s")
            group["stxm_scan_type"] = np.array([b"sample image stack"])
            _positions(group, np.bytes_("µm".encode()))
        control = entry.create_group("control")
        control.attrs["NX_class"] = np.bytes_(b"NXmonitor")
        control["data"] = np.stack([np.full((NY, NX), current) for current in (400.0, 0.0, 399.0)])
        control["data"].attrs["units"] = np.bytes_(b"mA")


def als_version_3(path: Path, counts: np.ndarray) -> None:
    """Scalars of text, a group `default` and one for each counter, times without a zone."""
    with h5py.File(path, "w") as file:
        entry = _entry(file, "entry0")
        entry["version"] = 3.0
        entry["start_time"], entry["end_time"] = "2025-06-01T10:00:00", "2025-06-01T10:00:30"
        for name in ("default", "diode"):
            group = entry.create_group(name)
            group.attrs["NX_class"] = "NXdata"
            group["data"] = counts.astype(np.float32)
            group["energy"] = ENERGIES_EV / 1000.0
            group["energy"].attrs["units"] = "keV"
            group["count_time"] = np.full(ENERGIES_EV.size, 2.0)
            group["count_time"].attrs["units"] = "ms"
            group["stxm_scan_type"] = np.array([b"sample image"])
            _positions(group)


def als_version_1(path: Path, counts: np.ndarray) -> None:
    """The version of the file where the definition should be, and the kind of scan in words of its own."""
    with h5py.File(path, "w") as file:
        entry = _entry(file, "entry0", "1.0")
        group = entry.create_group("counter0")
        group.attrs["NX_class"] = "NXdata"
        group["data"] = counts
        group["energy"] = ENERGIES_EV
        group["stxm_scan_type"] = "Image"
        _positions(group, None)


def first_definition(path: Path, counts: np.ndarray) -> None:
    """Axes numbered at the positions, in another order, and the energy under its other name."""
    with h5py.File(path, "w") as file:
        entry = _entry(file, "entry1")
        group = entry.create_group("Counter1")
        group.attrs["NX_class"] = "NXdata"
        group["data"] = counts.transpose(2, 1, 0)
        group["photon_energy"] = ENERGIES_EV
        group["photon_energy"].attrs["axis"] = 3
        _positions(group)
        group["sample_y"].attrs["axis"] = 2
        group["sample_x"].attrs["axis"] = 1
        group["stxm_scan_type"] = "sample image stack"
