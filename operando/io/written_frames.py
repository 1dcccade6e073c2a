"""Frames in an HDF5 file that a detector may still be writing: what is there, and no more."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from operando.io.hdf5 import FOREIGN_ERRORS, dataset_at

__all__ = ["frames_in"]

_MOST_BYTES = 2**29
"""Of the frames of one event, and of one chunk of the file, which HDF5 unpacks as a whole."""
_NUMBERS = frozenset("biuf")


def frames_in(
    path: Path, dataset: str, first: int, stop: int, declared: tuple[int, ...] = ()
) -> np.ndarray[Any, Any] | None:
    """Return frames `first` to `stop` of a dataset, or None where they are not written yet.

    Where an event is declared to have as many dimensions as the dataset, the first of them counts frames, and
    an event is so many of them: ophyd-async writes k exposures an event as (k, ny, nx), one after the other.

    Parameters
    ----------
    path
        Of the file.
    dataset
        Its place in the file.
    first, stop
        Along its first axis, or in events.
    declared
        Shape of one event, if events are counted.

    Raises
    ------
    ValueError
        What is there can never be such frames: of another kind, or too large.
    """
    if not path.is_file():
        return None
    try:
        file = h5py.File(path, "r", libver="latest", swmr=True, locking=False)
    except FOREIGN_ERRORS:
        return None  # the detector has not finished its head
    with file:
        try:
            found = dataset_at(file, dataset)
        except FOREIGN_ERRORS:
            return None
        frames = declared[0] if found.ndim and len(declared) == found.ndim else 1
        first, stop = first * frames, stop * frames
        _check(found, path, stop - first)
        try:
            found.refresh()
            is_there = found.shape[0] >= stop and _is_written(found, first, stop)
            return np.asarray(found[first:stop]) if is_there else None
        except FOREIGN_ERRORS:
            return None


def _check(dataset: h5py.Dataset, path: Path, frames: int) -> None:
    item = dataset.dtype.itemsize
    needed = max(frames * math.prod(dataset.shape[1:]), math.prod(dataset.chunks or ())) * item
    if dataset.ndim < 1 or dataset.dtype.kind not in _NUMBERS or dataset.dtype.subdtype is not None:
        msg = f"{path.name}:{dataset.name} has {dataset.shape} of {dataset.dtype}; expected frames of numbers"
        raise ValueError(msg)
    if needed > _MOST_BYTES:
        msg = f"{path.name}:{dataset.name} needs {needed} bytes for one event; at most {_MOST_BYTES} are read"
        raise ValueError(msg)


def _is_written(dataset: h5py.Dataset, first: int, stop: int) -> bool:
    """Return whether all chunks of some frames have a place in the file.

    A dataset is made longer before its frames are written: what has no place yet would be read as zeros.
    """
    if dataset.chunks is None:
        return dataset.id.get_offset() is not None
    spans = [range(first - first % dataset.chunks[0], stop, dataset.chunks[0])]
    spans += [range(0, size, step) for size, step in zip(dataset.shape[1:], dataset.chunks[1:], strict=True)]
    return all(
        dataset.id.get_chunk_info_by_coord(corner).byte_offset is not None for corner in product(*spans)
    )
