"""The structure of msgpack bytes, walked without making anything of them: depth, values, lengths.

msgpack makes what it finds while it goes on, and a value of one byte becomes an object of 8 to 64: half a
gigabyte of empty mappings would take 30 GB before anybody could count them. So large documents are
walked first. What a document is large by, arrays and texts, is stepped over; a frame takes microseconds.
"""

from __future__ import annotations

from operando.errors import DamagedFileError

__all__ = ["check_structure"]

_SIZE_BYTES = {
    **dict.fromkeys((0xC4, 0xC7, 0xD9), 1),  # bytes, extensions and text, with a length of 1, 2 or 4 bytes
    **dict.fromkeys((0xC5, 0xC8, 0xDA, 0xDC, 0xDE), 2),  # also lists and mappings
    **dict.fromkeys((0xC6, 0xC9, 0xDB, 0xDD, 0xDF), 4),
}
_FIXED_BYTES = {
    **dict.fromkeys(range(0x100), 0),  # small numbers, None and booleans; the others follow
    **{mark: mark & 0x1F for mark in range(0xA0, 0xC0)},  # short texts
    **dict(zip(range(0xCA, 0xD4), (4, 8, 1, 2, 4, 8, 1, 2, 4, 8), strict=True)),  # numbers
    **dict(zip(range(0xD4, 0xD9), (2, 3, 5, 9, 17), strict=True)),  # extensions of fixed length
}
_NEVER_USED = 0xC1
_LISTS, _MAPPINGS, _EXTENSIONS = (0xDC, 0xDD), (0xDE, 0xDF), (0xC7, 0xC8, 0xC9)


def check_structure(blob: bytes, most_depth: int, most_values: int) -> None:
    """Refuse bytes that nest too deep, hold too many values, or claim more than they have.

    Parameters
    ----------
    blob
        One msgpack value.
    most_depth
        Deepest nesting of lists and mappings.
    most_values
        Most values in all lists and mappings together; a mapping counts its keys too.

    Raises
    ------
    DamagedFileError
        If they do.
    """
    at, values, open_values = 0, 0, [1]
    while open_values:
        if not open_values[-1]:
            open_values.pop()
            continue
        open_values[-1] -= 1
        at, inside = _past(blob, at)
        if inside:
            values += inside
            open_values.append(inside)
            if len(open_values) > most_depth + 1:
                message = f"nesting deeper than {most_depth} was found"
                raise DamagedFileError(message)
            if values > most_values:
                message = f"more than {most_values} values were found"
                raise DamagedFileError(message)


def _past(blob: bytes, at: int) -> tuple[int, int]:
    """Return the place behind a value, and how many are inside of it, which come next."""
    if at >= len(blob):
        message = "the bytes end too early"
        raise DamagedFileError(message)
    mark = blob[at]
    at += 1
    if mark == _NEVER_USED:
        message = f"the mark {mark:#04x}, which means nothing, was found"
        raise DamagedFileError(message)
    if 0x80 <= mark <= 0x9F:
        inside = (mark & 0x0F) * (2 if mark < 0x90 else 1)
        return at, inside
    if mark not in _SIZE_BYTES:
        return _within(blob, at + _FIXED_BYTES[mark]), 0
    behind = _within(blob, at + _SIZE_BYTES[mark])
    length = int.from_bytes(blob[at:behind], "big")
    if mark in _LISTS or mark in _MAPPINGS:
        inside = length if mark in _LISTS else 2 * length
        # Each takes a byte at least.
        _within(blob, behind + inside)
        return behind, inside
    return _within(blob, behind + length + (1 if mark in _EXTENSIONS else 0)), 0


def _within(blob: bytes, at: int) -> int:
    if at > len(blob):
        message = f"a length reaches {at - len(blob)} bytes beyond the end"
        raise DamagedFileError(message)
    return at
