"""The file that a monitor goes on from: a head, the arrays, and an end that says that it is whole.

Each part is a blob of `operando.io.blob`, with its length and checksum before it. The file is written
beside its place and then takes it, so a kill leaves the old one or the new one.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from operando.errors import DamagedFileError, FrameRejected
from operando.io.atomic import sync_folder
from operando.io.blob import MAX_BYTES, decode, encode
from operando.io.frozen import Frozen

__all__ = ["StoredState", "read_state", "write_state"]

_MAGIC = b"operando checkpoint 1\n"
_PART = struct.Struct("<QI")


@dataclass(frozen=True, slots=True)
class StoredState:
    """What a checkpoint holds.

    Attributes
    ----------
    head
        What the state belongs to: text, numbers, lists and mappings.
    frozen
        The state.
    """

    head: dict[str, Any]
    frozen: Frozen


def write_state(path: Path, stored: StoredState) -> None:
    """Put a state into the file at `path`, whole or not at all.

    Raises
    ------
    FrameRejected
        It is too large to be stored.
    OSError
        The disk is full or fails; what was there is there still.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(_MAGIC)
            count = len(stored.frozen.arrays)
            _put(file, {"head": stored.head, "state": stored.frozen.plain, "arrays": count})
            for array in stored.frozen.arrays:
                _put(file, {"array": array})
            _put(file, {"parts": count + 1})
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except (OSError, FrameRejected):
        part.unlink(missing_ok=True)
        raise


def read_state(path: Path) -> StoredState | None:
    """Return the state in the file at `path`, or None if there is no file.

    Raises
    ------
    DamagedFileError
        It is not whole, or something else.
    OSError
        It cannot be read.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        if file.read(len(_MAGIC)) != _MAGIC:
            message = "it is no checkpoint of this version"
            raise DamagedFileError(message)
        first = _next(file)
        count = first.get("arrays")
        head, plain = first.get("head"), first.get("state")
        if not isinstance(count, int) or not isinstance(head, dict):
            message = "its head is something else"
            raise DamagedFileError(message)
        arrays = [_array(_next(file)) for _ in range(count)]
        if _next(file) != {"parts": count + 1}:
            message = "it has no end"
            raise DamagedFileError(message)
    return StoredState(head, Frozen(plain, arrays))


def _put(file: IO[bytes], part: dict[str, Any]) -> None:
    blob = encode(part)
    file.write(_PART.pack(len(blob), zlib.crc32(blob)))
    file.write(blob)


def _next(file: IO[bytes]) -> dict[str, Any]:
    opening = file.read(_PART.size)
    if len(opening) < _PART.size:
        message = "it ends too soon"
        raise DamagedFileError(message)
    length, crc32 = _PART.unpack(opening)
    blob = file.read(min(length, MAX_BYTES))
    if len(blob) != length or zlib.crc32(blob) != crc32:
        message = "its bytes do not match their checksum"
        raise DamagedFileError(message)
    return decode(blob)


def _array(part: dict[str, Any]) -> np.ndarray[Any, Any]:
    array = part.get("array")
    if not isinstance(array, np.ndarray):
        message = "an array is missing"
        raise DamagedFileError(message)
    return array
