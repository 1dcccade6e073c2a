"""The processes of a delivery: who sends, who passes on and who receives. Run as `python -m … ROLE ADDRESS…`.

Each says "ready" when it is; whoever sends begins when it is told to, and whoever receives tells what it
has when its standard input closes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from typing import Any

import numpy as np

from operando.bench.delivery.documents import lines
from operando.io.remote_log import RemoteLog
from operando.live.recorder import Recorder

__all__ = ["main"]

_BATCH = 256
_FLUSH_S = 60.0
_MEMORY_MB = 4000.0
_SUBSCRIBED_S = 1.0


def main(arguments: list[str]) -> None:
    """Play one role."""
    role, *rest = arguments
    if role == "send":
        _send(rest[0], rest[1], int(rest[2]), float(rest[3]))
    elif role == "pass-on":
        _pass_on()
    elif role == "operando":
        _receive_operando(rest[0])
    else:
        _receive_bluesky(rest[0])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _send(log: str, address: str, count: int, per_s: float) -> None:
    """Send a run into a log and to bluesky's proxy, where there are such, at a steady pace."""
    from bluesky.callbacks.zmq import Publisher  # noqa: PLC0415

    publisher: Any = Publisher(address) if address else None
    recorder = Recorder(log, memory_mb=_MEMORY_MB) if log else None
    took_s: list[float] = []
    _say("ready")
    sys.stdin.readline()
    began_s = time.perf_counter()
    for number, (name, document) in enumerate(lines(count, 64)):
        wait_s = began_s + number / per_s - time.perf_counter()
        if wait_s > 0.0:
            time.sleep(wait_s)
        if publisher is not None:
            publisher(name, document)
        called_s = time.perf_counter()
        if recorder is not None:
            recorder(name, document)
        took_s.append(time.perf_counter() - called_s)
    if recorder is not None:
        recorder.close(_FLUSH_S)
    p50, p99 = np.percentile(took_s, (50.0, 99.0)) * 1e3
    _say(json.dumps({"sent": len(took_s), "p50_ms": float(p50), "p99_ms": float(p99)}))
    # What the publisher still has is sent on: it must not lose for want of time.
    sys.stdin.read()
    if publisher is not None:
        publisher.close()


def _pass_on() -> None:
    """Be bluesky's proxy, on this machine alone."""
    from bluesky.callbacks.zmq import Proxy  # noqa: PLC0415

    proxy: Any = Proxy("127.0.0.1", "127.0.0.1")
    _say(f"{proxy.in_port} {proxy.out_port}")
    proxy.start()


class _Tally:
    """Which documents have come, and a word when the last one has."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._first_s = self._last_s = time.perf_counter()
        threading.Thread(target=self._tell_at_the_end, daemon=True).start()

    def count(self, name: str, document: dict[str, Any]) -> None:
        """Take note of a document."""
        self._last_s = time.perf_counter()
        if not self._seen:
            self._first_s = self._last_s
        self._seen[f"{name} {document.get('uid')}"] += 1
        if name == "stop":
            _say("stop")

    def _tell_at_the_end(self) -> None:
        sys.stdin.read()
        seen = dict(self._seen)
        repeated = sum(seen.values()) - len(seen)
        took_s = self._last_s - self._first_s
        _say(json.dumps({"received": len(seen), "repeated": repeated, "took_s": took_s}))
        # The other thread waits for documents that may never come.
        os._exit(0)


def _receive_operando(address: str) -> None:
    source = RemoteLog(f"tcp://{address}", threading.Event())
    tally, after = _Tally(), 0
    _say("ready")
    while True:
        for logged in source.read(after, _BATCH):
            tally.count(logged.name, logged.document)
            after = logged.seq


def _receive_bluesky(address: str) -> None:
    from bluesky.callbacks.zmq import RemoteDispatcher  # noqa: PLC0415

    dispatcher: Any = RemoteDispatcher(address)
    dispatcher.subscribe(_Tally().count)
    # Its subscription takes a moment to arrive, and what is published before is lost.
    dispatcher.loop.call_later(_SUBSCRIBED_S, _say, "ready")
    dispatcher.start()


if __name__ == "__main__":
    main(sys.argv[1:])
