"""Send a million hostile and mutated messages: none runs, none crashes, and memory stays small.

python tests/bench/hostile_messages.py                  # 10⁶ straight to the decoders, 10⁵ over sockets
python tests/bench/hostile_messages.py --messages 20000 --over-sockets 2000
python tests/bench/hostile_messages.py --json

The bulk goes to the functions that read bytes, which is where a message would do harm; a share goes
through real connections to a server of a log, with keys and without, beside a reader that must get all
its documents. Exit code 1 if a message ran, raised something else than a refusal, or took memory.
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import resource
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hostility import GREETING, READY, TARGETS, Mutator, bear
from operando.io.keys import ServerKeys, load_client_keys, load_server_keys, make_keys
from operando.io.log_server import LogServer
from operando.io.remote_log import Patience, RemoteLog
from operando.io.wire import BATCH_BYTES, MAX_QUESTION_BYTES, Question, pack_question
from operando.io.zmtp import framed
from served import DEADLINE_S, NEVER, documents, flat, in_file, record

MOST_MB = 200.0
AT_ONCE = 20
"""Messages over one connection, which may end at the first of them."""


@dataclass(frozen=True)
class Row:
    """One kind of reader and what it was sent."""

    name: str
    messages: int
    understood: int
    refused: int
    seconds: float


def straight(mutator: Mutator, messages: int) -> list[Row]:
    """Send messages to all who read bytes."""
    rows: list[Row] = []
    for target in TARGETS:
        count = round(target.share * messages)
        began = time.perf_counter()
        understood, refused = bear(target, mutator, count)
        rows.append(Row(target.name, count, understood, refused, time.perf_counter() - began))
    return rows


def over_sockets(name: str, mutator: Mutator, messages: int, log: Path, folder: Path | None = None) -> Row:
    """Send messages through real connections to a server, beside a reader that must get everything."""
    keys: ServerKeys | None = None if folder is None else load_server_keys(folder)
    stop = threading.Event()
    question = pack_question(Question(0, 1, BATCH_BYTES))
    good = (GREETING if keys is None else GREETING.replace(b"NULL\0", b"CURVE")) + READY
    began = time.perf_counter()
    with LogServer(log, "tcp://127.0.0.1:0", keys) as server:
        thread = threading.Thread(target=server.serve, args=(stop,))
        thread.start()
        client = None if folder is None else load_client_keys(folder)
        friend = RemoteLog(
            server.address, NEVER, Patience(answer_s=DEADLINE_S, call_s=DEADLINE_S), keys=client
        )
        port = int(server.address.rpartition(":")[2])
        sent = connections = 0
        while sent < messages:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), DEADLINE_S) as stranger:
                begins_well = mutator.chance.random() < 0.8
                stranger.sendall(good if begins_well else mutator.mutated(good))
                keeps_to_frames = mutator.chance.random() < 0.5
                for _ in range(AT_ONCE):
                    if keeps_to_frames:
                        stranger.sendall(framed(bytes(8), mutator.mutated(question)[:MAX_QUESTION_BYTES]))
                    else:
                        stranger.sendall(mutator.mutated(framed(bytes(8), question)))
                    sent += 1
            connections += 1
            if connections % 100 == 0:
                assert friend.read(0, 10), "the reader was not answered"
        assert flat(friend, 0, 60) == in_file(log), "the reader was given something else"
        friend.close()
        stop.set()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
        return Row(name, sent, server.answered, server.refused, time.perf_counter() - began)


def campaign(messages: int, socket_messages: int, seed: int) -> tuple[list[Row], float, bool]:
    """Return what was sent, the peak of the memory in MB, and whether anything ran."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        trace = folder / "it-ran"
        mutator = Mutator(seed, trace)
        log = record(folder / "run.log", documents(60))
        make_keys(folder / "keys", "client")
        rows = straight(mutator, messages)
        rows.append(over_sockets("connection to a served log", mutator, socket_messages * 4 // 5, log))
        keyed = over_sockets("the same, with keys", mutator, socket_messages // 5, log, folder / "keys")
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return [*rows, keyed], peak_mb, trace.exists()


def main() -> int:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10**6)
    parser.add_argument("--over-sockets", type=int, default=10**5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows, peak_mb, has_run = campaign(options.messages, options.over_sockets, options.seed)
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "peak_mb": peak_mb, "executed": has_run}))
    else:
        print("| who reads | messages | understood | refused | s |\n|---|---|---|---|---|")
        for row in rows:
            counts = f"{row.messages:,} | {row.understood:,} | {row.refused:,}"
            print(f"| {row.name} | {counts} | {row.seconds:.0f} |")
        print(
            f"\n{sum(row.messages for row in rows):,} messages; executed: {'yes' if has_run else 'none'}; ",
            end="",
        )
        print(f"peak memory {peak_mb:.0f} MB (limit {MOST_MB:.0f})")
    return int(has_run or peak_mb > MOST_MB)


if __name__ == "__main__":
    sys.exit(main())
