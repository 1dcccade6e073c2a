"""Frozen values over a stream between two processes: a head as documents have it, then arrays as they lie.

A head is a blob of `operando.io.blob` with the kind of the value, its plain part, and dtype and shape of
each array; the arrays follow without a copy being made of them. Both sides bound what they take before they
take it, and what kind of thing a value is stands in the code of the reader alone (`operando.io.frozen`).
"""

from __future__ import annotations

import contextlib
import math
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from operando.errors import DamagedFileError, FrameRejected
from operando.io.blob import DTYPES, decode, encode, is_storable
from operando.io.frozen import Frozen, freeze, thaw

__all__ = ["Room", "hang_up", "receive", "received_exactly", "send"]

_LENGTH = struct.Struct("<Q")
_MAX_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class Room:
    """What a side takes at most: bytes of a head, and bytes of arrays in all."""

    head_bytes: int
    array_bytes: int


def send(line: socket.socket, kind: str, value: object) -> None:
    """Send a value; waits until the other side has taken it.

    Parameters
    ----------
    line
        A stream.
    kind
        What the other side knows its class by.
    value
        A dataclass, as `operando.io.frozen.freeze` takes it.

    Raises
    ------
    OSError
        The other side is gone.
    FrameRejected
        The value is too large.
    """
    frozen = freeze(value)
    arrays = [_little(array) for array in frozen.arrays]
    shapes = [[array.dtype.str, list(array.shape)] for array in arrays]
    head = encode({"kind": kind, "plain": frozen.plain, "arrays": shapes})
    line.sendall(_LENGTH.pack(len(head)) + head)
    for array in arrays:
        # An array without values, or without dimensions, cannot be cast.
        if array.size:
            line.sendall(array.reshape(-1).view(np.uint8).data)


def receive(line: socket.socket, kinds: Mapping[str, type[Any]], room: Room) -> Any:  # noqa: ANN401 - of one of them
    """Return the next value, of one of the classes in `kinds`.

    Raises
    ------
    OSError
        The other side is gone; a `ConnectionResetError` where it hung up between two values or within one.
    FrameRejected
        What came is something else, or more than there is room for.
    """
    (length,) = _LENGTH.unpack(received_exactly(line, _LENGTH.size))
    if length > room.head_bytes:
        msg = f"a head of {length} bytes was announced; there is room for {room.head_bytes}"
        raise FrameRejected(msg)
    try:
        head = decode(bytes(received_exactly(line, length)))
    except DamagedFileError as error:
        msg = f"what came is no head: {error}"
        raise FrameRejected(msg) from error
    kind, shapes = head.get("kind"), head.get("arrays")
    if not isinstance(kind, str) or kind not in kinds or not isinstance(shapes, list):
        msg = f"a value of kind {kind!r:.40} was announced; expected one of {', '.join(kinds)}"
        raise FrameRejected(msg)
    announced = [_announced(each) for each in shapes]
    total = sum(math.prod(shape) * dtype.itemsize for dtype, shape in announced)
    if total > room.array_bytes:
        msg = f"arrays of {total} bytes were announced; there is room for {room.array_bytes}"
        raise FrameRejected(msg)
    arrays = [_array(line, dtype, shape) for dtype, shape in announced]
    try:
        return thaw(kinds[kind], Frozen(head.get("plain"), arrays))
    except (LookupError, TypeError, ValueError) as error:
        msg = f"what came is no {kind}: {error}"
        raise FrameRejected(msg) from error


def hang_up(line: socket.socket) -> None:
    """End a connection, in whatever thread it is used; closing it is left to that thread."""
    # Whoever is gone already need not be told.
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def received_exactly(line: socket.socket, count: int) -> bytearray:
    """Return so many bytes.

    Raises
    ------
    ConnectionResetError
        The other side hung up before.
    """
    found = bytearray(count)
    _fill(line, memoryview(found))
    return found


def _fill(line: socket.socket, room: memoryview) -> None:
    while room:
        count = line.recv_into(room)
        if not count:
            msg = "the other side hung up"
            raise ConnectionResetError(msg)
        room = room[count:]


def _little(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not is_storable(array.dtype):
        msg = f"an array of dtype {array.dtype} cannot be sent"
        raise FrameRejected(msg)
    return np.asarray(array, array.dtype.newbyteorder("<"), order="C")


def _announced(found: object) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return dtype and shape of an array that is to come."""
    match found:
        case [str() as name, list() as shape] if name in DTYPES and len(shape) <= _MAX_DIMENSIONS:
            if all(type(length) is int and 0 <= length < 2**32 for length in shape):
                return np.dtype(name), tuple(shape)
        case _:
            pass  # refused below, as is one beyond the limits
    msg = f"an array was announced as {found!r:.80}"
    raise FrameRejected(msg)


def _array(line: socket.socket, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    bytes_ = np.empty(math.prod(shape) * dtype.itemsize, np.uint8)
    if bytes_.size:
        _fill(line, bytes_.data)
    # A boolean other than 0 and 1 is undefined behaviour in numpy.
    return (bytes_ != 0 if dtype == np.bool_ else bytes_.view(dtype)).reshape(shape)
