"""Cut the network between a served log and its reader, again and again, while the log grows.

python tests/bench/network_cuts.py                              # 100 cuts of 0.1 to 60 s, some 20 minutes
python tests/bench/network_cuts.py --cuts 20 --scale 0.01       # each a hundredth as long

A cut is an orderly end, a reset, or a black hole in which connections stay and nothing comes through. The
reader must have caught up with the log 5 s after each, and in the end have every document once.
"""

# A script: it prints, and waits in real time.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from operando.bench.delivery.documents import lines
from operando.bench.delivery.family import Child
from operando.io.blob import encode
from operando.io.remote_log import RemoteLog
from operando.io.runlog import LogReader
from operando.live.recorder import Recorder
from operando_sim.network import CALM, FaultProxy, Weather

_KINDS = ("cut", "reset", "black hole")
_SHORTEST_S, _LONGEST_S = 0.1, 60.0
_CATCH_UP_S = 5.0
_BETWEEN_S = 0.3
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, all cuts together."""

    cuts: int
    cut_s: float
    longest_cut_s: float
    documents: int
    lost: int
    repeated: int
    wrong: int
    slowest_catch_up_s: float
    median_catch_up_s: float

    @property
    def is_good(self) -> bool:
        """Whether all that was promised held."""
        return self.lost == self.repeated == self.wrong == 0 and self.slowest_catch_up_s <= _CATCH_UP_S


class Following:
    """A reader in a thread, and what it has."""

    def __init__(self, address: str) -> None:
        self.found: list[tuple[int, bytes]] = []
        self._is_over = threading.Event()
        self._has_more = threading.Condition()
        self._source = RemoteLog(address, threading.Event())
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def wait_for(self, count: int, patience_s: float) -> bool:
        """Wait until it has so many documents, and return whether it has."""
        with self._has_more:
            return self._has_more.wait_for(lambda: len(self.found) >= count, patience_s)

    def end(self) -> None:
        """Stop reading."""
        self._is_over.set()
        self._thread.join()
        self._source.close()

    def _follow(self) -> None:
        after = 0
        while not self._is_over.is_set():
            batch = self._source.read(after, 256)
            if batch:
                after = batch[-1].seq
                with self._has_more:
                    self.found += [(row.seq, encode(row.document)) for row in batch]
                    self._has_more.notify_all()
            else:
                self._is_over.wait(0.01)


class Growing:
    """A log that grows at a steady pace in a thread."""

    def __init__(self, log: Path, per_s: float) -> None:
        self._is_over = threading.Event()
        self._recorder = Recorder(log)
        self._per_s = per_s
        self._thread = threading.Thread(target=self._grow)
        self._thread.start()

    @property
    def written(self) -> int:
        """How many documents are in the log."""
        return self._recorder.status.written

    def end(self) -> None:
        """Stop recording, and write what is left."""
        self._is_over.set()
        self._thread.join()
        self._recorder.close()

    def _grow(self) -> None:
        for name, document in lines(10**9, 64):
            self._recorder(name, document)
            if self._is_over.wait(1.0 / self._per_s):
                return


def campaign(cuts: int, scale: float, per_s: float, seed: int) -> Outcome:
    """Cut the network so often and return what was found."""
    rng = random.Random(seed)  # noqa: S311 - it only has to be the same again
    lasting_s = [
        scale * math.exp(rng.uniform(math.log(_SHORTEST_S), math.log(_LONGEST_S))) for _ in range(cuts)
    ]
    catch_up_s: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        growing = Growing(log, per_s)
        server = Child("-m", "operando", "serve", log, "--address", "tcp://127.0.0.1:0")
        try:
            with FaultProxy(server.first) as proxy:
                following = Following(proxy.address)
                for cut_s in lasting_s:
                    time.sleep(_BETWEEN_S)
                    _disturb(proxy, rng.choice(_KINDS))
                    time.sleep(cut_s)
                    proxy.turn(CALM)
                    mended_s = time.monotonic()
                    # All that was written while the line was cut.
                    following.wait_for(growing.written, _PATIENCE_S)
                    catch_up_s.append(time.monotonic() - mended_s)
                growing.end()
                following.wait_for(growing.written, _PATIENCE_S)
                following.end()
        finally:
            server.end()
        with LogReader(log) as reader:
            expected = [(row.seq, encode(row.document)) for row in reader.read(0, 10**9)]
    seqs = [seq for seq, _ in following.found]
    return Outcome(
        cuts=cuts,
        cut_s=round(sum(lasting_s), 1),
        longest_cut_s=round(max(lasting_s), 2),
        documents=len(expected),
        lost=len(expected) - len(set(seqs)),
        repeated=len(seqs) - len(set(seqs)),
        wrong=sum(ours != theirs for ours, theirs in zip(following.found, expected, strict=False)),
        slowest_catch_up_s=round(max(catch_up_s), 2),
        median_catch_up_s=round(float(np.median(catch_up_s)), 2),
    )


def _disturb(proxy: FaultProxy, kind: str) -> None:
    if kind == "cut":
        proxy.cut()
    elif kind == "reset":
        proxy.turn(Weather(lets_in=False))
        proxy.reset()
    else:
        proxy.turn(Weather(passes=False))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--scale", type=float, default=1.0, help="of the durations, 0.1 to 60 s")
    parser.add_argument("--per-s", type=float, default=200.0, help="documents recorded per second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    outcome = campaign(options.cuts, options.scale, options.per_s, options.seed)
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
