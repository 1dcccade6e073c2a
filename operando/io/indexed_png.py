"""An image of numbered colours as PNG: one byte a pixel and a table, nothing else."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["indexed_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FAST = 1
"""How hard zlib tries: maps are noise, on which more effort wins little."""


def indexed_png(index: NDArray[np.uint8], table: NDArray[np.uint8]) -> bytes:
    """Return a picture as PNG (ISO/IEC 15948, colour type 3).

    Parameters
    ----------
    index
        Number of the colour of each pixel, shape (ny, nx); the first row is the uppermost.
    table
        Red, green and blue of each colour, shape (256, 3).
    """
    ny, nx = index.shape
    # Each row begins with the number of its filter: none.
    rows = np.zeros((ny, nx + 1), np.uint8)
    rows[:, 1:] = index
    head = struct.pack(">IIBBBBB", nx, ny, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", head),
        (b"PLTE", np.ascontiguousarray(table, np.uint8).tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), _FAST)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
