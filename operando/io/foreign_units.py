"""Energies, lengths and times in other programs' HDF5 files, in our units."""

from __future__ import annotations

from datetime import UTC, datetime

import h5py
import numpy as np

from operando.io.hdf5 import array_at, own_item, text_at
from operando.types import FloatArray

__all__ = ["UM_PER_UNIT", "energies_ev_at", "lengths_um_at", "seconds_at"]

UM_PER_UNIT = {
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "nm": 1e-3,
    "mm": 1e3,
    "m": 1e6,
}
_JOULE_PER_EV = 1.602176634e-19
_LEAST_EV = 50.0
"""No absorption edge that is scanned lies lower (lithium's own is at 55 eV): such numbers are keV."""
_MOST_JOULE = 1e-12
"""6 MeV."""


def energies_ev_at(parent: h5py.Group, place: str) -> FloatArray | None:
    """Return the photon energies in a dataset, shape (n,), in eV; None if it is not there.

    Where no unit is said, numbers that could not be eV are taken as keV or J.
    """
    values = _numbers(parent, place)
    if values is None:
        return None
    unit = _unit(parent, place).lower()
    if unit == "kev" or (not unit and ((values < _LEAST_EV) & (values > _MOST_JOULE)).all()):
        return values * 1e3
    if unit in ("j", "joule", "joules") or (not unit and (values <= _MOST_JOULE).all()):
        return values / _JOULE_PER_EV
    return values


def lengths_um_at(parent: h5py.Group, place: str, otherwise: str = "m") -> FloatArray | None:
    """Return the lengths in a dataset, shape (n,), in µm; None if it is not there, or in another unit."""
    values = _numbers(parent, place)
    scale = UM_PER_UNIT.get((_unit(parent, place) or otherwise).lower())
    return None if values is None or scale is None else values * scale


def seconds_at(parent: h5py.Group, place: str) -> float:
    """Return an ISO 8601 time in seconds since the epoch, without a zone as UTC; NaN if it is not there."""
    if own_item(parent, place) is None:
        return float("nan")
    try:
        when = datetime.fromisoformat(text_at(parent, place).strip())
    except (KeyError, ValueError):
        return float("nan")
    return max((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp(), 0.0)


def _numbers(parent: h5py.Group, place: str) -> FloatArray | None:
    if own_item(parent, place) is None:
        return None
    values = array_at(parent, place)
    return np.ravel(values).astype(np.float64) if values.dtype.kind in "iuf" else None


def _unit(parent: h5py.Group, place: str) -> str:
    item = own_item(parent, place)
    value = "" if item is None else item.attrs.get("units", "")
    said = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return said.strip()
