"""What a name means: which ending is which kind of file, and what is an address instead of a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from operando.io.embedded_catalog import SCHEME

__all__ = ["FileKind", "endings_of", "is_address", "is_catalog", "kind_of", "without_key"]


class FileKind(StrEnum):
    """What a file holds."""

    RUN_LOG = "run log"
    JSON = "documents as JSON"
    MSGPACK = "documents as msgpack"
    SDF = "SDF"
    HDF5 = "HDF5"
    PTYCHOGRAPHY = "ptychography"
    TIFF = "TIFF"


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
    ".tif": FileKind.TIFF,
    ".tiff": FileKind.TIFF,
}
"""NXstxm, Data Exchange and results share their endings; which of them a file is stands in it."""
_CATALOGS = ("http://", "https://", SCHEME)


def kind_of(path: Path) -> FileKind | None:
    """Return what the ending of a name means, or None if it means nothing."""
    return _BY_ENDING.get(path.suffix.lower())


def endings_of(*kinds: FileKind) -> tuple[str, ...]:
    """Return the endings of some kinds."""
    return tuple(ending for ending, kind in _BY_ENDING.items() if kind in kinds)


def is_address(text: str) -> bool:
    """Return whether a source is an address, `tcp://…` or `catalog:FOLDER`, rather than a file."""
    return "://" in text or text.startswith(SCHEME)


def is_catalog(text: str) -> bool:
    """Return whether an address is that of a catalog, or of a run in one."""
    return text.startswith(_CATALOGS)


def without_key(text: str) -> str:
    """Return a source as it may be shown: what an address has before its @ and behind its ? may be a key."""
    if "://" not in text:
        return text
    address, mark, uids = text.partition("#")
    scheme, colon, rest = address.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return "".join((scheme, colon, host.rpartition("@")[2], slash, path, mark, uids))
