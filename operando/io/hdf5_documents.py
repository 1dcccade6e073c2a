"""HDF5 files of several programs as documents: which kind one is stands in it, not in its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import h5py

from operando.io.data_exchange import read_data_exchange
from operando.io.exchange_file import holds_exchange
from operando.io.hdf5 import FOREIGN_ERRORS
from operando.io.nxstxm import holds_nxstxm, read_nxstxm
from operando.io.ptychography import holds_object, read_ptychography

__all__ = ["holds_images", "read_hdf5"]

_Reader: TypeAlias = Callable[[Path], Iterator[tuple[str, dict[str, Any]]]]


def read_hdf5(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of the images in a file: Data Exchange, a ptychographic object, or else NXstxm.

    Raises
    ------
    SourceUnreachable, DamagedFileError, RunRejected
        As the reader of its kind.
    """
    reader = _reader(path)
    yield from (read_nxstxm if reader is None else reader)(path)


def holds_images(path: Path) -> bool:
    """Return whether a file has images that are read; False if it cannot be opened."""
    return _reader(path) is not None or holds_nxstxm(path)


def _reader(path: Path) -> _Reader | None:
    try:
        with h5py.File(path, "r") as file:
            if holds_exchange(file):
                return read_data_exchange
            return read_ptychography if holds_object(file) else None
    except FOREIGN_ERRORS:
        return None
