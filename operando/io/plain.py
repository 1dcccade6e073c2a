"""A document as the log can hold it: a copy of plain values; what is not plain becomes text.

People put dates, paths, sets and whole objects into their metadata. None of them may cost the
document they came with: without its start document a run of hours means nothing. So nothing is
refused here, and the caller is told which keys were turned into something else. Numbers, text
and arrays of numbers come through unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from operando.io.blob import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, Checked, is_storable

__all__ = ["PlainDocument", "as_plain", "as_plain_text"]

_VALUE_BYTES = 32
"""What a value of a list takes in memory; more than in the log."""
_MAX_INT_BITS = 2000
"""Python refuses to write out longer integers in decimal where it was told to be careful."""
# Made once: this is done for every value while the beam waits.
_AS_IT_IS = (float, bool, type(None))
_PASSED_ON = frozenset({float, bool, type(None)})
_NUMPY = (np.ndarray, np.generic)
_BYTES = (bytes, bytearray, memoryview)
_MAPPINGS = (dict, Mapping)
_SEQUENCES = (list, tuple, Sequence)
_CONTAINERS = (dict, list, tuple, Mapping, Sequence, Set)


@dataclass(frozen=True, slots=True)
class PlainDocument:
    """A copy that nobody else can change.

    Attributes
    ----------
    document
        Text, numbers, booleans, None, bytes, lists, mappings with text keys, and arrays.
    size_bytes
        What its arrays and texts weigh.
    turned
        Keys whose values have no place in the log as they are, joined by dots; with lists, all
        items under the key of the list.
    """

    document: Checked
    size_bytes: int
    turned: frozenset[str]


def as_plain(document: Mapping[str, Any], text_of: Callable[[object], str] = str) -> PlainDocument:
    """Return a plain copy of `document`, within the limits of `operando.io.blob`.

    Integers beyond 64 bits, dates, paths and all other objects become text, sets become lists,
    arrays that are not of numbers lists of their items, masked arrays of numbers float64 with NaN
    where masked. What is too deep or too large becomes a text that says so.

    Parameters
    ----------
    document
        As the RunEngine emitted it.
    text_of
        How an object that is not plain is written; may raise, then this raises the same.
    """
    copy = _Copy(text_of, len(document))
    plain = copy.mapping(document, "", 0)
    return PlainDocument(Checked(plain), copy.size_bytes, frozenset(copy.turned))


def as_plain_text(text: str) -> str:
    """Return `text` with what UTF-8 cannot hold (lone surrogates) written as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class _Copy:
    """One document's copying: what it weighs so far and what was turned."""

    def __init__(self, text_of: Callable[[object], str], values: int) -> None:
        self._text_of = text_of
        self._values = values
        self._inside: set[int] = set()
        self.size_bytes = 0
        self.turned: set[str] = set()

    def value(self, value: object, key: str, depth: int) -> object:
        """Return a plain copy of `value`, which stands under `key` in so many containers."""
        if isinstance(value, _AS_IT_IS) or _is_short(value):
            return value
        if isinstance(value, str):
            text = as_plain_text(value)
            if text != value:
                self.turned.add(key)
            return self._weighed(text, len(text) if text.isascii() else 4 * len(text), value, key)
        if isinstance(value, _NUMPY):
            return self._array(value, key, depth)
        if isinstance(value, _BYTES):
            copy = bytes(value)
            return self._weighed(copy, len(copy), value, key)
        if isinstance(value, _CONTAINERS):
            return self._container(value, key, depth)
        text = _written_out(value) if isinstance(value, int) else as_plain_text(self._text_of(value))
        return self._turn(text, key)

    def mapping(self, value: Mapping[Any, Any], key: str, depth: int) -> dict[str, Any]:
        """Return a plain copy of a mapping; no item is lost where two keys become the same text."""
        found: dict[str, Any] = {}
        for original, item in value.items():
            if type(original) is str and original.isascii() and original not in found:
                kind = type(item)
                # The numbers of a line, and its readings: hundreds of floats, whose types are found in C.
                if kind in _PASSED_ON or (kind is int and _is_short(item)):
                    found[original] = item
                    self.size_bytes += 4 * len(original)
                    continue
            name = as_plain_text(original if isinstance(original, str) else self._text_of(original))
            while name in found:
                name += "'"
            joined = f"{key}.{name}" if key else name
            if name != original:
                self.turned.add(joined)
            self.size_bytes += 4 * len(name)
            found[name] = self.value(item, joined, depth + 1)
        return found

    def _container(self, value: Mapping[Any, Any] | Sequence[Any] | Set[Any], key: str, depth: int) -> object:
        if depth >= MAX_DEPTH or self._values + len(value) > MAX_ELEMENTS:
            return self._left_out(value, f"{len(value)} values", key)
        if id(value) in self._inside:
            return self._turn(f"{type(value).__name__} left out: it holds itself", key)
        self._values += len(value)
        self.size_bytes += _VALUE_BYTES * len(value)
        self._inside.add(id(value))
        copy = (
            self.mapping(value, key, depth) if isinstance(value, _MAPPINGS) else self._list(value, key, depth)
        )
        self._inside.discard(id(value))
        return copy

    def _list(self, value: Sequence[Any] | Set[Any], key: str, depth: int) -> list[object]:
        items = value
        if not isinstance(value, _SEQUENCES):
            self.turned.add(key)
            # The order of a set differs between two runs of one program; texts order themselves, also
            # where all else is written by its type.
            items = sorted(value, key=lambda item: item if isinstance(item, str) else self._text_of(item))
        # Readings are hundreds of floats in a list: the set of their types is found in C.
        if _PASSED_ON.issuperset(map(type, items)):
            return list(items)
        return [item if type(item) is float else self.value(item, key, depth + 1) for item in items]

    def _array(self, value: np.ndarray[Any, Any] | np.generic, key: str, depth: int) -> object:
        is_masked = isinstance(value, np.ma.MaskedArray)
        if is_storable(value.dtype) and not is_masked:
            copy = _own(value) if isinstance(value, np.ndarray) else value
            return self._weighed(copy, value.nbytes, value, key)
        self.turned.add(key)
        if value.dtype.kind == "f" or (is_masked and value.dtype.kind in "iu"):
            array = np.ma.filled(np.ma.asarray(value, dtype=np.float64), np.nan)
            return self._weighed(array, array.nbytes, value, key)
        # Dates and complex numbers have no plain item; the items of all other kinds are looked at one by one.
        items = value.astype(str) if value.dtype.kind in "cmM" else value
        return self.value(items.tolist(), key, depth)

    def _weighed(self, copy: object, size_bytes: int, original: object, key: str) -> object:
        if self.size_bytes + size_bytes > MAX_BYTES - _VALUE_BYTES * MAX_ELEMENTS:
            return self._left_out(original, f"{size_bytes} bytes", key)
        self.size_bytes += size_bytes
        return copy

    def _left_out(self, value: object, size: str, key: str) -> str:
        return self._turn(f"{type(value).__name__} of {size} left out: beyond the limits of the log", key)

    def _turn(self, text: str, key: str) -> str:
        self.turned.add(key)
        return text


def _own(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a copy: detectors hand out their live buffer.

    `copy` lets go of the interpreter, and the beam would wait until another thread gives it back, 5 ms;
    `tobytes` does not.
    """
    if not array.flags.c_contiguous:
        return array.copy()
    return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)


def _is_short(value: object) -> bool:
    return isinstance(value, int) and -(2**63) <= value < 2**64


def _written_out(number: int) -> str:
    return str(number) if number.bit_length() <= _MAX_INT_BITS else hex(number)
