"""How long a snapshot takes from the monitor's box to a window in another process.

python tests/bench/window_delay.py                     # 96, 256 and 512 pixels, half a minute
python tests/bench/window_delay.py --snapshots 5 --pixels 32

One process puts a snapshot into the box five times a second, another takes it as a window does. Prints
size of a snapshot, how many came, and median and 95th percentile of the delay, as JSON by pixels a side.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import threading
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import numpy as np

from operando.app.window import WindowDoor
from operando.app.window.link import Link
from operando.app.window.plate import plate_of
from operando.io.frozen import freeze
from operando.live.latest import Latest
from operando.live.monitor import Monitor
from operando.types import Snapshot
from operando.view.example import Stage, Story, snapshot_at
from operando.view.history import HistoryBook

EVERY_S = 0.2
DEADLINE_S = 60.0


class Shown:
    """What a door asks of a monitor."""

    failure = None

    def __init__(self) -> None:
        self.box: Latest[Snapshot] = Latest()

    def open_box(self) -> Latest[Snapshot]:
        return self.box

    def send(self, _marks: object) -> None:
        """Nobody fits."""


def shown(results: Path, pixels: int, count: int, done: Connection) -> None:
    """Be the monitor: put snapshots that say when they were made."""
    story = Story(shape=(pixels, pixels))
    snapshot = snapshot_at(Stage(cycles=2, frames=2, rows=pixels // 2), story)
    monitor = Shown()
    door = WindowDoor(results, HistoryBook(), "a bench", "bench.json")
    door.begin(cast("Monitor", monitor))
    done.recv()
    for _ in range(count):
        now = replace(snapshot.progress, last_line_s=time.time())
        monitor.box.put(replace(snapshot, progress=now))
        threading.Event().wait(EVERY_S)
    done.recv()
    door.close()


def delays_s(pixels: int, count: int) -> list[float]:
    """Return how long each snapshot took that arrived."""
    ours, theirs = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "bench.h5"
        plate = plate_of(results)
        process = multiprocessing.get_context("spawn").Process(
            target=shown, args=(results, pixels, count, theirs)
        )
        process.start()
        pause, deadline_s = threading.Event(), time.monotonic() + DEADLINE_S
        while not plate.exists() and time.monotonic() < deadline_s:
            pause.wait(0.01)
        link = Link(plate)
        ours.send("begin")
        found: list[float] = []
        until_s = time.monotonic() + EVERY_S * (count + 5)
        while len(found) < count and time.monotonic() < until_s:
            snapshot = link.take()
            if snapshot is None:
                pause.wait(0.001)
            else:
                found.append(time.time() - snapshot.progress.last_line_s)
        link.close()
        ours.send("end")
        process.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, nargs="*", default=[96, 256, 512])
    parser.add_argument("--snapshots", type=int, default=50)
    asked = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    for pixels in asked.pixels:
        story = Story(shape=(pixels, pixels))
        arrays = freeze(snapshot_at(Stage(cycles=2, frames=2, rows=pixels // 2), story)).arrays
        found = 1000 * np.array(delays_s(pixels, asked.snapshots))
        rows[str(pixels)] = {
            "megabytes": round(sum(array.nbytes for array in arrays) / 1e6, 1),
            "came": found.size,
            "median_ms": round(float(np.median(found)), 1),
            "p95_ms": round(float(np.percentile(found, 95)), 1),
        }
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
