"""A conversation gives what libzmq sent, in whatever pieces it comes, and ends where limits are passed."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import FrameRejected
from operando.io.zmtp import MAX_COMMAND_BYTES, Conversation, KeysExpected, framed

MOST_PARTS, MOST_BYTES = 3, 600
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


def greeting(mechanism: bytes = b"NULL", version: int = 3) -> bytes:
    return b"\xff" + bytes(8) + b"\x7f" + bytes([version, 0]) + mechanism.ljust(20, b"\0") + bytes(32)


def heard(*chunks: bytes) -> tuple[Conversation, list[tuple[bytes, ...]]]:
    """Return a conversation that heard so much, and the messages that were in it."""
    talk = Conversation(b"ROUTER", MOST_PARTS, MOST_BYTES)
    found: list[tuple[bytes, ...]] = []
    for chunk in chunks:
        talk.hear(chunk)
        while (message := talk.message()) is not None:
            found.append(message)
    return talk, found


messages = st.lists(st.binary(max_size=300), min_size=1, max_size=MOST_PARTS).filter(
    lambda parts: sum(map(len, parts)) <= MOST_BYTES
)


@given(said=st.lists(messages, max_size=5), cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_messages_come_through_in_whatever_pieces(said: list[list[bytes]], cuts: list[int]) -> None:
    wire = greeting() + READY + b"".join(framed(*parts) for parts in said)
    ends = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    talk, found = heard(*(wire[first:last] for first, last in pairwise(ends)))
    assert talk.is_ready
    assert found == [tuple(parts) for parts in said]


@given(said=st.lists(messages, min_size=1, max_size=3))
@settings(max_examples=20, deadline=None)
def test_libzmq_says_and_understands_the_same(said: list[list[bytes]]) -> None:
    """A bare TCP socket of libzmq shows what its DEALER sends, and the DEALER takes what is answered."""
    context = zmq.Context()
    try:
        raw, dealer = context.socket(zmq.STREAM), context.socket(zmq.DEALER)
        port = raw.bind_to_random_port("tcp://127.0.0.1")
        dealer.connect(f"tcp://127.0.0.1:{port}")
        talk = Conversation(b"ROUTER", MOST_PARTS, MOST_BYTES)
        for parts in said:
            dealer.send_multipart(parts)
        # The first thing that is heard, and nothing to be understood, is that somebody is there.
        peer, _ = raw.recv_multipart()
        for parts in said:
            while (message := talk.message()) is None:
                replies = talk.replies()
                if replies:
                    raw.send_multipart((peer, replies))
                assert raw.poll(10_000)
                peer, chunk = raw.recv_multipart()
                talk.hear(chunk)
            assert message == tuple(parts)
            raw.send_multipart((peer, framed(*reversed(parts))))
            assert dealer.poll(10_000)
            assert dealer.recv_multipart() == parts[::-1]
    finally:
        context.destroy(linger=0)


@settings(max_examples=500)
@given(data=st.data())
def test_any_bytes_are_understood_or_refused_and_never_kept_beyond_the_limits(data: st.DataObject) -> None:
    whole = greeting() + READY + framed(b"token", b"body")
    kept = data.draw(st.integers(0, len(whole)))
    wire = whole[:kept] + data.draw(st.binary(max_size=400))
    try:
        _, found = heard(wire)
    except FrameRejected:
        return
    assert len(found) <= len(wire) // 2
    assert all(len(parts) <= MOST_PARTS and sum(map(len, parts)) <= MOST_BYTES for parts in found)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x02" + struct.pack(">Q", 2**63),  # a part of so many bytes
        b"\x02" + struct.pack(">Q", MOST_BYTES + 1),
        b"\x01\xff" + bytes(255) + b"\x01\xff" + bytes(255) + b"\x00\xff",  # so many in several parts
        b"\x01\x00" * (MOST_PARTS + 1),
        b"\x06" + struct.pack(">Q", MAX_COMMAND_BYTES + 1),
        b"\x05\x00",  # a command that goes on
        b"\x08\x00",  # a flag that nobody knows
    ],
)
def test_what_is_too_much_is_refused_at_its_head(sent: bytes) -> None:
    with pytest.raises(FrameRejected):
        heard(greeting() + READY + sent)


@pytest.mark.parametrize("number", range(1, 64))
def test_a_greeting_that_is_cut_is_waited_for(number: int) -> None:
    talk, found = heard(greeting()[:number])
    assert not talk.is_ready
    assert found == []


@pytest.mark.parametrize(
    ("wire", "error", "words"),
    [
        (b"GET / HTTP/1.1", FrameRejected, "does not speak ZeroMQ"),
        (b"\xff" + bytes(9), FrameRejected, "does not speak ZeroMQ"),
        (greeting(version=1), FrameRejected, "version 1 of ZMTP"),
        (greeting(b"CURVE"), KeysExpected, "without keys"),
        (greeting() + framed(b"hello"), FrameRejected, "introduced itself"),
        (greeting() + b"\x04\x06\x05ERROR", FrameRejected, "did not introduce"),
    ],
)
def test_who_begins_otherwise_is_told_apart(wire: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        heard(wire)


def test_a_ping_is_answered_with_its_context() -> None:
    talk, found = heard(greeting() + READY)
    talk.replies()
    talk.hear(b"\x04\x0b\x04PING\x00\x01here")
    assert talk.message() is None
    assert talk.replies() == b"\x04\x09\x04PONGhere"
    assert (talk.replies(), found) == (b"", [])
