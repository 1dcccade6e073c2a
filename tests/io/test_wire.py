"""Messages come through as they were, or not at all."""

from __future__ import annotations

import tracemalloc
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import FrameRejected
from operando.io.logrows import LoggedRow, RowReader
from operando.io.runlog import LogWriter
from operando.io.wire import (
    BATCH_BYTES,
    MAX_LIMIT,
    MAX_QUESTION_BYTES,
    MAX_ROOM_BYTES,
    Answer,
    Question,
    Refusal,
    pack_answer,
    pack_question,
    pack_refusal,
    unpack_answer,
    unpack_question,
)

DOCUMENTS = [
    ("start", {"uid": "run-1", "time": 10.0}),
    ("event", {"uid": "e1", "time": 11.0, "data": {"counts": np.arange(5, dtype=np.uint16)}}),
    ("event", {"uid": "e2", "time": 12.0, "data": {"counts": np.arange(5.0)}}),
    ("stop", {"uid": "s", "run_start": "run-1", "time": 20.0}),
]
ALL = Question(0, 10, BATCH_BYTES)

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoggedRow, ...]:
    path = tmp_path_factory.mktemp("wire") / "run.log"
    with LogWriter(path) as writer:
        writer.append(DOCUMENTS, recorded_s=1.5)
    with RowReader(path) as reader:
        return reader.rows(0, 10, BATCH_BYTES, BATCH_BYTES).rows


@given(after=st.integers(0, 2**63 - 1), limit=st.integers(0, MAX_LIMIT), room=st.integers(0, MAX_ROOM_BYTES))
def test_a_question_comes_through_and_is_small(after: int, limit: int, room: int) -> None:
    question = Question(after, limit, room)
    assert len(pack_question(question)) <= MAX_QUESTION_BYTES
    assert unpack_question(pack_question(question)) == question


@given(limit=st.integers(MAX_LIMIT, 2**63 - 1), room=st.integers(MAX_ROOM_BYTES, 2**63 - 1))
def test_what_is_asked_for_beyond_the_limits_is_cut_to_them(limit: int, room: int) -> None:
    body = msgpack.packb({"version": 1, "after": 0, "limit": limit, "room": room})
    assert unpack_question(body) == Question(0, MAX_LIMIT, MAX_ROOM_BYTES)


@settings(max_examples=500)
@given(body=st.binary(max_size=2 * MAX_QUESTION_BYTES) | plain.map(msgpack.packb))
def test_bytes_of_any_kind_are_refused_in_one_way(body: bytes) -> None:
    with pytest.raises(FrameRejected):
        unpack_question(body)
    with pytest.raises(FrameRejected):
        unpack_answer(body, ALL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2},
        {"version": True},
        {"version": "1"},
        {"after": -1},
        {"after": 2**63},
        {"after": 1.0},
        {"after": None},
        {"limit": True},
        {"room": "8"},
        {"more": "x" * MAX_QUESTION_BYTES},
    ],
)
def test_a_question_with_one_wrong_field_is_refused(wrong: dict[str, Any]) -> None:
    good = {"version": 1, "after": 0, "limit": 1, "room": 1}
    unpack_question(msgpack.packb(good))
    with pytest.raises(FrameRejected):
        unpack_question(msgpack.packb({**good, **wrong}))


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xdd\xff\xff\xff\xff",  # a list of 4 milliard values
        b"\xdf\xff\xff\xff\xff",  # a mapping of as many
        b"\xc6\xff\xff\xff\xff",  # as many bytes
        b"\xc9\xff\xff\xff\xff\x01",  # as many bytes of an extension
        b"\x91" * MAX_QUESTION_BYTES,  # lists in lists
        b"\xdc\x04\x00" * 80,  # lists of 1024 in lists of 1024
        b"\x80\x04\x95cos\nsystem\n.",  # what pickle would run
        b"\xd6\xff\x00\x00\x00\x00",  # a time stamp
    ],
)
def test_what_claims_more_than_it_brings_is_refused(hostile: bytes) -> None:
    for unpack in (unpack_question, lambda body: unpack_answer(body, ALL)):
        with pytest.raises(FrameRejected):
            unpack(hostile)


@given(head=st.integers(4, 2**62), first=st.none() | st.integers(0, 2**32 - 1), count=st.integers(0, 4))
def test_an_answer_comes_through_byte_for_byte(
    rows: tuple[LoggedRow, ...], head: int, first: int | None, count: int
) -> None:
    answer = Answer(head, first, rows[:count], 0)
    assert unpack_answer(pack_answer(answer), ALL) == answer


@settings(max_examples=500)
@given(data=st.data())
def test_a_bit_that_turned_over_never_gives_another_row(
    rows: tuple[LoggedRow, ...], data: st.DataObject
) -> None:
    body = bytearray(pack_answer(Answer(4, rows[0].crc32, rows, 0)))
    place = data.draw(st.integers(0, 8 * len(body) - 1))
    body[place // 8] ^= 1 << place % 8
    try:
        found = unpack_answer(bytes(body), ALL)
    except FrameRejected:
        return
    assert isinstance(found, Answer)
    assert found.rows == rows


def test_an_answer_to_another_question_is_refused(rows: tuple[LoggedRow, ...]) -> None:
    for answer, question in (
        (Answer(4, None, rows, 0), Question(1, 10, BATCH_BYTES)),
        (Answer(4, None, rows, 0), Question(0, 3, BATCH_BYTES)),
        (Answer(4, None, (rows[0], rows[2]), 0), ALL),
        (Answer(4, None, (rows[0], rows[0]), 0), ALL),
        (Answer(3, None, rows, 0), ALL),
        (Answer(4, None, (), MAX_ROOM_BYTES + 1), ALL),
    ):
        with pytest.raises(FrameRejected):
            unpack_answer(pack_answer(answer), question)


def test_a_refusal_comes_through_cut_to_a_sentence() -> None:
    assert unpack_answer(pack_refusal(Refusal("damaged", "document 3")), ALL) == Refusal(
        "damaged", "document 3"
    )
    cut = unpack_answer(pack_refusal(Refusal("refused", "x" * 10**6)), ALL)
    assert isinstance(cut, Refusal)
    assert len(cut.text) < 10_000
    with pytest.raises(FrameRejected):
        unpack_answer(pack_refusal(Refusal("exploded", "document 3")), ALL)


@pytest.mark.parametrize(
    "body",
    [
        b"\x81\xa1x" + (b"\xdc\x04\x00" + bytes(1023)) * 4096,  # lists in lists, each full of numbers
        b"\x81\xa1x\xdc\x04\x00" + (b"\xdc\x04\x00" + b"\x90" * 1024) * 1024,  # a million empty lists
        b"\x81\xa1x\xdc\x04\x00" + (b"\xdc\x04\x00" + b"\xa2ab" * 1024) * 1024,  # a million texts
        b"\x81\xa1x\xdc\x04\x00" + (b"\x88" + b"".join(b"\xa1%d\x80" % n for n in range(8))) * 1024,
    ],
)
def test_what_unpacks_to_far_more_than_it_is_takes_no_memory(body: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(FrameRejected):
        unpack_answer(body, Question(0, MAX_LIMIT, BATCH_BYTES))
    most_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most_bytes < 100 * 2**20
