"""How long the last row of an image takes from the recorder to the screen, in three processes.

python tests/bench/screen_lag.py                            # 256 x 256, 15 images, some minutes
python tests/bench/screen_lag.py --pixels 24 --cycles 2 --speed 20

One process scans a simulated cell and records it (`operando simulate`), another fits (`operando monitor`),
this one has the window, offscreen, as `operando window` has it. For each image the time is counted from
when the log has its last row to when the window has painted a snapshot with that row; the first cycle, in
which programs load and compile, does not count. Prints how many images came, and median and 95th percentile,
as JSON.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from operando.app.window.link import Link
from operando.io.runlog import LogReader
from operando.view import Dashboard, DashboardOptions
from operando.view.qt import application
from operando_sim import LIXV2O5
from operando_sim.references import write_references

DEADLINE_S = 540.0
ENERGIES = 5


def painted(plate: Path, lines: int, alive: subprocess.Popen[bytes]) -> list[tuple[int, float]]:
    """Show the run to its last line; return after how many lines a picture was painted, and when."""
    pause, until_s = threading.Event(), time.monotonic() + DEADLINE_S
    while not plate.exists() and alive.poll() is None and time.monotonic() < until_s:
        pause.wait(0.01)
    running = application()
    link = Link(plate)
    window = Dashboard(link.take, DashboardOptions(history=link.history, send=link.send))
    window.resize(1280, 800)
    window.show()
    found: list[tuple[int, float]] = []
    seen = None
    while (not found or found[-1][0] < lines) and time.monotonic() < until_s:
        running.processEvents()
        if window.session.live is seen:
            pause.wait(0.002)
            continue
        seen = window.session.live
        # What the new snapshot has changed is painted in this turn.
        running.processEvents()
        assert seen is not None
        found.append((seen.progress.lines_seen, time.time()))
    window.close()
    link.close()
    return found


def recorded_s(log: Path) -> list[float]:
    """Return when each line was in the log, in their order."""
    with LogReader(log) as reader:
        head, offset, found = reader.head(), 0, list[float]()
        while offset < head:
            batch = reader.read(offset, 500)
            found += [each.recorded_s for each in batch if each.name in {"event", "event_page"}]
            offset = batch[-1].seq
    return found


def lags_s(folder: Path, pixels: int, cycles: int, speed: float) -> list[float]:
    """Return the lag of every image after the first cycle, in which programs load and compile."""
    log = folder / "series.runlog"
    write_references(folder, LIXV2O5)
    program = [sys.executable, "-m", "operando"]
    options = ["--references", "library.toml", "--gain", "0.8", "--headless"]
    quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    monitor = subprocess.Popen([*program, "monitor", str(log), *options], **quiet)  # type: ignore[call-overload]
    scan = subprocess.Popen(
        [
            *program,
            "simulate",
            str(log),
            "--pixels",
            str(pixels),
            "--cycles",
            str(cycles),
            "--speed",
            str(speed),
        ],
        **quiet,  # type: ignore[call-overload]
    )
    try:
        pictures = painted(folder / "series-lithiation.window", cycles * ENERGIES * pixels, monitor)
        scan.wait(60)
    finally:
        for process in (scan, monitor):
            process.terminate()
            process.wait(60)
    lines_s = recorded_s(log)
    lasts = range((ENERGIES + 1) * pixels, len(lines_s) + 1, pixels)
    return [
        next(when_s for lines, when_s in pictures if lines >= last) - lines_s[last - 1]
        for last in lasts
        if pictures and pictures[-1][0] >= last
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, default=256)
    parser.add_argument("--cycles", type=int, default=4)
    parser.add_argument("--speed", type=float, default=10.0, help="acquisition seconds per second")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = 1000 * np.array(lags_s(Path(folder), asked.pixels, asked.cycles, asked.speed))
    row = {
        "pixels": asked.pixels,
        "images": found.size,
        "median_ms": round(float(np.median(found)), 1),
        "p95_ms": round(float(np.percentile(found, 95)), 1),
        "worst_ms": round(float(found.max()), 1),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
