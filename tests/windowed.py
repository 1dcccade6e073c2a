"""A monitor that follows a growing log, with a door for windows beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from operando.app.follow import Setting, follow
from operando.app.keeper import Keeper
from operando.app.outcome import Outcome
from operando.app.window import WindowDoor, WindowProcess
from operando.app.window.plate import plate_of
from operando.io.runlog import LogReader, LogWriter
from operando.io.sources import DocumentSource, FollowedLog
from operando.live.beside import Company, Onlooker
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from operando.types import ScanPlan
from operando.view.history import HistoryBook
from scans import documents_of, library, plan_of, recipe, stack_of

__all__ = [
    "WAIT_S",
    "WORK",
    "Following",
    "Run",
    "following",
    "offline_bytes",
    "run_of",
    "waited_for",
    "without_regions",
]

WAIT_S = 60.0
WORK = Work(library(), recipe(), LayoutSettings())


@dataclass(frozen=True)
class Run:
    """A run and its documents."""

    plan: ScanPlan
    documents: Sequence[tuple[str, dict[str, Any]]]


def run_of(shape: tuple[int, int], cycles: int) -> Run:
    plan = plan_of(shape=shape, cycles=cycles)
    return Run(plan, documents_of(plan, stack_of(plan, np.random.default_rng(0), cycles=cycles)))


class Following:
    """A monitor with a door, which follows a log that is written here."""

    def __init__(self, folder: Path, run: Run, has_window: bool) -> None:
        self.run = run
        self.results = folder / "results.h5"
        self.plate = plate_of(self.results)
        self.outcome: Outcome | None = None
        self.writer = LogWriter(folder / "run.log")
        self.ended = threading.Event()
        self.written = 0
        self.write(2)
        book = HistoryBook()
        self.door = WindowDoor(self.results, book, "a monitor", "dashboard-test.json")
        self.window = WindowProcess(self.plate, "a command")
        onlookers: list[Onlooker] = [self.door, self.window] if has_window else [self.door]
        setting = Setting(company=Company(onlookers, None), book=book)
        source = FollowedLog(LogReader(folder / "run.log"), "log", self.ended)
        keeper = Keeper(self.results, WORK)
        keeper.prepare()
        self._thread = threading.Thread(target=self._follow, args=(source, keeper, setting))

    def _follow(self, source: FollowedLog, keeper: Keeper, setting: Setting) -> None:
        self.outcome = follow(source, keeper, setting)

    def write(self, count: int) -> None:
        """Record some more documents."""
        self.writer.append(self.run.documents[self.written : self.written + count], 1.0)
        self.written += count

    def begin(self) -> None:
        self._thread.start()
        waited_for(self.plate.exists)

    def end(self) -> None:
        """Record the rest, and wait until all of it is fitted."""
        self.write(len(self.run.documents) - self.written)
        self.ended.set()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        self.writer.close()


@contextmanager
def following(folder: Path, run: Run, *, has_window: bool = False) -> Iterator[Following]:
    """Follow a run with a door, and a window in a process of its own if wanted."""
    found = Following(folder, run, has_window)
    found.begin()
    try:
        yield found
    finally:
        found.end()


def waited_for(holds: Callable[[], object]) -> None:
    """Look until something holds."""
    deadline_s = time.monotonic() + WAIT_S
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline_s
        pause.wait(0.005)


def without_regions(path: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Return all that a results file holds but the regions that somebody drew, by its place."""
    found: dict[str, tuple[str, tuple[int, ...], bytes]] = {}

    def note(place: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and not place.startswith("entry/regions"):
            values = np.asarray(item[()])
            held = repr(values.tolist()).encode() if values.dtype.hasobject else values.tobytes()
            found[place] = (str(item.dtype), item.shape, held)

    with h5py.File(path, "r") as file:
        file.visititems(note)
    return found


def offline_bytes(folder: Path, run: Run) -> bytes:
    """The results file of a monitor that nobody watches."""
    folder.mkdir()
    keeper = Keeper(folder / "results.h5", WORK)
    keeper.prepare()
    follow(DocumentSource(iter(run.documents), "log"), keeper, Setting())
    return (folder / "results.h5").read_bytes()
