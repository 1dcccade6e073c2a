"""Bytes are walked as msgpack would unpack them, and what would take too much is refused beforehand."""

from __future__ import annotations

import tracemalloc

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from io_values import leaves
from operando.errors import DamagedFileError
from operando.io.blob import decode, encode
from operando.io.structure import check_structure

values = st.recursive(
    leaves
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=300))
    | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner, max_size=20),
    max_leaves=40,
)


@given(value=values)
def test_what_msgpack_writes_is_walked_to_its_end(value: object) -> None:
    blob = msgpack.packb(value)
    check_structure(blob, 64, 10_000)
    for cut in range(len(blob)):
        with pytest.raises(DamagedFileError):
            check_structure(blob[:cut], 64, 10_000)


@settings(max_examples=500)
@given(blob=st.binary(max_size=60))
def test_any_bytes_are_walked_as_far_as_msgpack_walks_them(blob: bytes) -> None:
    unpacker = msgpack.Unpacker()
    unpacker.feed(blob)
    try:
        unpacker.skip()
    except (ValueError, msgpack.OutOfData):
        with pytest.raises(DamagedFileError):
            check_structure(blob, 1000, 10**6)
    else:
        check_structure(blob, 1000, 10**6)


def test_depth_and_number_are_counted() -> None:
    check_structure(b"\x91" * 5 + b"\x01", 5, 5)
    with pytest.raises(DamagedFileError, match="deeper than 4"):
        check_structure(b"\x91" * 5 + b"\x01", 4, 5)
    with pytest.raises(DamagedFileError, match="more than 4 values"):
        check_structure(b"\x91" * 5 + b"\x01", 5, 4)


BOMBS = {
    "lists in a list": b"\x81\xa1x" + b"\x92\x01" * 10 + b"\xdd\x00\x40\x00\x00" + b"\x80" * 2**22,
    "deep": b"\x81\xa1x" + (b"\xdd\x00\x0f\xff\xff") * 1000 + b"\x80" * 2**21,
    "a claim": b"\x81\xa1x\xc7" + b"\xff\x01<f8\x01" + (2**40).to_bytes(8, "little") + bytes(240),
    "no room": b"\x81\xa1x" + b"\xdd\xff\xff\xff\xff" + b"\x80" * 2**17,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_takes_no_memory(bomb: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(DamagedFileError):
        decode(bomb)
    most_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most_bytes < 2**20


@pytest.mark.parametrize("value", [b"\x80", b"\xa2ab", b"\xc0"])
def test_lists_that_are_never_closed_are_counted_while_they_grow(value: bytes) -> None:
    bomb = (b"\xdd\x00\x00\x0f\xff" + value * 0xFFE) * 8
    with pytest.raises(DamagedFileError, match="more than 10000 values"):
        check_structure(bomb + bytes(10_000), 64, 10_000)


def test_a_document_of_all_that_is_allowed_comes_through() -> None:
    document = {"many": list(range(2**20 - 1))}
    assert decode(encode(document)) == document
