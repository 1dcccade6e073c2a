"""Whether the list of images in a TIFF file comes to its end: one that was cut off says nothing of the rest.

TIFF 6.0, section 2 (https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf), and BigTIFF
(https://www.awaresystems.be/imaging/tiff/bigtiff.html).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["ends_its_list"]

_MOST_IMAGES = 65_536


@dataclass(frozen=True, slots=True)
class _Form:
    """How many bytes an offset, a count and an entry of a list have, and where the first offset stands."""

    offset: str
    count: str
    entry_bytes: int
    first: int


_FORMS = {42: _Form("I", "H", 12, 4), 43: _Form("Q", "Q", 20, 8)}


def ends_its_list(path: Path) -> bool:
    """Return whether each list of a TIFF file names the next one, and the last one none."""
    with path.open("rb") as file:
        head = file.read(4)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        form = None if order is None or len(head) < 4 else _FORMS.get(struct.unpack(f"{order}H", head[2:])[0])
        if order is None or form is None:
            return False
        place: int | None = _number(file, form.first, order + form.offset)
        for _ in range(_MOST_IMAGES):
            if not place:
                return place == 0
            entries = _number(file, place, order + form.count)
            if entries is None:
                return False
            after = place + struct.calcsize(order + form.count) + entries * form.entry_bytes
            place = _number(file, after, order + form.offset)
    return False


def _number(file: BinaryIO, place: int, form: str) -> int | None:
    """Return a number in a file, or None where the file has ended."""
    size = struct.calcsize(form)
    try:
        file.seek(place)
    except (OSError, OverflowError):
        return None
    found = file.read(size)
    return struct.unpack(form, found)[0] if len(found) == size else None
