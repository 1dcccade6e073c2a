"""Which quantity of a result stands where in its NeXus file, with shape, unit and label.

Names follow NXdata: `signal`, `axes`, `<signal>_errors`
(https://manual.nexusformat.org/classes/base_classes/NXdata.html). Axes are hard links, so that
every group can be plotted by itself.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import h5py
import numpy as np

import operando
from operando.io.hdf5 import dataset_at, group_at
from operando.io.results_regions import create_regions
from operando.io.results_tables import create_tables
from operando.types import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operando.types import PhaseSpectra, ScanPlan

__all__ = [
    "BESIDE_THE_MAP",
    "CURVES",
    "FORMAT",
    "MOMENTARY",
    "QUANTITIES",
    "SINCE_1",
    "Quantity",
    "image_of_empty",
]

FORMAT = "operando results 1"

_THICKNESS_UNITS = {"optical_density": "", "od_per_nm": "nm", "mass_absorption": "g/cm2"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something there is one of for each cycle.

    Attributes
    ----------
    place
        Path below `/entry`.
    name
        What a `LithiationMap` calls it, unless it is one of `BESIDE_THE_MAP`.
    dims
        Its dimensions behind the cycle.
    dtype, unit, label
        As stored; the unit `thickness` stands for that of the references' amounts.
    """

    place: str
    name: str
    dims: tuple[str, ...]
    dtype: str
    unit: str
    label: str


_MAP = ("y", "x")
_STACK = ("energy", *_MAP)
QUANTITIES = (
    Quantity("lithiation/lithium", "lithium", _MAP, "<f8", "", "lithium content x"),
    Quantity("lithiation/lithium_errors", "lithium_error", _MAP, "<f8", "", "standard deviation of x"),
    Quantity("lithiation/time_s", "time_s", (), "<f8", "s", "time since 1970 (s)"),
    Quantity("fractions/fraction", "fraction", ("phase", *_MAP), "<f8", "", "phase fraction"),
    Quantity(
        "fractions/fraction_errors",
        "fraction_error",
        ("phase", *_MAP),
        "<f8",
        "",
        "standard deviation of fraction",
    ),
    Quantity("fit/thickness", "thickness", _MAP, "<f8", "thickness", "amount of material"),
    Quantity(
        "fit/thickness_errors", "thickness_error", _MAP, "<f8", "thickness", "standard deviation of amount"
    ),
    Quantity("fit/background", "background", _MAP, "<f8", "", "background (optical density)"),
    Quantity("fit/background_slope", "background_slope", _MAP, "<f8", "1/eV", "slope of the background"),
    Quantity("fit/chi2", "chi2", _MAP, "<f8", "", "χ² per degree of freedom"),
    Quantity("fit/r_factor", "r_factor", _MAP, "<f8", "", "R-factor, Σ residual² / Σ OD²"),
    Quantity("fit/energies_used", "energies_used", _MAP, "<u2", "", "energies fitted"),
    Quantity("fit/valid", "valid", _MAP, "|u1", "", "1 where x is determined"),
    Quantity("fit/reason", "reason", _MAP, "|u1", "", "why x is undetermined"),
    Quantity("fit/frame_age_s", "frame_age_s", ("energy",), "<f8", "s", "age of the frame (s)"),
    Quantity(
        "fit/shift_px", "shift_px", ("energy", "pair"), "<f8", "px", "shift (y, x); NaN: not registered"
    ),
    Quantity("fit/shift_um", "shift_um", ("energy", "pair"), "<f8", "um", "shift (y, x) (µm)"),
    Quantity("fit/shift_quality", "shift_quality", ("energy",), "<f8", "", "correlation of registration"),
    Quantity("fit/i0", "i0", ("energy",), "<f8", "counts", "incident counts"),
    Quantity("fit/od", "od", _STACK, "<f4", "", "optical density"),
    Quantity("fit/od_errors", "od_error", _STACK, "<f4", "", "standard deviation of the optical density"),
    Quantity("fit/row_time_s", "row_time_s", ("energy", "y"), "<f8", "s", "time of the row since 1970 (s)"),
    Quantity("fit/ring_current_ma", "ring_current_ma", ("energy", "y"), "<f4", "mA", "ring current (mA)"),
    Quantity("particles/labels", "particle_labels", _MAP, "<i4", "", "number of the particle; 0: none"),
    Quantity("unexplained/place", "unexplained_place", _MAP, "|u1", "", "number of the place; 0: none"),
    Quantity("clusters/labels", "cluster_labels", _MAP, "|u1", "", "number of the cluster; 0: none"),
    Quantity("dose/pixels_mgy", "dose_mgy", _MAP, "<f4", "MGy", "dose (MGy); NaN: not known"),
    Quantity("fit/is_provisional", "is_provisional", (), "|u1", "", "1 where rows of the cycle are missing"),
    # Last of all: a cycle is in the file once its number is.
    Quantity("lithiation/cycle", "cycle", (), "<i8", "", "cycle, from 0"),
)

