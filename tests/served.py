"""Logs that are served, readers of them, and others who do not keep to the rules."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import zmq

from operando.io.blob import encode
from operando.io.log_server import LogServer, serve
from operando.io.logfile import row_checksum
from operando.io.logrows import LoggedRow, RowReader
from operando.io.remote_log import Patience, RemoteLog
from operando.io.runlog import LogReader, LogWriter
from operando.io.sources import Source
from operando.io.wire import (
    BATCH_BYTES,
    MAX_LIMIT,
    Answer,
    Question,
    pack_answer,
    pack_question,
    unpack_answer,
    unpack_question,
)

ANY_PORT = "tcp://127.0.0.1:0"
HURRIED = Patience(first_s=10.0, answer_s=0.1, call_s=0.05)
"""The first answer may come from a process that is only starting; others come at once or never."""
DEADLINE_S = 30.0
NEVER = threading.Event()


def documents(count: int, run: str = "run-1") -> list[tuple[str, dict[str, Any]]]:
    events = [
        ("event", {"uid": f"e{n}", "seq_num": n, "data": {"counts": np.arange(n % 7)}})
        for n in range(1, count)
    ]
    return [("start", {"uid": run, "time": 10.0}), *events]


def record(path: Path, recorded: Iterable[tuple[str, dict[str, Any]]]) -> Path:
    with LogWriter(path) as writer:
        writer.append(list(recorded), recorded_s=1.5)
    return path


@contextmanager
def serving(path: Path, address: str = ANY_PORT) -> Generator[LogServer]:
    """Serve in a thread until the end of the block."""
    stop, listens = threading.Event(), threading.Event()
    servers: list[LogServer] = []

    def tell(server: LogServer) -> None:
        servers.append(server)
        listens.set()

    thread = threading.Thread(target=serve, args=(path, address, stop, tell))
    thread.start()
    try:
        assert listens.wait(DEADLINE_S)
        yield servers[0]
        assert thread.is_alive(), "the server did not survive"
    finally:
        stop.set()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


@contextmanager
def remote(
    address: str, patience: Patience = HURRIED, ended: threading.Event = NEVER
) -> Generator[RemoteLog]:
    source = RemoteLog(address, ended, patience)
    try:
        yield source
    finally:
        source.close()


def flat(
    source: Source | LogReader, after: int, last: int, limits: Iterable[int] = ()
) -> list[tuple[Any, ...]]:
    """Read from `after` to `last` in batches of these sizes, then of 100; a row as comparable values."""
    found: list[tuple[Any, ...]] = []
    sizes = iter(limits)
    until = time.monotonic() + DEADLINE_S
    while after < last and time.monotonic() < until:
        limit = min(next(sizes, 100), last - after)
        batch = source.read(after, limit)
        assert len(batch) <= limit
        found += [(row.seq, row.run, row.name, row.recorded_s, encode(row.document)) for row in batch]
        after = batch[-1].seq if batch else after
    return found


def in_file(path: Path) -> list[tuple[Any, ...]]:
    with LogReader(path) as reader:
        return flat(reader, 0, reader.head())


class Fake:
    """A server that says what the test wants: `reply` turns a question into messages.

    Parameters
    ----------
    reply
        From this fake, the token and the question to the messages that are sent, without the reader's name.
    log
        What `answer` answers from.
    """

    def __init__(
        self,
        reply: Callable[[Fake, bytes, Question], Iterable[tuple[bytes, ...]]],
        log: Path | None = None,
    ) -> None:
        self._reply = reply
        self._log = None if log is None else RowReader(log)
        self._stop = threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self.address = f"tcp://127.0.0.1:{self._socket.bind_to_random_port('tcp://127.0.0.1')}"
        self._thread = threading.Thread(target=self._run)

    def answer(self, question: Question) -> bytes:
        assert self._log is not None
        batch = self._log.rows(question.after, question.limit, BATCH_BYTES, BATCH_BYTES)
        return pack_answer(Answer(self._log.head(), self._log.first_crc32(), batch.rows, 0))

    def __enter__(self) -> Fake:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(DEADLINE_S)
        self._context.destroy(linger=0)
        if self._log is not None:
            self._log.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._socket.poll(20):
                reader, token, body = self._socket.recv_multipart()
                for message in self._reply(self, token, unpack_question(body)):
                    self._socket.send_multipart((reader, *message))


@contextmanager
def talking(address: str) -> Generator[zmq.Socket[bytes]]:
    """Give a bare socket, for whoever does not keep to the rules."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(address)
    try:
        yield socket
    finally:
        context.destroy(linger=0)


@contextmanager
def frozen(address: str) -> Generator[zmq.Socket[bytes]]:
    """Give a bare socket that takes hardly anything before it is asked to."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.RCVHWM, 1)
    socket.connect(address)
    try:
        yield socket
    finally:
        context.destroy(linger=0)


def ask(socket: zmq.Socket[bytes], question: Question) -> Answer:
    """Return the answer to a question, past whatever else comes."""
    token = os.urandom(8)
    socket.send_multipart((token, pack_question(question)))
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        if socket.poll(1000):
            found, *rest = socket.recv_multipart()
            if found == token:
                answer = unpack_answer(rest[0], Question(question.after, MAX_LIMIT, question.room_bytes))
                assert isinstance(answer, Answer)
                return answer
    message = "no answer came"
    raise AssertionError(message)


@contextmanager
def asking(address: str) -> Generator[Callable[[Question], Answer]]:
    with talking(address) as socket:
        yield lambda question: ask(socket, question)


@contextmanager
def started(path: Path, address: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Run `operando serve` in a process of its own."""
    command = [sys.executable, "-m", "operando", "serve", path, "--address", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def row_of_document(seq: int, name: str, blob: bytes, run: str = "run-1") -> LoggedRow:
    """Return a row as the recorder would have written it, whatever its blob is."""
    return LoggedRow(seq, run, name, 1.5, row_checksum(run, name, 1.5, blob), blob)


def row_with(row: LoggedRow, blob: bytes) -> LoggedRow:
    """Return a row whose checksum is right and whose blob is this one."""
    return row_of_document(row.seq, row.name, blob, row.run)


def altered(body: bytes, question: Question) -> bytes:
    """Return an answer with a byte of its last row changed, or one that is no answer if it has no row."""
    rows = unpack_answer(body, question)
    assert isinstance(rows, Answer)
    return body[:-1] + bytes([body[-1] ^ 1]) if rows.rows else b""


def is_prefix(body: bytes, question: Question) -> bool:
    """Return whether an older answer would also be a right one to this question."""
    fields = msgpack.unpackb(body)
    rows = fields["rows"]
    return not rows or (rows[0][0] == question.after + 1 and len(rows) <= question.limit)
