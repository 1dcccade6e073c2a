"""Which ending of a file's name means what: one table for reading, writing and verifying."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

__all__ = ["FileKind", "endings_of", "kind_of"]


class FileKind(StrEnum):
    """What a file holds."""

    RUN_LOG = "run log"
    JSON = "documents as JSON"
    MSGPACK = "documents as msgpack"
    SDF = "SDF"
    HDF5 = "HDF5"
    PTYCHOGRAPHY = "ptychography"


_BY_ENDING = {
    ".runlog": FileKind.RUN_LOG,
    ".json": FileKind.JSON,
    ".jsonl": FileKind.JSON,
    ".ndjson": FileKind.JSON,
    ".msgpack": FileKind.MSGPACK,
    ".hdr": FileKind.SDF,
    ".hdf5": FileKind.HDF5,
    ".h5": FileKind.HDF5,
    ".hdf": FileKind.HDF5,
    ".nxs": FileKind.HDF5,
    ".stxm": FileKind.HDF5,
    ".cxi": FileKind.PTYCHOGRAPHY,
    ".ptyr": FileKind.PTYCHOGRAPHY,
}
"""NXstxm, Data Exchange and results share their endings; which of them a file is stands in it."""


def kind_of(path: Path) -> FileKind | None:
    """Return what the ending of a name means, or None if it means nothing."""
    return _BY_ENDING.get(path.suffix.lower())


def endings_of(*kinds: FileKind) -> tuple[str, ...]:
    """Return the endings of some kinds."""
    return tuple(ending for ending, kind in _BY_ENDING.items() if kind in kinds)