BESIDE_THE_MAP = frozenset(
    {
        *("i0", "particle_labels", "unexplained_place", "cluster_labels", "dose_mgy"),
        *("od", "od_error", "row_time_s", "ring_current_ma"),
    }
)
"""Quantities that come from elsewhere than the map."""
MOMENTARY = frozenset({"valid", "od", "od_error", "row_time_s", "ring_current_ma"})
"""Quantities that are not read with all the cycles: they are in `reason`, or read for one cycle."""

SINCE_1 = BESIDE_THE_MAP - {"i0"} | {"shift_um", "shift_quality"}
"""Quantities that the first files of this format do not have."""

CURVES = {
    "cycle": ("<i8", "", "cycle, from 0"),
    "time_s": ("<f8", "s", "time since 1970 (s)"),
    "lithium": ("<f8", "", "mean lithium content x"),
    "lithium_errors": ("<f8", "", "standard deviation of the mean"),
    "pixels": ("<i8", "", "valid pixels"),
}


def image_of_empty(plan: ScanPlan, phases: PhaseSpectra, process: Mapping[str, str | float | int]) -> bytes:
    """Return the bytes of a results file with everything that is known before the first cycle."""
    with h5py.File("results", "w", driver="core", backing_store=False) as file:
        _fill(file, plan, phases, process)
        entry = group_at(file, "entry")
        create_tables(entry, plan.energies_ev.size)
        create_regions(entry, plan.energies_ev.size, len(phases.names))
        file.flush()
        return file.id.get_file_image()


