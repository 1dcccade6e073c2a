from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from io_values import assert_same, documents
from operando.errors import DamagedFileError, FrameRejected
from operando.io.blob import MAX_DEPTH, decode, encode

# Shared machines pause for seconds: that is not a failure of what is tested here.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(documents)
def test_what_goes_in_comes_out(document: dict[str, Any]) -> None:
    assert_same(decode(encode(document)), document)


@patient
@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_a_damaged_file(blob: bytes) -> None:
    try:
        assert isinstance(decode(blob), dict)
    except DamagedFileError as error:
        assert "not a document" in str(error)  # noqa: PT017 - either way is right, nothing else is


@patient
@given(documents, st.data())
def test_a_document_with_damaged_bytes_never_does_anything_else(document: dict[str, Any], data: Any) -> None:
    blob = bytearray(encode(document))
    where = data.draw(st.integers(0, len(blob) - 1))
    blob[where] ^= data.draw(st.integers(1, 255))
    try:
        assert isinstance(decode(bytes(blob)), dict)
    except DamagedFileError as error:
        assert "not a document" in str(error)  # noqa: PT017 - either way is right, nothing else is


@patient
@given(documents, st.data())
def test_a_truncated_document_is_refused(document: dict[str, Any], data: Any) -> None:
    blob = encode(document)
    with pytest.raises(DamagedFileError):
        decode(blob[: data.draw(st.integers(0, len(blob) - 1))])


def test_tuples_become_lists_and_scalars_keep_their_dtype() -> None:
    found = decode(
        encode({"t": (1, (2,)), "i": np.int16(-3), "f": np.float32(0.1), "b": np.True_, "d": np.float64(1)})
    )
    assert found == {"t": [1, [2]], "i": -3, "f": np.float32(0.1), "b": True, "d": 1.0}
    assert [type(found[key]) for key in "ifbd"] == [np.int16, np.float32, np.bool_, float]


def test_a_strided_array_is_stored_by_its_values() -> None:
    image = np.arange(24.0).reshape(4, 6)[::-2, ::3]
    np.testing.assert_array_equal(decode(encode({"image": image}))["image"], image)


def test_a_decoded_array_is_aligned_and_can_be_written() -> None:
    found = decode(encode({"image": np.ones((3, 5))}))["image"]
    assert found.flags.aligned
    assert found.flags.writeable
    assert found.flags.c_contiguous


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        np.array([object()]),
        np.array(["text"]),
        np.array([1 + 2j]),
        np.array(["2026-01-01"], dtype="M8[s]"),
        np.zeros(2, dtype=[("a", "f8")]),
        np.ma.masked_equal([1, 2], 2),
        msgpack.ExtType(7, b""),
        msgpack.Timestamp(1, 0),
        {1: "a key that is not text"},
        2**64,
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_place_in_a_document_is_refused(value: object) -> None:
    with pytest.raises(FrameRejected, match="cannot be stored"):
        encode({"value": value})


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.extend([endless, endless])
    with pytest.raises(FrameRejected):
        encode({"value": endless})


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 0


def test_nesting_is_limited_both_ways() -> None:
    deepest = {"value": nested(MAX_DEPTH - 1)}
    assert decode(encode(deepest)) == deepest
    too_deep = {"value": nested(MAX_DEPTH)}
    with pytest.raises(FrameRejected, match="nesting"):
        encode(too_deep)
    with pytest.raises(DamagedFileError, match="nesting"):
        decode(msgpack.packb(too_deep))


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"<f8" + bytes([1]) + (2**60).to_bytes(8, "little"), 1),
        (b"<f8" + bytes([2]) + (0).to_bytes(8, "little") + (2**63).to_bytes(8, "little"), 1),
        (b"<f8" + bytes([33]) + bytes(33 * 8), 1),
        (b"|O8" + bytes([0]) + bytes(8), 1),
        (b"<f8" + bytes([255]) + bytes(7), 1),
        (b"<f8", 1),
        (b"\xff\xff\xff\x00", 1),
        (b"", 1),
        (b"<f8" + bytes([255]) + bytes(8), 2),
        (b"\x00\x00\x00\x00", -1),
    ],
    ids=[
        "shape beyond bytes",
        "empty but huge",
        "rank",
        "object",
        "short",
        "no rank",
        "not text",
        "empty",
        "type",
        "time",
    ],
)
def test_a_hostile_array_is_refused_before_it_is_allocated(payload: bytes, code: int) -> None:
    blob = (
        msgpack.packb({"image": msgpack.ExtType(code, payload)})
        if code >= 0
        else (b"\x81\xa5image" + bytes([0xD6, 0xFF]) + payload)
    )
    with pytest.raises(DamagedFileError, match="not a document"):
        decode(blob)


def test_a_length_that_the_bytes_cannot_hold_is_refused() -> None:
    with pytest.raises(DamagedFileError):
        decode(b"\x81\xa1v" + b"\xdd\xff\xff\xff\xff")
