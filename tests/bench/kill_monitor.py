"""Kill the monitor at random moments, many times, and compare what it leaves with an offline fit.

python tests/bench/kill_monitor.py                      # 500 kills
python tests/bench/kill_monitor.py --kills 20 --seed 3

Every series is a log that one process writes while another follows it and is killed (SIGKILL) again and
again: in the middle of reading, fitting, writing results, writing a checkpoint, or starting. The last
monitor is let live. Its results files and curves must then be those of an offline fit: the same bytes,
or, where lines of finished cycles came again so that a cycle was recorded twice, the same content.
The processes are forked from one that has imported everything, so that a kill costs some 0.1 s.
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import signal
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from following import Documents, content_of, offline
from operando.app.keeper import Keeper
from operando.io.results import write_curve_csv
from operando.io.runlog import LogReader, LogWriter
from operando.io.sources import FollowedLog
from operando.live.checkpoints import Checkpoints, Pace
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of
from verified import verify

WORK = Work(library(), recipe(), LayoutSettings())
CYCLES = 5
SHAPE = (12, 40)
KILLS_A_SERIES = 25
PACE = Pace(every_s=0.005, share=0.5)
"""Far more often than in use, so that many a kill falls into the writing of a checkpoint."""
LONGEST_S = 0.4
FROZEN = 0.25
"""Share of the monitors that are frozen (SIGSTOP) for a while before."""
PATIENCE_S = 120.0


@dataclass(slots=True)
class Figures:
    """What came of all series."""

    kills: int = 0
    series: int = 0
    same_bytes: int = 0
    same_content: int = 0
    bad: int = 0
    resumed: int = 0
    caught_up_s: list[float] = field(default_factory=list[float])

    def line(self) -> str:
        """Return them in one line."""
        mean_ms = 1000 * float(np.mean(self.caught_up_s)) if self.caught_up_s else float("nan")
        return (
            f"{self.kills} kills of the monitor in {self.series} series: "
            f"{self.same_bytes + self.same_content} of {self.series} equal to offline "
            f"({self.same_bytes} file for file, {self.same_content} by content), {self.bad} bad records, "
            f"{self.resumed} starts went on from a checkpoint, mean time to catch up {mean_ms:.0f} ms"
        )


def campaign(kills: int, seed: int, folder: Path) -> Figures:
    """Kill monitors so many times in all and return what came of it."""
    figures = Figures()
    # What is compiled, or loaded, here need not be in every fork.
    offline(documents_of_series(0, 0), folder / "warm" / "out.h5", WORK)
    while figures.kills < kills:
        rng = np.random.default_rng([seed, figures.series])
        place = folder / f"series-{figures.series}"
        place.mkdir()
        one_series(min(KILLS_A_SERIES, kills - figures.kills), rng, place, figures)
    return figures


def one_series(kills: int, rng: np.random.Generator, folder: Path, figures: Figures) -> None:
    """Write a log, kill those who follow it, and compare."""
    documents = documents_of_series(figures.series, int(rng.integers(2**31)))
    log, output = folder / "series.runlog", folder / "out.h5"
    with LogWriter(log) as writer:
        writer.append(documents[:1], time.time())
    moments_s = rng.uniform(0.0, LONGEST_S, kills)
    recorder = forked(lambda _pipe: write(log, documents[1:], float(moments_s.sum()) + 0.5))
    for moment_s in moments_s:
        monitor = forked(lambda pipe: follow(log, output, threading.Event(), pipe))
        time.sleep(moment_s / 2)
        if rng.random() < FROZEN:
            os.kill(monitor.pid, signal.SIGSTOP)
            time.sleep(moment_s / 4)
            os.kill(monitor.pid, signal.SIGCONT)
        time.sleep(moment_s / 2)
        os.kill(monitor.pid, signal.SIGKILL)
        note(monitor.said(), figures)
        if monitor.exit_code() != -signal.SIGKILL:
            message = f"a monitor ended before it was killed; see {folder}"
            raise RuntimeError(message)
        figures.kills += 1
    if recorder.exit_code() != 0:
        message = "the process that wrote the log failed"
        raise RuntimeError(message)
    ended = threading.Event()
    ended.set()
    last = forked(lambda pipe: follow(log, output, ended, pipe))
    note(last.said(), figures)
    if last.exit_code() != 0:
        message = f"the monitor that was let live failed; see {folder}"
        raise RuntimeError(message)
    figures.series += 1
    compare(documents, log, output, figures)


def documents_of_series(number: int, seed: int) -> Documents:
    """Return a recording: of one run, or of two at once with lines that come again."""
    rng = np.random.default_rng(seed)
    plan = replace(plan_of(shape=SHAPE), cycles=CYCLES)
    counts = stack_of(plan, rng, cycles=CYCLES)
    if number % 3 < 2:
        return documents_of(plan, counts)
    order = list(range(counts.shape[0] * counts.shape[1] * counts.shape[2]))
    for place in rng.integers(0, len(order), 3):
        order[place:place] = order[max(place - 60, 0) : place]
    first = documents_of(plan, counts, order=order)
    second = documents_of(replace(plan, run="run-2"), stack_of(plan, rng, cycles=CYCLES))[:-1]
    places = np.sort(rng.integers(0, len(first), len(second)))
    return [
        document
        for index, one in enumerate(first)
        for document in (one, *(second[n] for n in np.flatnonzero(places == index)))
    ]


def write(log: Path, documents: Documents, within_s: float) -> None:
    """Append documents at an even pace."""
    began_s = time.monotonic()
    with LogWriter(log) as writer:
        for number, document in enumerate(documents):
            writer.append([document], time.time())
            due_s = began_s + within_s * number / len(documents)
            time.sleep(max(due_s - time.monotonic(), 0.0))


def follow(log: Path, output: Path, ended: threading.Event, pipe: int) -> None:
    """Follow a log as `operando monitor` does; say where it began, and how long it took to catch up."""
    keeper = Keeper(output, WORK)
    keeper.prepare()
    checkpoints = Checkpoints(output.with_suffix(".checkpoint"), WORK, keeper, PACE)
    monitor = Monitor(FollowedLog(LogReader(log), str(log), ended), WORK, keeper, checkpoints=checkpoints)
    monitor.start()
    while not monitor.join(0.002):
        found = None if monitor.newest is None else monitor.newest.delivery.catch_up
        if found is not None and found.is_done:
            os.write(pipe, struct.pack("<qd", found.after, found.took_s))
            break
    monitor.join()
    keeper.finish()
    if monitor.failure is not None or keeper.trouble:
        message = f"{monitor.failure} {keeper.trouble}"
        raise RuntimeError(message)
    for result in keeper.results:
        if result.path is not None:
            write_curve_csv(result.path.with_suffix(".csv"), result.snapshot.curve)


def note(said: bytes, figures: Figures) -> None:
    """Take note of what a monitor said before its end."""
    for after, took_s in struct.iter_unpack("<qd", said):
        figures.resumed += after > 0
        figures.caught_up_s.append(took_s)


def compare(documents: Documents, log: Path, output: Path, figures: Figures) -> None:
    """Fit the recording offline, and compare file by file."""
    figures.bad += verify(log).good != len(documents)
    folder = output.parent / "offline"
    expected = offline(documents, folder / output.name, WORK)
    if len(expected) != 2 * len({document["uid"] for kind, document in documents if kind == "start"}):
        message = "the offline fit has no results to compare with"
        raise RuntimeError(message)
    for name in expected:
        if name.endswith(".csv"):
            (folder / name).write_text(expected[name])
    names = sorted(expected)
    found = sorted(path.name for path in output.parent.iterdir() if path.suffix in {".h5", ".csv"})
    if found == names and all(
        (folder / name).read_bytes() == (output.parent / name).read_bytes() for name in names
    ):
        figures.same_bytes += 1
    elif found == names and all(
        (content_of(output.parent / name) if name.endswith(".h5") else (output.parent / name).read_text())
        == expected[name]
        for name in names
    ):
        figures.same_content += 1
    else:
        print(f"NOT EQUAL: {output.parent}", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Forked:
    """A process that was forked, and what it says."""

    pid: int
    pipe: int

    def said(self) -> bytes:
        """Wait until the process is gone, and return all that it said."""
        parts: list[bytes] = []
        while part := os.read(self.pipe, 4096):
            parts.append(part)
        os.close(self.pipe)
        said = b"".join(parts)
        return said[: len(said) // 16 * 16]

    def exit_code(self) -> int:
        """Wait for its end and return its exit code; negative for a signal."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def forked(work: Callable[[int], None]) -> Forked:
    """Run `work` in a process of its own, given a pipe to speak into."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return Forked(pid, ours)
    os.close(ours)
    code = 1
    signal.alarm(int(PATIENCE_S))
    try:
        work(theirs)
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def main(arguments: Sequence[str]) -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = campaign(given.kills, given.seed, Path(folder))
    print(figures.line())
    return int(figures.same_bytes + figures.same_content != figures.series or figures.bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
