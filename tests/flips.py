"""Single bits that turn over in the files of a log: what is said of it, and what is read all the same."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operando.app.keeper import Keeper
from operando.app.open_source import open_recording
from operando.app.verify import verify
from operando.errors import OperandoError
from operando.io.blob import encode
from operando.io.logfile import PAGE_BYTES
from operando.io.results import read_results
from operando.io.runlog import LogWriter
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

__all__ = ["Flip", "Logs", "Outcome", "flips_of", "logs", "outcome_of"]


HEAD_BYTES = 64
"""Of a page: its header and the first of its cell pointers."""
AT_ONCE = 8
_PLAN = plan_of(shape=(4, 5), cycles=12)
_WORK = Work(library(), recipe(), LayoutSettings())


@dataclass(frozen=True)
class Logs:
    """A closed log, one whose recorder was killed, and what is in both.

    Attributes
    ----------
    closed, killed
        Content of the files by their ending: "" of the log and "-wal" of the file beside it.
    documents
        Every document, as bytes.
    lithium
        What is fitted of them, as bytes.
    """

    closed: dict[str, bytes]
    killed: dict[str, bytes]
    documents: list[bytes]
    lithium: bytes


@dataclass(frozen=True)
class Flip:
    """A bit of a file."""

    is_killed: bool
    ending: str
    bit: int
    is_structure: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a flip.

    Attributes
    ----------
    is_found
        `verify` says that something is wrong.
    is_said
        Replaying it says so: it fails, or counts documents that are lost or were refused.
    is_same
        Replaying it gives the documents that were recorded, and no others.
    """

    is_found: bool
    is_said: bool
    is_same: bool

    @property
    def is_right(self) -> bool:
        """Whether it was found or changes nothing, and no other result came without a word."""
        return (self.is_found or self.is_same) and (self.is_said or self.is_same)


def logs(folder: Path) -> Logs:
    """Record a series twice: to its end, and up to a kill."""
    recorded = documents_of(_PLAN, stack_of(_PLAN, np.random.default_rng(0), cycles=12))
    path = folder / "recorded.log"
    with LogWriter(path) as writer:
        for first in range(0, len(recorded), AT_ONCE):
            writer.append(recorded[first : first + AT_ONCE], 1.5)
        # As it lies there while it is written; the file beside it has the newest.
        killed = {ending: path.with_name(f"{path.name}{ending}").read_bytes() for ending in ("", "-wal")}
    closed = {"": path.read_bytes()}
    return Logs(closed, killed, [encode(document) for _, document in recorded], _fitted(path, folder))


def flips_of(made: Logs, count: int, seed: int) -> Iterator[Flip]:
    """Yield flips by chance: half anywhere, half in SQLite's own structure; every fifth in a killed log."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    for number in range(count):
        is_killed = number % 5 == 4
        files = made.killed if is_killed else made.closed
        ending = chance.choice(sorted(files))
        size = len(files[ending])
        is_structure = number % 2 == 0 and not ending and size > 0
        at = chance.randrange(size) if size else 0
        if is_structure:
            at = at // PAGE_BYTES * PAGE_BYTES + chance.randrange(HEAD_BYTES)
        if size:
            yield Flip(is_killed, ending, 8 * at + chance.randrange(8), is_structure)


def outcome_of(made: Logs, flip: Flip, folder: Path) -> Outcome:
    """Turn a bit over and see what is said of it."""
    path = folder / "flipped.log"
    for ending in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
    for ending, content in (made.killed if flip.is_killed else made.closed).items():
        changed = bytearray(content)
        if ending == flip.ending:
            changed[flip.bit // 8] ^= 1 << flip.bit % 8
        path.with_name(f"{path.name}{ending}").write_bytes(changed)
    try:
        is_found = not verify(str(path)).is_good
    except OperandoError:
        is_found = True
    read, is_said = _read(path)
    return Outcome(is_found, is_said, read == made.documents)


def fitted_otherwise(made: Logs, folder: Path) -> bool:
    """Return whether the log that was flipped last gives other results than the recorded one, unsaid."""
    try:
        return _fitted(folder / "flipped.log", folder) != made.lithium
    except OperandoError:
        return False


def _read(path: Path) -> tuple[list[bytes], bool]:
    """Return the documents that a replay gets, and whether it says that some are missing."""
    found: list[bytes] = []
    try:
        source = open_recording(str(path))
    except OperandoError:
        return found, True
    after = 0
    try:
        while batch := source.read(after, 100):
            found += [encode(row.document) for row in batch]
            after = batch[-1].seq
    except OperandoError:
        return found, True
    finally:
        source.close()
    return found, bool(source.findings())


def _fitted(path: Path, folder: Path) -> bytes:
    """Return the lithium contents of a log.

    Raises
    ------
    OperandoError
        If the monitor says that something is wrong or missing.
    """
    results = folder / "lithium.h5"
    shutil.rmtree(results, ignore_errors=True)
    results.unlink(missing_ok=True)
    keeper = Keeper(results, _WORK)
    source = open_recording(str(path))
    monitor = Monitor(source, _WORK, keeper)
    monitor.start()
    monitor.join()
    keeper.finish()
    last = monitor.newest
    if monitor.failure is not None or last is None or monitor.refusals:
        message = f"the monitor failed: {monitor.failure}"
        raise OperandoError(message)
    is_told = source.findings() or last.delivery.lost or last.delivery.rejected
    if is_told or last.progress.exit_status != "success":
        message = "documents are missing"
        raise OperandoError(message)
    found = read_results(results)
    return found.lithium.tobytes() + found.lithium_error.tobytes()
