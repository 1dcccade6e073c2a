"""Typed ways into an HDF5 file: what is found there is of the kind that was asked for, or a KeyError."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

__all__ = ["array_at", "dataset_at", "group_at", "scalar_at", "text_at"]


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
