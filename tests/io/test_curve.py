"""With keys a log reads like the file, and who has none, or another, gets nothing and costs nothing."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from operando.errors import ConfigurationError, SourceUnreachable
from operando.io.curve import KeyedDoor
from operando.io.endpoints import Endpoint
from operando.io.keys import ClientKeys, load_client_keys, load_server_keys, make_keys
from operando.io.log_server import LogServer
from operando.io.remote_log import Patience, RemoteLog
from operando.io.wire import BATCH_BYTES, Question, pack_question
from served import ANY_PORT, DEADLINE_S, NEVER, documents, flat, in_file, record, serving

QUESTION = (bytes(8), pack_question(Question(0, 1, BATCH_BYTES)))
SHORTLY = Patience(first_s=1.0, answer_s=0.3, call_s=0.05)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder, "client")
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of other people."""
    folder = tmp_path_factory.mktemp("other")
    make_keys(folder, "stranger")
    return folder


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("keyed") / "run.log", documents(60))


@contextmanager
def keyed(log: Path, keys: Path) -> Generator[LogServer]:
    """Serve with keys in a thread until the end of the block."""
    stop = threading.Event()
    server = LogServer(log, ANY_PORT, load_server_keys(keys))
    thread = threading.Thread(target=server.serve, args=(stop,))
    thread.start()
    try:
        yield server
        assert thread.is_alive()
    finally:
        stop.set()
        thread.join(DEADLINE_S)
        server.close()


def read_all(address: str, keys: ClientKeys) -> list[tuple[object, ...]]:
    source = RemoteLog(address, NEVER, Patience(), keys=keys)
    try:
        return flat(source, 0, 60)
    finally:
        source.close()


def test_with_keys_a_log_reads_like_the_file(log: Path, keys: Path) -> None:
    with keyed(log, keys) as server:
        assert read_all(server.address, load_client_keys(keys)) == in_file(log)


def test_a_key_that_is_not_listed_is_told_so(log: Path, keys: Path, other: Path) -> None:
    stranger = load_client_keys(other)
    knows_server = ClientKeys("stranger", stranger.public, stranger.secret, load_server_keys(keys).public)
    with keyed(log, keys) as server:
        with pytest.raises(ConfigurationError, match=r"does not know the key 'stranger'.*clients/stranger"):
            RemoteLog(server.address, NEVER, SHORTLY, keys=knows_server)
        assert server.refused >= 1
        assert server.answered == 0
        assert read_all(server.address, load_client_keys(keys)) == in_file(log)


def test_a_server_with_another_key_is_not_believed(log: Path, keys: Path, other: Path) -> None:
    make = load_client_keys(keys)
    mistaken = ClientKeys("client", make.public, make.secret, load_server_keys(other).public)
    with keyed(log, keys) as server:
        with pytest.raises(ConfigurationError, match=r"another key than server\.public"):
            RemoteLog(server.address, NEVER, SHORTLY, keys=mistaken)
        assert server.answered == 0


def test_one_side_with_keys_and_one_without_say_so(log: Path, keys: Path) -> None:
    with keyed(log, keys) as server, pytest.raises(ConfigurationError, match="give the --keys"):
        RemoteLog(server.address, NEVER, SHORTLY)
    with serving(log) as server, pytest.raises(ConfigurationError, match="serves without keys"):
        RemoteLog(server.address, NEVER, SHORTLY, keys=load_client_keys(keys))


def test_with_keys_and_nobody_there_it_is_unreachable(keys: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SourceUnreachable, match="nothing answers"):
            RemoteLog(address, NEVER, SHORTLY, keys=load_client_keys(keys))


def test_a_stranger_gets_nothing_and_costs_nothing(log: Path, keys: Path) -> None:
    """Before its key is known a stranger may send what it likes: the server keeps none of it."""
    null = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
    curve = null.replace(b"NULL\0", b"CURVE")
    flood = b"\x01\x00" * 50_000
    with keyed(log, keys) as server:
        port = int(server.address.rpartition(":")[2])
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for beginning in (null, curve, b"\x01\x00", curve + b"\x04\xc8\x05HELLO" + bytes(194)):
            with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as stranger:
                stranger.sendall(beginning)
                # Whoever is cut off sees that its pipe breaks; nobody may go on for 20 MB.
                with pytest.raises(ConnectionError):  # noqa: PT012 - when is the system's
                    for _ in range(200):
                        stranger.sendall(flood)
        context = zmq.Context()
        plain = context.socket(zmq.DEALER)
        plain.connect(server.address)
        plain.send_multipart(QUESTION)
        assert not plain.poll(300)
        context.destroy(linger=0)
        assert server.answered == 0
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 20 * 1024
        assert read_all(server.address, load_client_keys(keys)) == in_file(log)


def test_an_address_in_use_is_refused_with_its_name(log: Path, keys: Path) -> None:
    with keyed(log, keys) as server, pytest.raises(ConfigurationError, match="--address"):
        LogServer(log, server.address, load_server_keys(keys))


def test_other_machines_are_served_with_keys_only(log: Path) -> None:
    with pytest.raises(ConfigurationError, match="operando keys new"):
        LogServer(log, "tcp://0.0.0.0:0")
    with pytest.raises(ConfigurationError, match="operando keys new"):
        RemoteLog("tcp://10.0.0.5:5577", NEVER)


def test_closing_ends_its_threads(keys: Path) -> None:
    # The threads of libzmq are not Python's; the address is free again once they are gone.
    door = KeyedDoor(Endpoint("127.0.0.1", 0), load_server_keys(keys))
    port = int(door.address.rpartition(":")[2])
    door.attend(0.0, bytes)
    door.close()
    door.close()
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        with socket.socket() as next_one:
            next_one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            next_one.bind(("127.0.0.1", port))
            return
