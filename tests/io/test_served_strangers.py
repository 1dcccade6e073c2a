"""Strangers at the door of a served log are sent away, and nobody else notices them."""

from __future__ import annotations

import random
import socket as sockets
import struct
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest
import zmq

from operando.io.doors import MOST_VISITORS
from operando.io.log_server import LogServer
from operando.io.remote_log import Patience
from operando.io.wire import BATCH_BYTES, Question, pack_question
from operando.io.zmtp import framed
from served import DEADLINE_S, flat, frozen, in_file, record, remote, serving


def test_strangers_who_send_anything_are_sent_away_and_change_nothing(log: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - not a secret
    with serving(log) as server:
        for _ in range(200):
            # Even a part of a greeting, of READY or of a question is among what they send.
            good = GREETING + READY + framed(bytes(8), pack_question(Question(0, 1, BATCH_BYTES)))
            sent = good[: chance.randint(0, len(good))] + chance.randbytes(chance.randint(1, 3000))
            with sockets.create_connection(("127.0.0.1", port_of(server)), DEADLINE_S) as stranger:
                stranger.sendall(sent)
        with remote(server.address) as source:
            assert flat(source, 0, 60) == in_file(log)
        # Random bytes may happen to be a frame that is not complete; most are none.
        assert server.refused > 100


def test_parts_that_are_no_question_cost_the_connection_and_nothing_else(log: Path) -> None:
    question = pack_question(Question(0, 1, BATCH_BYTES))
    with serving(log) as server:
        for parts in ((b"",), (bytes(8),), (bytes(7), question), (bytes(8), question, b""), (b"",) * 500):
            before = server.refused
            with sockets.create_connection(("127.0.0.1", port_of(server)), DEADLINE_S) as stranger:
                stranger.sendall(GREETING + READY + framed(*parts))
                with suppress(ConnectionError):
                    while stranger.recv(4096):
                        pass
            assert server.refused == before + 1
        with remote(server.address) as source:
            assert flat(source, 0, 60) == in_file(log)


def test_who_comes_and_says_nothing_takes_nobody_s_place(log: Path) -> None:
    with serving(log) as server, remote(server.address) as source, ExitStack() as crowd:
        assert flat(source, 0, 20, [20])
        for _ in range(2 * MOST_VISITORS):
            idle = sockets.create_connection(("127.0.0.1", port_of(server)), DEADLINE_S)
            crowd.enter_context(idle)
            assert source.read(20, 1)
        assert flat(source, 20, 60) == in_file(log)[20:]
        assert source.renewed == 0


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\x00") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


def port_of(server: LogServer) -> int:
    return int(server.address.rpartition(":")[2])


@pytest.mark.parametrize(
    "sent",
    [
        b"\x02" + struct.pack(">Q", 2**62),
        b"\x02" + struct.pack(">Q", 2**33),
        b"\x02" + struct.pack(">Q", 300) + bytes(300),
        b"\x01\x08" + bytes(8) + b"\x02" + struct.pack(">Q", 2**33),
        b"\x06" + struct.pack(">Q", 2**33),
    ],
)
def test_whoever_claims_or_sends_too_much_is_cut_off(log: Path, served: LogServer, sent: bytes) -> None:
    with sockets.create_connection(("127.0.0.1", port_of(served)), DEADLINE_S) as stranger:
        stranger.sendall(GREETING + READY)
        shaken = b""
        while not shaken.endswith(b"Identity" + bytes(4)):
            shaken += stranger.recv(1)
        # One who is cut off may see a reset; one who is kept runs into the deadline, which fails the test.
        with suppress(ConnectionError):
            stranger.sendall(sent)
            assert stranger.recv(1) == b""
    with remote(served.address) as source:
        assert flat(source, 0, 60) == in_file(log)


def test_who_speaks_another_protocol_holds_up_nobody(log: Path, served: LogServer) -> None:
    for sent in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(range(1, 256)) * 8, b"", GREETING):
        with (
            sockets.create_connection(("127.0.0.1", port_of(served)), DEADLINE_S) as stranger,
            remote(served.address) as source,
        ):
            stranger.sendall(sent)
            assert flat(source, 0, 60) == in_file(log)


def test_a_reader_that_does_not_take_its_answers_is_not_heard_and_holds_up_nobody(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", [("event", {"frame": np.zeros(2**20 - 2**10)})])
    question = pack_question(Question(0, 1, BATCH_BYTES))
    with serving(path) as server, frozen(server.address) as idle:
        for _ in range(40):
            assert idle.poll(int(DEADLINE_S * 1000), zmq.POLLOUT)
            idle.send_multipart((bytes(8), question))
        for _ in range(5):
            with remote(server.address, Patience(answer_s=DEADLINE_S, call_s=DEADLINE_S)) as source:
                assert flat(source, 0, 1) == in_file(path)
        # Ten were for the others. One waits; some are in both hands and in the system's buffers.
        assert server.answered - 10 <= 8
        for _ in range(40):
            assert idle.poll(int(DEADLINE_S * 1000))
            idle.recv_multipart()
        assert server.answered == 50
