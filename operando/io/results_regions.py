"""What somebody marked on the sample, in a results file: spectra of the regions, and their curves.

Written whole each time, as it stands: a region that is drawn late has a curve that goes back, and one
that is moved begins anew. Without regions the group is there, and empty.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from operando.errors import ConfigurationError
from operando.io.hdf5 import array_at, dataset_at
from operando.regions import Outline, Region
from operando.types import Curve, RegionResult, Snapshot

__all__ = [
    "NOTHING_MARKED",
    "REGIONS",
    "Marked",
    "create_regions",
    "holds_regions",
    "marked_in",
    "put_regions",
    "read_regions",
]

_TEXT = h5py.string_dtype("utf-8", 256)
_OUTLINE = h5py.string_dtype("utf-8", 32768)
_FIELD = -1
"""What stands for the field without the masks where a region has its place."""
_OF_ONE = ("pixels", "thickness", "background", "background_slope", "lithium", "lithium_error")
_OF_ONE_TOO = ("chi2", "r_factor")
_OF_ENERGIES = ("od", "od_error")
_OF_PHASES = ("fraction", "fraction_error")
_NUMBERS = (*_OF_ONE, *_OF_ONE_TOO, *_OF_ENERGIES, *_OF_PHASES)
_POINTS = {"cycle": "<i8", "time_s": "<f8", "lithium": "<f8", "lithium_error": "<f8", "pixels": "<i8"}
REGIONS = ("name", "outline", "corners_um", *_NUMBERS, "of_region", *(f"curve_{name}" for name in _POINTS))
"""The datasets below `/entry/regions`."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What the marks of a run say at one moment.

    Attributes
    ----------
    regions
        With their curves over the cycles of record.
    unmasked_curve
        Of the field without the masks; None where there are none.
    """

    regions: tuple[RegionResult, ...] = ()
    unmasked_curve: Curve | None = None


NOTHING_MARKED = Marked()


def marked_in(snapshot: Snapshot) -> Marked:
    """Return what the marks say in a snapshot."""
    return Marked(snapshot.regions, snapshot.unmasked_curve)


def create_regions(entry: h5py.Group, energies: int, phases: int) -> None:
    """Make the group, empty."""
    group = entry.create_group("regions")
    group.attrs["NX_class"] = "NXcollection"
    wide = {
        **dict.fromkeys(_OF_ENERGIES, (energies,)),
        **dict.fromkeys(_OF_PHASES, (phases,)),
    }
    kinds: dict[str, Any] = dict.fromkeys(_NUMBERS, "<f8")
    kinds |= {"name": _TEXT, "outline": _TEXT, "corners_um": _OUTLINE, "of_region": "<i8"}
    kinds |= {f"curve_{name}": kind for name, kind in _POINTS.items()}
    for name in REGIONS:
        shape = wide.get(name, ())
        group.create_dataset(
            name,
            shape=(0, *shape),
            maxshape=(None, *shape),
            chunks=(16 if kinds[name] is _OUTLINE else 64, *(max(size, 1) for size in shape)),
            dtype=kinds[name],
            compression="gzip",
            shuffle=True,
        )


def put_regions(entry: h5py.Group, marked: Marked) -> None:
    """Write what the marks say, in place of what is there."""
    if "regions" not in entry:
        return  # a file from before there were any
    for name, values in _columns(marked).items():
        dataset = dataset_at(entry, f"regions/{name}")
        dataset.resize(len(values), axis=0)
        if values:
            dataset[:] = np.array(values, dtype=dataset.dtype)


def holds_regions(entry: h5py.Group, marked: Marked) -> bool:
    """Return whether just this is there."""
    if "regions" not in entry:
        return True
    for name, values in _columns(marked).items():
        stored = np.asarray(dataset_at(entry, f"regions/{name}")[:])
        if len(stored) != len(values) or stored.tobytes() != np.array(values, stored.dtype).tobytes():
            return False
    return True


def _columns(marked: Marked) -> dict[str, list[Any]]:
    regions = marked.regions
    columns: dict[str, list[Any]] = {
        "name": [result.region.name.replace("\0", " ").encode("utf-8", "replace") for result in regions],
        "outline": [result.region.outline.value.encode() for result in regions],
        "corners_um": [json.dumps(result.region.corners_um).encode() for result in regions],
        **{name: [getattr(result, name) for result in regions] for name in _NUMBERS},
    }
    curves = [(place, result.curve) for place, result in enumerate(regions)]
    if marked.unmasked_curve is not None:
        curves.append((_FIELD, marked.unmasked_curve))
    columns["of_region"] = [place for place, curve in curves for _ in range(curve.cycle.size)]
    for name in _POINTS:
        columns[f"curve_{name}"] = [value for _, curve in curves for value in getattr(curve, name).tolist()]
    return columns


def read_regions(entry: h5py.Group) -> Marked:
    """Return what the marks said when they were last written.

    Raises
    ------
    ConfigurationError
        An outline in the file is none.
    """
    if "regions" not in entry:
        return NOTHING_MARKED
    columns = {name: array_at(entry, f"regions/{name}") for name in REGIONS}
    results: list[RegionResult] = []
    for place in range(len(columns["name"])):
        numbers: dict[str, Any] = {name: columns[name][place] for name in _NUMBERS}
        for name in (*_OF_ONE, *_OF_ONE_TOO):
            numbers[name] = float(numbers[name])
        numbers["pixels"] = int(numbers["pixels"])
        region = _region(*(str(columns[name][place]) for name in ("name", "outline", "corners_um")))
        results.append(RegionResult(region=region, curve=_curve(columns, place), **numbers))
    has_masks = bool(np.any(columns["of_region"] == _FIELD))
    return Marked(tuple(results), _curve(columns, _FIELD) if has_masks else None)


def _region(name: str, outline: str, corners: str) -> Region:
    try:
        corners_um = tuple((float(x), float(y)) for x, y in json.loads(corners))
        return Region(name, Outline(outline), corners_um)
    except (ValueError, TypeError) as error:
        msg = f"region '{name}' has no outline that can be read ({error})"
        raise ConfigurationError(msg) from error


def _curve(columns: dict[str, Any], place: int) -> Curve:
    own = columns["of_region"] == place
    return Curve(*(columns[f"curve_{name}"][own] for name in _POINTS))
