"""Whether every cycle of a results file can be read, and agrees with itself.

HDF5 keeps a checksum only of what is packed. So beside reading all of it, what must hold of every fit is
looked at: a value where the pixel is valid and none where it is not, fractions that sum up to one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from operando.errors import DamagedFileError
from operando.io.hdf5 import FOREIGN_ERRORS, array_at, dataset_at, group_at
from operando.io.results import read_results
from operando.io.results_layout import QUANTITIES, SINCE_1

__all__ = ["check_results"]

_SUM_TOLERANCE = 1e-6
"""Of fractions written as float64, sums of a few terms near 1."""


def check_results(path: Path) -> tuple[int, dict[int, str]]:
    """Return how many cycles the results file at `path` holds, and what is wrong with which, from 1.

    A file that cannot be opened at all counts as one bad cycle.
    """
    try:
        with h5py.File(path, "r") as file:
            entry = group_at(file, "entry")
            cycles = array_at(entry, "lithiation/cycle").size
            bad = {
                number: trouble for number in range(1, cycles + 1) if (trouble := _trouble(entry, number - 1))
            }
        if not bad:
            read_results(path)
    except DamagedFileError as error:
        return 1, {1: str(error)}
    except FOREIGN_ERRORS as error:
        return 1, {1: f"{path} is damaged or is not a results file: {error}"}
    return cycles, bad


def _trouble(entry: h5py.Group, row: int) -> str:
    """Return what is wrong with a cycle; "" if nothing is."""
    values: dict[str, Any] = {}
    for quantity in QUANTITIES:
        if quantity.name in SINCE_1 and quantity.place not in entry:
            continue
        try:
            values[quantity.name] = dataset_at(entry, quantity.place)[row]
        except FOREIGN_ERRORS as error:
            return f"{quantity.place} of cycle {row + 1} cannot be read: {error}"
    valid = values["valid"] == 1
    if not np.array_equal(valid, values["reason"] == 0):
        return f"cycle {row + 1} is not of one mind on which pixels are valid"
    if not np.array_equal(np.isfinite(values["lithium"]), valid):
        return f"cycle {row + 1} has values where it is undetermined, or none where it is determined"
    sums = values["fraction"].sum(axis=0)[valid]
    if not (np.abs(sums - 1.0) < _SUM_TOLERANCE).all():
        return f"the fractions of cycle {row + 1} do not sum up to one"
    if values["energies_used"].max(initial=0) > values["i0"].size:
        return f"cycle {row + 1} says that more energies were fitted than there are"
    return ""
