"""Typed ways into an HDF5 file: what is found there is of the kind that was asked for, or a KeyError."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

__all__ = ["array_at", "dataset_at", "group_at", "groups_in", "own_item", "scalar_at", "text_at"]


def group_at(parent: h5py.Group, place: str) -> h5py.Group:
    """Return the group at `place`."""
    found = parent[place]
    if not isinstance(found, h5py.Group):
        message = f"{parent.name}/{place} is not a group"
        raise KeyError(message)
    return found


def dataset_at(parent: h5py.Group, place: str) -> h5py.Dataset:
    """Return the dataset at `place`."""
    found = parent[place]
    if not isinstance(found, h5py.Dataset):
        message = f"{parent.name}/{place} is not a dataset"
        raise KeyError(message)
    return found


def array_at(parent: h5py.Group, place: str) -> np.ndarray[Any, Any]:
    """Return all values of the dataset at `place`; text as str."""
    dataset = dataset_at(parent, place)
    if dataset.shape is None:
        message = f"{parent.name}/{place} is empty"
        raise KeyError(message)
    return np.asarray(dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()])


def scalar_at(parent: h5py.Group, place: str) -> str | float | int:
    """Return the one value of the dataset at `place`."""
    return array_at(parent, place).item()


def text_at(parent: h5py.Group, place: str) -> str:
    """Return the text at `place`."""
    return str(scalar_at(parent, place))


def own_item(parent: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """Return what lies under a name in this very file, or None: links to other files are not followed."""
    if isinstance(parent.get(name, getlink=True), h5py.ExternalLink):
        return None
    found = parent.get(name)
    return found if isinstance(found, h5py.Group | h5py.Dataset) else None


def groups_in(parent: h5py.Group, nexus_class: str) -> list[h5py.Group]:
    """Return the groups of a NeXus class right below another, in the order of their names."""
    found = (own_item(parent, str(name)) for name in parent)
    return [group for group in found if isinstance(group, h5py.Group) and _class_of(group) == nexus_class]


def _class_of(group: h5py.Group) -> str:
    value = group.attrs.get("NX_class", "")
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