def _fill(
    file: h5py.File, plan: ScanPlan, phases: PhaseSpectra, process: Mapping[str, str | float | int]
) -> None:
    file.attrs.update({"NX_class": "NXroot", "default": "entry", "creator": FORMAT})
    entry = _group(file, "entry", "NXentry")
    entry.attrs["default"] = "lithiation"
    entry["title"] = _text(plan.sample or plan.plan_name)
    entry["entry_identifier"] = _text(plan.run)
    with suppress(ValueError, OverflowError, OSError):  # a clock that was never set
        entry["start_time"] = datetime.fromtimestamp(plan.started_s, UTC).isoformat()
    _scan(entry, plan)
    _group(entry, "sample", "NXsample")["name"] = _text(plan.sample)
    steps = _group(entry, "process", "NXprocess")
    steps["program"] = "operando"
    steps["version"] = operando.__version__
    notes = _group(steps, "settings", "NXcollection")
    for key, value in process.items():
        notes[key.replace("/", ".")] = _text(value) if isinstance(value, str) else value

    spectra = _group(entry, "references", "NXdata")
    spectra.attrs.update({"signal": "spectra", "axes": [".", "energy_ev"], "unit": phases.unit})
    spectra.attrs["is_model"] = phases.is_model
    _field(spectra, "spectra", phases.curves.T, "", f"reference ({phases.unit})")
    _field(spectra, "energy_ev", phases.energy_ev, "eV", "photon energy (eV)")
    _field(
        spectra, "at_energies", phases.at_energies, "", f"reference at the scan's energies ({phases.unit})"
    )

    if phases.sigma is not None:
        label = f"standard deviation of the reference ({phases.unit})"
        _field(spectra, "sigma", phases.sigma, "", label)

    places = ("lithiation", "fractions", "fit")
    lithiation, fractions, fit = (_group(entry, place, "NXdata") for place in places)
    sizes = {
        "y": plan.grid.y_um.size,
        "x": plan.grid.x_um.size,
        "energy": plan.energies_ev.size,
        "phase": len(phases.names),
        "pair": 2,
    }
    for quantity in QUANTITIES:
        shape = tuple(sizes[dim] for dim in quantity.dims)
        packing = {"compression": "gzip", "shuffle": True} if "x" in quantity.dims else {}
        unit = _THICKNESS_UNITS.get(phases.unit, "") if quantity.unit == "thickness" else quantity.unit
        dataset = entry.create_dataset(
            quantity.place,
            shape=(0, *shape),
            maxshape=(None, *shape),
            # A map is read as a whole; the short series would waste a disk block on every cycle.
            chunks=(1 if "x" in quantity.dims else 64, *(max(size, 1) for size in shape)),
            dtype=quantity.dtype,
            **packing,
        )
        dataset.attrs.update({"units": unit, "long_name": quantity.label})
    for axis in ("y_um", "x_um"):
        _field(lithiation, axis, getattr(plan.grid, axis), "um", f"{axis[0]} (µm)")
    for group, signal, axes in (
        (lithiation, "lithium", ["time_s", "y_um", "x_um"]),
        (fractions, "fraction", ["time_s", ".", "y_um", "x_um"]),
        (fit, "chi2", ["time_s", "y_um", "x_um"]),
    ):
        group.attrs.update({"signal": signal, "axes": axes})
        for place, axis in enumerate(axes):
            if axis != ".":
                group.attrs[f"{axis}_indices"] = place
                if group is not lithiation:
                    group[axis] = lithiation[axis]
    fractions["phase"] = [_text(name) for name in phases.names]
    _field(fractions, "phase_lithium", phases.lithium, "", "lithium content of the pure phase")
    fit["energy_ev"] = entry["scan/energy_ev"]
    dataset_at(fit, "reason").attrs["meanings"] = [
        f"{reason.value} {reason.name.lower()}" for reason in Reason
    ]

    curves = _group(entry, "curves", "NXdata")
    curves.attrs.update({"signal": "lithium", "axes": ["time_s"], "time_s_indices": 0})
    for name, (dtype, unit, label) in CURVES.items():
        dataset = curves.create_dataset(name, shape=(0,), maxshape=(None,), chunks=(256,), dtype=dtype)
        dataset.attrs.update({"units": unit, "long_name": label})


def _scan(entry: h5py.Group, plan: ScanPlan) -> None:
    scan = _group(entry, "scan", "NXcollection")
    scan["plan_name"] = _text(plan.plan_name)
    scan["cycles"] = -1 if plan.cycles is None else plan.cycles
    for name in ("series", "region", "role"):
        scan[name] = _text(getattr(plan.part, name))
    scan["light"] = plan.light.value
    _field(scan, "started_s", plan.started_s, "s", "start of the run since 1970 (s)")
    _field(scan, "energy_ev", plan.energies_ev, "eV", "photon energy (eV)")
    _field(scan, "dwell_ms", plan.dwell_ms, "ms", "dwell (ms)")


def _group(parent: h5py.Group, name: str, nx_class: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    return group


def _text(text: str) -> str:
    """Return metadata without what HDF5 cannot store."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def _field(group: h5py.Group, name: str, value: object, unit: str, label: str) -> None:
    dataset = group.create_dataset(name, data=np.asarray(value))
    dataset.attrs.update({"units": unit, "long_name": label})
