"""Typed ways into an HDF5 file: what is found there is of the kind that was asked for, or a KeyError.

A file may come from anybody. So links to other files are not followed; numbers and texts are read and
nothing else; and no more memory is taken than the file has bytes for.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

__all__ = [
    "FOREIGN_ERRORS",
    "array_at",
    "dataset_at",
    "group_at",
    "groups_in",
    "modulus_at",
    "own_item",
    "scalar_at",
    "text_at",
]

FOREIGN_ERRORS = (OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError)
"""What h5py raises over a file that is damaged, or laid out in another way than ours."""

_NUMBERS = frozenset("biuf")
_FILTERS = frozenset(
    {
        h5py.h5z.FILTER_DEFLATE,
        h5py.h5z.FILTER_SHUFFLE,
        h5py.h5z.FILTER_FLETCHER32,
        h5py.h5z.FILTER_SZIP,
        h5py.h5z.FILTER_NBIT,
        h5py.h5z.FILTER_SCALEOFFSET,
        h5py.h5z.FILTER_LZF,
    }
)
"""Those that HDF5 and h5py bring along; for any other HDF5 would load a library."""
_MOST_LINKS = 8
_MOST_BYTES = 2**34
_SMALL_BYTES = 2**26
_MOST_PACKED = 1100
"""What `gzip` can save at most is a factor of 1032 (https://zlib.net/zlib_tech.html)."""


def group_at(parent: h5py.Group, place: str) -> h5py.Group:
    """Return the group at `place`."""
    found = _own(parent, place)
    if not isinstance(found, h5py.Group):
        message = f"{parent.name}/{place} is not a group"
        raise KeyError(message)
    return found


def dataset_at(parent: h5py.Group, place: str) -> h5py.Dataset:
    """Return the dataset at `place`, whose values lie in this file."""
    found = _own(parent, place)
    if not isinstance(found, h5py.Dataset):
        message = f"{parent.name}/{place} is not a dataset"
        raise KeyError(message)
    if not _holds_its_values(found):
        message = f"{parent.name}/{place} does not have its values in this file, or packed in another way"
        raise KeyError(message)
    return found


def array_at(parent: h5py.Group, place: str) -> np.ndarray[Any, Any]:
    """Return all values of the dataset at `place`; text as str."""
    dataset = dataset_at(parent, place)
    if dataset.shape is None:
        message = f"{parent.name}/{place} is empty"
        raise KeyError(message)
    _check_size(dataset)
    if h5py.check_string_dtype(dataset.dtype):
        return np.asarray(dataset.asstr(errors="replace")[()])
    if dataset.dtype.kind not in _NUMBERS or dataset.dtype.subdtype is not None:
        message = f"{dataset.name} is of the kind {dataset.dtype}; numbers or text were expected"
        raise KeyError(message)
    return np.asarray(dataset[()])


def modulus_at(parent: h5py.Group, place: str) -> np.ndarray[Any, Any]:
    """Return the absolute values of the numbers in the dataset at `place`, complex or not."""
    dataset = dataset_at(parent, place)
    if dataset.shape is None or dataset.dtype.kind not in "fc" or dataset.dtype.subdtype is not None:
        message = f"{dataset.name} is of the kind {dataset.dtype}; complex or floating numbers were expected"
        raise KeyError(message)
    _check_size(dataset)
    return np.abs(np.asarray(dataset[()])).astype(np.float64)


def scalar_at(parent: h5py.Group, place: str) -> str | float | int:
    """Return the one value of the dataset at `place`."""
    return array_at(parent, place).item()


def text_at(parent: h5py.Group, place: str) -> str:
    """Return the text at `place`."""
    return str(scalar_at(parent, place))


def _own(
    parent: h5py.Group, place: str, most_links: int = _MOST_LINKS
) -> h5py.Group | h5py.Dataset | h5py.Datatype:
    """Return what lies at `place` in this very file; soft links are followed as far as they stay in it."""
    found: h5py.Group | h5py.Dataset | h5py.Datatype = parent.file if place.startswith("/") else parent
    for step in filter(None, place.split("/")):
        inside = found if isinstance(found, h5py.Group) else None
        link = None if inside is None else inside.get(step, getlink=True)
        if inside is not None and isinstance(link, h5py.SoftLink) and most_links:
            found = _own(inside, link.path, most_links - 1)
        elif inside is not None and isinstance(link, h5py.HardLink):
            found = inside[step]
        else:
            message = f"{parent.name}/{place} is not there, or is a link to elsewhere"
            raise KeyError(message)
    return found


def _holds_its_values(dataset: h5py.Dataset) -> bool:
    """Return whether the values lie in the same file, packed in a way that needs no foreign library."""
    packing = dataset.id.get_create_plist()
    filters = {packing.get_filter(number)[0] for number in range(packing.get_nfilters())}
    return not dataset.is_virtual and not dataset.external and filters <= _FILTERS


def _check_size(dataset: h5py.Dataset) -> None:
    """Refuse a dataset that takes far more memory than it has bytes in the file."""
    needed, there = dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if needed > _MOST_BYTES or (needed > _SMALL_BYTES and needed > _MOST_PACKED * there):
        message = (
            f"{dataset.name} claims {needed} bytes and has {there}; at most {_MOST_PACKED} times of "
            f"that, and {_MOST_BYTES} in all, are read"
        )
        raise KeyError(message)


def own_item(parent: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """Return what lies under a name in this very file, or None: other files are not looked into."""
    try:
        found = _own(parent, name)
    except KeyError:
        return None
    if isinstance(found, h5py.Dataset):
        return found if _holds_its_values(found) else None
    return found if isinstance(found, h5py.Group) else None


def groups_in(parent: h5py.Group, nexus_class: str) -> list[h5py.Group]:
    """Return the groups of a NeXus class right below another, in the order of their names."""
    found = (own_item(parent, str(name)) for name in parent)
    return [group for group in found if isinstance(group, h5py.Group) and _class_of(group) == nexus_class]


def _class_of(group: h5py.Group) -> str:
    value = group.attrs.get("NX_class", "")
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
