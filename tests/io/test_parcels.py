"""Values over a stream: what arrives is what was sent, and what is hostile is refused before room is made."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from operando.errors import FrameRejected
from operando.io.blob import encode
from operando.io.parcels import Room, receive, send
from operando.regions import Marks, Outline, Region
from operando.types import FloatArray, MaskArray, Snapshot
from operando.view.example import Stage, snapshot_at, with_marks

ROOM = Room(2**20, 2**30)


@dataclass(frozen=True)
class Thing:
    name: str
    number: float | None
    values: FloatArray
    small: NDArray[np.uint8]
    mask: MaskArray
    many: tuple[FloatArray, ...]


KINDS = {"thing": Thing, "snapshot": Snapshot, "marks": Marks}
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FLOATS = SHAPES.flatmap(lambda shape: arrays.arrays(np.float64, shape))
THINGS = st.builds(
    Thing,
    name=st.text(),
    number=st.none() | st.floats(allow_nan=False),
    values=FLOATS,
    small=SHAPES.flatmap(lambda shape: arrays.arrays(np.uint8, shape)),
    mask=SHAPES.flatmap(lambda shape: arrays.arrays(np.bool_, shape)),
    many=st.lists(FLOATS, max_size=3).map(tuple),
)


@pytest.fixture(name="pair")
def _pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    other.settimeout(20.0)
    with one, other:
        yield one, other


def passed(value: object, kind: str) -> object:
    one, other = socket.socketpair()
    with one, other:
        sending = threading.Thread(target=send, args=(one, kind, value))
        sending.start()
        try:
            return receive(other, KINDS, ROOM)
        finally:
            sending.join()


def alike(ours: object, theirs: object) -> bool:
    """Whether two values are the same to the last bit, kinds included."""
    if isinstance(ours, np.ndarray):
        same_kind = isinstance(theirs, np.ndarray) and (ours.dtype, ours.shape) == (
            theirs.dtype,
            theirs.shape,
        )
        return same_kind and ours.tobytes() == np.asarray(theirs).tobytes()
    if type(ours) is not type(theirs):
        return False
    if is_dataclass(ours):
        return all(alike(getattr(ours, each.name), getattr(theirs, each.name)) for each in fields(ours))
    if isinstance(ours, tuple):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))  # type: ignore[arg-type]
    return repr(ours) == repr(theirs)


@settings(max_examples=100, deadline=None)
@given(thing=THINGS)
def test_what_arrives_is_what_was_sent(thing: Thing) -> None:
    try:
        thing.name.encode()
    except UnicodeEncodeError:
        with pytest.raises(FrameRejected):
            send(None, "thing", thing)  # type: ignore[arg-type]
        return
    assert alike(thing, passed(thing, "thing"))


@pytest.mark.parametrize("stage", [Stage(), Stage(rows=10), Stage(cycles=3, frames=2, rows=20)])
def test_a_snapshot_arrives_to_the_last_bit(stage: Stage) -> None:
    marks = Marks((Region("a", Outline.RECTANGLE, ((1.0, -1.0), (2.0, 1.0))),))
    for snapshot in (snapshot_at(stage), with_marks(snapshot_at(stage), marks)):
        assert alike(snapshot, passed(snapshot, "snapshot"))


def test_arrays_that_are_not_contiguous_or_of_the_other_end_first_arrive_too() -> None:
    values = np.arange(24.0).reshape(4, 6)[::-1, ::2]
    thing = Thing("a", None, values.astype(">f8"), np.zeros((2, 2), np.uint8), values > 3, ())
    arrived = passed(thing, "thing")
    assert isinstance(arrived, Thing)
    assert np.array_equal(arrived.values, values)
    assert np.array_equal(arrived.mask, values > 3)


def announced(kind: object = "thing", plain: object = None, shapes: object = ()) -> bytes:
    blob = encode({"kind": kind, "plain": plain, "arrays": shapes})
    return struct.pack("<Q", len(blob)) + blob


HOSTILE = [
    struct.pack("<Q", 2**63),
    struct.pack("<Q", 2**20 + 1),
    struct.pack("<Q", 4) + b"\xff\xff\xff\xff",
    struct.pack("<Q", 1) + b"\x80",
    announced(kind="Path"),
    announced(kind=7),
    announced(shapes="many"),
    announced(shapes=[["<f8", [2**31]]]),
    announced(shapes=[["<f8", [2**40]]]),
    announced(shapes=[["<f8", [-1]]]),
    announced(shapes=[["<f8", [1] * 30]]),
    announced(shapes=[["<f8", [True]]]),
    announced(shapes=[["|O", [1]]]),
    announced(shapes=[["O8,f8", [1]]]),
    announced(shapes=[["<U8", [1]]]),
    announced(shapes=[["nonsense", [1]]]),
    announced(shapes=[["<f8"]]),
    announced(shapes=[["<f8", [0]]] * 3),
    announced(plain={"name": "a"}),
    announced(plain=[1, 2]),
]


@pytest.mark.parametrize("said", HOSTILE)
def test_what_is_hostile_is_refused(pair: tuple[socket.socket, socket.socket], said: bytes) -> None:
    one, other = pair
    one.sendall(said)
    with pytest.raises(FrameRejected):
        receive(other, KINDS, ROOM)


@settings(max_examples=200, deadline=None)
@given(said=st.binary(max_size=200))
def test_anything_is_refused_or_the_line_ends(said: bytes) -> None:
    one, other = socket.socketpair()
    with one, other:
        other.settimeout(20.0)
        one.sendall(said)
        one.shutdown(socket.SHUT_WR)
        with pytest.raises((FrameRejected, ConnectionResetError)):
            receive(other, KINDS, ROOM)


def test_a_boolean_that_is_neither_is_one(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    shapes = [["<f8", [0]], ["|u1", [0]], ["|b1", [2]]]
    plain = {"name": "a", "number": None, "values": 0, "small": 1, "mask": 2, "many": []}
    one.sendall(announced(plain=plain, shapes=shapes) + b"\x00\xff")
    assert receive(other, KINDS, ROOM).mask.tobytes() == b"\x00\x01"
