"""Messages of strangers: what is a document is read, what is a pickle is never opened."""

from __future__ import annotations

import json
import pickle
from typing import Any

import msgpack
import numpy as np
import pytest
from event_model import NumpyEncoder
from hypothesis import given
from hypothesis import strategies as st

from io_values import DTYPES, assert_same, documents
from operando.errors import FrameRejected
from operando.io.messages import PickledMessage, document_of, message_of, named_document_of

DOCUMENT: dict[str, Any] = {
    "uid": "e1",
    "seq_num": 3,
    "time": 17.5,
    "data": {"counts": np.arange(12, dtype="<u2").reshape(3, 4), "x": 1.5},
    "none": None,
}


def as_msgpack_numpy(value: object) -> object:
    """Return what msgpack-numpy makes of an array or a scalar (its `encode`, 0.4.8)."""
    if isinstance(value, np.ndarray):
        return {
            b"nd": True,
            b"type": value.dtype.str,
            b"kind": b"",
            b"shape": value.shape,
            b"data": value.tobytes(),
        }
    assert isinstance(value, np.generic)
    return {b"nd": False, b"type": value.dtype.str, b"data": value.tobytes()}


@given(documents)
def test_what_this_program_sends_it_reads(document: dict[str, Any]) -> None:
    assert_same(document_of(message_of(document)), document)


@given(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3))
def test_arrays_of_msgpack_numpy_are_read_without_it(dtype: str, shape: list[int]) -> None:
    array = np.ones(shape, dtype)
    sent = msgpack.packb({"a": array, "b": [array]}, default=as_msgpack_numpy)
    found = document_of(sent)
    assert_same(found["a"], array if shape else np.asarray(array))
    assert_same(found["b"][0], found["a"])


def test_scalars_of_msgpack_numpy_are_read() -> None:
    found = document_of(msgpack.packb({"a": np.float32(1.5), "b": np.int16(3)}, default=as_msgpack_numpy))
    assert (found["a"], found["b"]) == (1.5, 3)


def test_json_is_read() -> None:
    found = document_of(json.dumps(DOCUMENT, cls=NumpyEncoder).encode())
    assert found == {**DOCUMENT, "data": {"counts": DOCUMENT["data"]["counts"].tolist(), "x": 1.5}}


def test_the_real_encoding_of_msgpack_numpy_is_read() -> None:
    msgpack_numpy = pytest.importorskip("msgpack_numpy", reason="bluesky-kafka's arrays; extra [kafka]")
    assert_same(document_of(msgpack.packb(DOCUMENT, default=msgpack_numpy.encode)), DOCUMENT)
    name, found = named_document_of(msgpack.packb(("event", DOCUMENT), default=msgpack_numpy.encode))
    assert name == "event"
    assert_same(found, DOCUMENT)


class Gadget:
    """Would write a file when it is opened."""

    opened: list[str] = []  # noqa: RUF012 - shared by purpose

    def __reduce__(self) -> tuple:
        return Gadget.opened.append, ("opened",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_never_opened(protocol: int) -> None:
    for value in (Gadget(), {"uid": Gadget()}, {"uid": "a"}, ("start", {"uid": "a"}), {}):
        with pytest.raises(FrameRejected) as refused:
            document_of(pickle.dumps(value, protocol))
        if protocol >= 2:
            assert isinstance(refused.value, PickledMessage)
    hidden = {b"nd": True, b"type": "|O", b"kind": b"O", b"shape": (1,), b"data": pickle.dumps(Gadget())}
    with pytest.raises(FrameRejected, match="dtype"):
        document_of(msgpack.packb({"a": hidden}))
    assert Gadget.opened == []


@pytest.mark.parametrize(
    "array",
    [
        {b"nd": True, b"type": "<f8", b"shape": (2**40,), b"data": b"12345678"},
        {b"nd": True, b"type": "<f8", b"shape": (-1,), b"data": b"12345678"},
        {b"nd": True, b"type": "<f8", b"shape": 5, b"data": b"12345678"},
        {b"nd": True, b"type": "<U9", b"shape": (1,), b"data": b"1" * 36},
        {b"nd": True, b"type": [["a", "<f8"]], b"shape": (1,), b"data": b"12345678"},
        {b"nd": True},
    ],
)
def test_an_array_that_lies_is_refused(array: dict) -> None:
    with pytest.raises(FrameRejected):
        document_of(msgpack.packb({"a": array}))


@given(st.binary(max_size=200))
def test_noise_is_refused_or_a_document(message: bytes) -> None:
    for read in (document_of, named_document_of):
        try:
            read(message)
        except FrameRejected:
            continue
