"""Kill the recording process at random moments, again and again, into one log, and look at what is left.

python tests/bench/kill_recorder.py                    # 200 kills
python tests/bench/kill_recorder.py --kills 20 --seed 5

Every document that the recorder had called written is in the log, byte for byte and in its place; no record
is bad; every run is shown as incomplete; and the next recorder goes on in the same log.
"""

# A script: it prints, forks before it has any thread, and kills what it forked.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from operando.errors import SourceUnreachable
from operando.io.blob import encode
from operando.io.runlog import LogReader
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.live.recorder import Recorder
from operando.settings import LayoutSettings
from scans import ENERGIES_EV, library, recipe
from verified import verify

_ROWS, _COLUMNS = 6, 8
_ACK = struct.Struct("<I")
_LONGEST_S = 0.3
_PAUSE_S = 0.004
"""After every 16 documents: what is recorded is looked at afterwards, line by line."""

Document = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, all kills together."""

    kills: int
    documents: int
    acknowledged: int
    missing: int
    bad: int
    wrong: int
    incomplete: int
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether all that was promised held."""
        return self.missing == self.bad == self.wrong == 0 and self.incomplete == self.kills


def run_of(number: int) -> Iterator[Document]:
    """Yield a series without end, the same for the same number."""
    rng = np.random.default_rng(number)
    run, stream = f"run-{number}", f"stream-{number}"
    block = {
        "contract_version": 1,
        "shape": [ENERGIES_EV.size, _ROWS, _COLUMNS],
        "energies": ENERGIES_EV.tolist(),
        "dwell_ms": 1.0,
        "x_extent": [-1.0, 1.0],
        "y_extent": [-1.0, 1.0],
        "data_field": "counter",
    }
    yield "start", {"uid": run, "time": 1000.0, "stxm": block, "operando": {"cycles": 10**6}}
    keys = {"counter": {"source": "test", "dtype": "array", "shape": [_COLUMNS]}}
    yield (
        "descriptor",
        {"uid": stream, "run_start": run, "time": 1000.0, "name": "primary", "data_keys": keys},
    )
    for line in count():
        cycle, rest = divmod(line, ENERGIES_EV.size * _ROWS)
        energy, row = divmod(rest, _ROWS)
        time_s = 1001.0 + line
        data = {
            "counter": rng.poisson(9000.0, _COLUMNS).astype(np.float64),
            "cycle": cycle,
            "energy_index": energy,
            "row": row,
        }
        document = {"uid": f"{run}-{line}", "descriptor": stream, "seq_num": line + 1, "time": time_s}
        yield "event", {**document, "data": data, "timestamps": dict.fromkeys(data, time_s), "filled": {}}


def record_until_killed(log: Path, number: int, acknowledgements: int) -> None:
    """Record a run as fast as it goes, and say now and then how much is written."""
    recorder = Recorder(log)
    for index, (name, document) in enumerate(run_of(number)):
        recorder(name, document)
        if index % 16 == 0:
            # An acknowledgement that finds no room is one less to be held to.
            os.write(acknowledgements, _ACK.pack(recorder.status.written))
            time.sleep(_PAUSE_S)


def kill_one(log: Path, number: int, after_s: float) -> int:
    """Let a process record, kill it after a while, and return how many documents it had called written."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.set_blocking(writing, False)
        try:
            record_until_killed(log, number, writing)
        finally:
            os._exit(1)
    os.close(writing)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    assert os.WIFSIGNALED(status), "it ended before it was killed"
    whole = said[: len(said) // _ACK.size * _ACK.size]
    return max((value for (value,) in _ACK.iter_unpack(whole)), default=0)


def found_after(log: Path, before: int, number: int) -> tuple[int, int, list[Document]]:
    """Return what the last process left: how many documents, how many of them wrong, and all of them."""
    try:
        with LogReader(log) as reader:
            left = reader.read(before, 10**9)
    except SourceUnreachable:
        # Killed before the log was made: then nothing was called written either.
        return 0, 0, []
    expected = run_of(number)
    wrong = sum(
        (row.name, encode(row.document)) != (name, encode(document))
        for row, (name, document) in zip(left, expected, strict=False)
    )
    return len(left), wrong, [(row.name, row.document) for row in left]


def is_shown_as_incomplete(documents: Sequence[Document]) -> bool:
    """Return whether a monitor says of the run that it has no end."""
    monitor = Monitor(DocumentSource(iter(documents), "log"), Work(library(), recipe(), LayoutSettings()))
    while monitor.pull():
        pass
    monitor.finish()
    newest = monitor.newest
    return newest is not None and any("incomplete" in finding.message for finding in newest.findings)


def campaign(kills: int, seed: int, folder: Path) -> Outcome:
    """Kill so many recorders of one log and return what was found."""
    began_s = time.monotonic()
    rng = random.Random(seed)  # noqa: S311 - it only has to be the same again
    log = folder / "killed.runlog"
    documents = acknowledged = missing = wrong = incomplete = 0
    for number in range(kills):
        said = kill_one(log, number, rng.uniform(0.0, _LONGEST_S))
        count_left, wrong_now, left = found_after(log, documents, number)
        documents += count_left
        acknowledged += said
        missing += max(said - count_left, 0)
        wrong += wrong_now
        # A process that was killed before its first document left no run that could be marked.
        incomplete += is_shown_as_incomplete(left) if count_left else True
    with Recorder(log) as recorder:
        recorder("start", {"uid": "last", "time": 1.0})
        assert recorder.flush(60.0), "the next recorder does not go on"
    found = verify(log)
    bad = documents + 1 - found.good
    seconds = round(time.monotonic() - began_s, 1)
    return Outcome(kills, documents, acknowledged, missing, bad, wrong, incomplete, seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcome = campaign(options.kills, options.seed, Path(folder))
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
