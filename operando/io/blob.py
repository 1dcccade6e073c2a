"""A document as bytes: msgpack for plain values, one extension for numpy arrays, and never pickle.

What `encode` accepts `decode` gives back: strings, numbers, booleans, None, bytes, lists and
mappings with text keys as they were; tuples as lists; numpy arrays and scalars with dtype and
shape (float64 scalars, which are Python floats, as such). Everything else is refused on the way
in (`operando.io.plain` makes something of it first), and on the way out nothing is allocated that
the bytes do not pay for.

An array is an extension of type 1: three characters of dtype, one byte of rank (255 for a
scalar), eight bytes per length, then the values, little-endian and row-major.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import msgpack
import numpy as np

from operando.errors import DamagedFileError, FrameRejected
from operando.io.structure import check_structure

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DTYPES", "MAX_BYTES", "MAX_DEPTH", "MAX_ELEMENTS", "Checked", "decode", "encode", "is_storable"]

MAX_BYTES = 512 * 2**20
"""Largest document: one frame of 8192² float64."""
MAX_DEPTH = 64
"""Deepest nesting of lists and mappings."""
MAX_ELEMENTS = 2**20
"""Most values in lists and mappings of one document; arrays count as one."""

_ARRAY = 1
_SCALAR = 255
_MAX_RANK = 32
_LEAVES = frozenset({float, int, bool, str, bytes, type(None)})
_WALKED_BYTES = 64 * 2**10
"""Smaller documents cannot unpack to more than some megabytes."""
_LOOKED_INTO = (dict, list, tuple, msgpack.Timestamp)
DTYPES = frozenset({"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"})
"""Kinds of arrays, as they are stored."""


class Checked(dict[str, Any]):
    """A document whose nesting is within the limits: whoever makes one answers for it."""


def encode(document: Mapping[str, Any]) -> bytes:
    """Return `document` as bytes.

    Raises
    ------
    FrameRejected
        If it holds a value that has no place in a document, or is beyond a limit.
    """
    try:
        plain = dict(document)
        # A third of the time that a line takes; the recorder's copy has been through it.
        if not isinstance(document, Checked):
            _check_nesting(plain)
        blob = bytes(msgpack.packb(plain, default=_pack_array) or b"")
    except (TypeError, ValueError, OverflowError) as error:
        message = (
            f"the document cannot be stored: {error}; expected text, numbers, lists, mappings and arrays"
        )
        raise FrameRejected(message) from error
    if len(blob) > MAX_BYTES:
        message = f"the document cannot be stored: it has {len(blob)} bytes; the limit is {MAX_BYTES}"
        raise FrameRejected(message)
    return blob


def decode(blob: bytes) -> dict[str, Any]:
    """Return the document that `blob` holds.

    Raises
    ------
    DamagedFileError
        If the bytes are not a document written by `encode`.
    """
    if len(blob) > MAX_BYTES:
        message = f"a document of {len(blob)} bytes was refused; the limit is {MAX_BYTES}"
        raise DamagedFileError(message)
    if len(blob) > _WALKED_BYTES:
        # A mapping counts its keys here.
        check_structure(blob, MAX_DEPTH, 2 * MAX_ELEMENTS)
    # A length written in a header is believed only up to what the bytes could hold: one byte an element.
    most = min(len(blob), MAX_ELEMENTS)
    try:
        document = msgpack.unpackb(
            blob, ext_hook=_unpack_array, strict_map_key=True, max_array_len=most, max_map_len=most
        )
        if not isinstance(document, dict):
            message = f"a {type(document).__name__} was found, a mapping was expected"
            raise TypeError(message)
        _check_nesting(document)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"the bytes are not a document: {error}"
        raise DamagedFileError(message) from error
    return document


def is_storable(dtype: np.dtype[Any]) -> bool:
    """Return whether arrays of `dtype` have a place in a document."""
    return dtype.str in DTYPES or dtype.newbyteorder("<").str in DTYPES


def _pack_array(value: object) -> msgpack.ExtType:
    if not isinstance(value, np.ndarray | np.generic) or isinstance(value, np.ma.MaskedArray):
        message = f"a {type(value).__name__} was found"
        raise TypeError(message)
    array = np.asarray(value)
    if not is_storable(array.dtype):
        message = f"an array of dtype {array.dtype} was found"
        raise TypeError(message)
    dtype = array.dtype.newbyteorder("<").str
    if array.ndim > _MAX_RANK:
        message = f"an array of {array.ndim} dimensions was found"
        raise ValueError(message)
    rank = _SCALAR if isinstance(value, np.generic) else array.ndim
    head = dtype.encode("ascii") + struct.pack(f"<B{array.ndim}Q", rank, *array.shape)
    # Joined, not added: one copy of the values instead of two, which for a frame is most of the time.
    return msgpack.ExtType(_ARRAY, b"".join((head, array.astype(dtype, order="C", copy=False).data)))


def _unpack_array(code: int, payload: bytes) -> object:
    if code != _ARRAY:
        message = f"an unknown extension type {code} was found"
        raise ValueError(message)
    dtype = payload[:3].decode("ascii")
    if dtype not in DTYPES or len(payload) < 4:
        message = f"an array of dtype {dtype!r} was found"
        raise ValueError(message)
    ndim = 0 if payload[3] == _SCALAR else payload[3]
    start = 4 + 8 * ndim
    if ndim > _MAX_RANK or len(payload) < start:
        message = "an array without its shape was found"
        raise ValueError(message)
    shape = struct.unpack_from(f"<{ndim}Q", payload, 4)
    if math.prod(shape) * np.dtype(dtype).itemsize != len(payload) - start:
        message = f"an array of shape {shape} and dtype {dtype} was found with {len(payload) - start} bytes"
        raise ValueError(message)
    # The copy is aligned and its own, so that it can be computed with and outlives the blob;
    # through bytes, because a boolean other than 0 and 1 is undefined behaviour in numpy.
    stored = np.frombuffer(payload, "|u1" if dtype == "|b1" else dtype, offset=start)
    array = stored.astype(dtype).reshape(shape)
    return array[()] if payload[3] == _SCALAR else array


def _check_nesting(document: object) -> None:
    """Refuse what is too deep, too long or not keyed by text; other leaves are msgpack's to judge."""
    level: list[Any] = [document]
    elements = 0
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, msgpack.ExtType | msgpack.Timestamp):
                message = f"a msgpack {type(value).__name__} was found"
                raise TypeError(message)
            children = value
            if isinstance(value, dict):
                if not all(isinstance(key, str) for key in value):
                    message = "a mapping with a key that is not text was found"
                    raise TypeError(message)
                children = value.values()
            elements += len(children)
            # A line's readings are hundreds of floats in a list: the set of their types is found in C.
            if _LEAVES.issuperset(map(type, children)):
                continue
            deeper.extend(child for child in children if isinstance(child, _LOOKED_INTO))
        if elements > MAX_ELEMENTS:
            message = f"more than {MAX_ELEMENTS} values were found"
            raise ValueError(message)
        if not deeper:
            return
        level = deeper
    message = f"nesting deeper than {MAX_DEPTH} was found"
    raise ValueError(message)
