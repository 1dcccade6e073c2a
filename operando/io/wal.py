"""The file beside a run log (`-wal`), which holds its newest documents: whether all of them are still there.

SQLite reads it up to the first frame whose checksum is wrong, takes the rest as never written, and says
nothing: a killed writer leaves such a rest. So a bit that turned over would take the newest documents
away in silence. A killed writer leaves an end, though; what has committed frames of the same writing
behind it was whole once (https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
"""

from __future__ import annotations

import struct
from pathlib import Path

from operando.errors import SourceUnreachable

__all__ = ["damage_of_wal"]

_HEADER_BYTES = 32
_FRAME_HEAD_BYTES = 24
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
_MOST_BYTES = 2**30


def damage_of_wal(log: Path) -> str:
    """Return what is wrong with the file beside a log that nobody writes; "" if nothing is, or it has none.

    Raises
    ------
    SourceUnreachable
        If it cannot be read.
    """
    path = log.with_name(f"{log.name}-wal")
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return ""
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise SourceUnreachable(message) from error
    if not content:
        return ""
    magic, _, page_bytes = struct.unpack(">III", content[:12].ljust(12, b"\0"))
    if len(content) < _HEADER_BYTES or magic not in _MAGIC or not 512 <= page_bytes <= 65536:
        return f"{path.name}, which holds the newest documents, has a damaged beginning"
    order = _MAGIC[magic]
    checked = _checksum(content[:24], order, (0, 0))
    if checked != struct.unpack(">II", content[24:_HEADER_BYTES]):
        return f"{path.name}, which holds the newest documents, has a damaged beginning"
    return _damaged_frame(path.name, content, page_bytes, order)


def _damaged_frame(name: str, content: bytes, page_bytes: int, order: str) -> str:
    """Return which frame is damaged though frames of the same writing were committed behind it, or ""."""
    frame_bytes = _FRAME_HEAD_BYTES + page_bytes
    salts = content[16:24]
    checked = struct.unpack(">II", content[24:_HEADER_BYTES])
    starts = range(_HEADER_BYTES, len(content) - frame_bytes + 1, frame_bytes)
    for number, start in enumerate(starts, start=1):
        head = content[start : start + _FRAME_HEAD_BYTES]
        checked = _checksum(head[:8], order, checked)
        checked = _checksum(content[start + _FRAME_HEAD_BYTES : start + frame_bytes], order, checked)
        if head[8:16] == salts and struct.unpack(">II", head[16:]) == checked:
            continue
        of_same_writing = [
            later for later in starts[number - 1 :] if content[later + 8 : later + 16] == salts
        ]
        if any(content[later + 4 : later + 8] != bytes(4) for later in of_same_writing):
            return f"page {number} of {name} is damaged; the newest documents, there and behind it, are lost"
        return ""
    return ""


def _checksum(part: bytes, order: str, before: tuple[int, int]) -> tuple[int, int]:
    """Return the checksum of SQLite over 32-bit words, by pairs, going on from what was before."""
    first, second = before
    words = struct.unpack(f"{order}{len(part) // 4}I", part)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
