"""Monitors that are killed and started again, and what their files hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from operando.app.keeper import Keeper
from operando.io.results import write_curve_csv
from operando.io.runlog import LoggedDocument, LogReader, LogWriter
from operando.io.sources import DocumentSource, RecordedLog, Source
from operando.live.checkpoints import Checkpoints, Pace
from operando.live.monitor import Monitor, Work

Documents = Sequence[tuple[str, dict[str, Any]]]
ALWAYS = Pace(every_s=0.0, share=float("inf"))


class InBits(RecordedLog):
    """A log that gives few documents at a time, so that much happens between two."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(LogReader(path), str(path))
        self._most = most

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        return super().read(after, min(limit, self._most))


def record(path: Path, documents: Documents) -> Path:
    with LogWriter(path) as writer:
        writer.append(documents, recorded_s=1.0)
    return path


def offline(documents: Documents, output: Path, work: Work) -> dict[str, str]:
    """Fit a complete recording in one go, and return what the files hold: something, in any case."""
    keeper = Keeper(output, work)
    keeper.prepare()
    monitor = Monitor(DocumentSource(iter(documents), "memory"), work, keeper)
    while monitor.pull():
        pass
    held = ended(monitor, keeper)
    assert any(text.count("\n") > 1 for name, text in held.items() if name.endswith(".csv"))
    return held


def started(source: Source, output: Path, work: Work, pace: Pace = ALWAYS) -> tuple[Monitor, Keeper]:
    keeper = Keeper(output, work)
    keeper.prepare()
    checkpoints = Checkpoints(output.with_suffix(".checkpoint"), work, keeper, pace)
    return Monitor(source, work, keeper, checkpoints=checkpoints), keeper


def killed_and_started_again(
    log: Path, output: Path, work: Work, pulls: Iterable[int], most: int, pace: Pace = ALWAYS
) -> dict[str, str]:
    """Follow a log, give the monitor up after so many pulls each time, and let the last one end.

    What a monitor that is given up had in memory is gone, and nothing is written for it any more.
    """
    for count in pulls:
        monitor, keeper = started(InBits(log, most), output, work, pace)
        for _ in range(count):
            monitor.pull()
        let_go_of(keeper)
    monitor, keeper = started(InBits(log, most), output, work, pace)
    while monitor.pull():
        pass
    return ended(monitor, keeper)


def let_go_of(keeper: Keeper) -> None:
    """Do what the system does when a process is gone: its lock on the results is let go."""
    assert keeper._lock is not None
    keeper._lock.release()


def ended(monitor: Monitor, keeper: Keeper) -> dict[str, str]:
    """Let a monitor end, and return the content of each results file and curve by name of the file."""
    monitor.finish()
    keeper.finish()
    assert keeper.trouble == ""
    held: dict[str, str] = {}
    for result in keeper.results:
        assert result.path is not None
        held[result.path.name] = content_of(result.path)
        curve = result.path.with_suffix(".csv")
        write_curve_csv(curve, result.snapshot.curve)
        held[curve.name] = curve.read_text()
        curve.unlink()
    return held


def content_of(path: Path) -> str:
    """Return a hash of all that an HDF5 file holds: names, kinds, attributes and values, in order.

    Not its bytes on the disk: where HDF5 puts what depends on whether a cycle was written twice.
    """
    parts: list[bytes] = []
    with h5py.File(path, "r") as file:

        def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
            parts.append(name.encode())
            for key, value in sorted(item.attrs.items()):
                parts.append(f"{key}={np.asarray(value).tolist()!r}".encode())
            if isinstance(item, h5py.Dataset):
                parts.append(f"{item.dtype}{item.shape}{item.chunks}".encode())
                value = np.asarray(item[()])
                parts.append(repr(value.tolist()).encode() if value.dtype.hasobject else value.tobytes())

        file.visititems(visit)
        parts.append(repr(sorted(file.attrs.items())).encode())
    return hashlib.sha256(b"\n".join(parts)).hexdigest()
