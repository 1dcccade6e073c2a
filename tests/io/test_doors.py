"""Whatever strangers do at a door, what they cost is bounded, and the others are served."""

from __future__ import annotations

import socket
import tracemalloc
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from operando.io.doors import MOST_VISITORS, MOST_WAITING_BYTES, PlainDoor
from operando.io.endpoints import Endpoint
from operando.io.zmtp import Conversation, framed

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\x00") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
HELLO = GREETING + READY
TOKEN = b"12345678"
LARGE = bytes(8 * 2**20)
ROUNDS = 400


@contextmanager
def door() -> Generator[PlainDoor]:
    opened = PlainDoor(Endpoint("127.0.0.1", 0))
    try:
        yield opened
    finally:
        opened.close()


def visitor(at: PlainDoor, *, buffer_bytes: int = 2**20) -> socket.socket:
    arrived = socket.socket()
    arrived.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    arrived.connect(("127.0.0.1", int(at.address.rpartition(":")[2])))
    arrived.setblocking(False)
    return arrived


class Friend:
    """A visitor that keeps to the rules."""

    def __init__(self, at: PlainDoor) -> None:
        self._at = at
        self._talk = Conversation(b"DEALER", 2, 2 * len(LARGE))
        self.socket = visitor(at)
        self.socket.send(HELLO)

    def ask(self, answer: bytes = b"answer") -> tuple[bytes, ...]:
        """Let the door attend until this one has been answered."""
        self.socket.send(framed(TOKEN, b"question"))
        for _ in range(ROUNDS):
            self._at.attend(0.01, lambda _question: answer)
            with suppress(BlockingIOError):
                chunk = self.socket.recv(2**20)
                assert chunk, "a friend was sent away"
                self._talk.hear(chunk)
            found = self._talk.message()
            if found is not None:
                return found
        message = "a friend was not answered"
        raise AssertionError(message)


def test_who_asks_is_answered() -> None:
    with door() as at:
        friend = Friend(at)
        with friend.socket:
            assert friend.ask() == (TOKEN, b"answer")


def test_a_message_without_end_is_cut_off_and_takes_no_memory() -> None:
    """Ten million empty parts cost the ROUTER socket of libzmq 612 MB."""
    with door() as at, visitor(at) as stranger:
        stranger.send(HELLO)
        at.attend(1.0, bytes)
        tracemalloc.start()
        sent = 0
        with pytest.raises(ConnectionError):  # noqa: PT012 - it must come, and when is the system's
            for _ in range(ROUNDS):
                sent += stranger.send(b"\x01\x00" * 1000)
                at.attend(0.01, bytes)
        most_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert at.refused == 1
        assert most_bytes < 2**18


def test_who_takes_no_answer_is_not_heard() -> None:
    with door() as at, visitor(at, buffer_bytes=4096) as idle:
        answered: list[bytes] = []

        def reply(question: bytes) -> bytes:
            answered.append(question)
            return LARGE

        idle.send(HELLO + b"".join(framed(TOKEN, b"%d" % number) for number in range(50)))
        for _ in range(50):
            at.attend(0.001, reply)
        assert answered == [b"0"]
        assert 0 < at.waiting_bytes <= len(LARGE) + 100


def test_answers_that_wait_are_bounded_over_all_visitors_and_a_friend_still_gets_his() -> None:
    with door() as at, ExitStack() as crowd:
        for _ in range(12):
            idle = crowd.enter_context(visitor(at, buffer_bytes=4096))
            idle.send(HELLO + framed(TOKEN, b"question"))
            for _ in range(4):
                at.attend(0.001, lambda _question: LARGE)
            assert at.waiting_bytes <= MOST_WAITING_BYTES
        assert at.waiting_bytes > len(LARGE)
        friend = Friend(at)
        crowd.enter_context(friend.socket)
        assert friend.ask(LARGE) == (TOKEN, LARGE)


def test_the_silent_go_first_when_there_are_too_many() -> None:
    with door() as at, ExitStack() as crowd:
        friend = Friend(at)
        crowd.enter_context(friend.socket)
        for _ in range(3 * MOST_VISITORS):
            crowd.enter_context(visitor(at))
            assert friend.ask() == (TOKEN, b"answer")


def test_pings_without_end_are_answered_as_fast_as_they_are_taken() -> None:
    with door() as at, visitor(at, buffer_bytes=4096) as stranger:
        stranger.send(HELLO)
        tracemalloc.start()
        for _ in range(ROUNDS // 4):
            try:
                stranger.send(b"\x04\x0b\x04PING\x00\x01here" * 300)
            except BlockingIOError:
                break
            at.attend(0.001, bytes)
        most_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most_bytes < 2**18
