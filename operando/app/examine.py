"""Looks at a machine for the doctor: what is installed, what the clock says, what the disk does."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
import threading
import time
from importlib import metadata
from pathlib import Path
from statistics import median

from operando.app.doctor import (
    Check,
    Clock,
    Disk,
    Link,
    State,
    judge_cache,
    judge_clock,
    judge_disk,
    judge_link,
    judge_newest,
    judge_python,
    judge_screen,
    judge_versions,
)
from operando.app.file_kinds import is_address
from operando.app.open_source import follow_log
from operando.errors import OperandoError
from operando.io.runlog import LogWriter
from operando.io.sources import Source

__all__ = ["examine"]

_PACKAGES = (
    "operando", "numpy", "numba", "scipy", "h5py", "msgpack", "pyzmq", "bluesky", "event-model", "matplotlib",
    "pyqtgraph", "PySide6-Essentials",
)  # fmt: skip
_CLOCK_S = 0.3
_UNSYNCHRONISED = 5
"""What adjtimex(2) returns where nobody keeps the clock."""
_TIMEX_BYTES = 512
_BLOCK = bytes(2**20)
_MOST_BLOCKS = 32
_MOST_LINES = 200
_MOST_DISK_S = 1.0
"""For each of the two: it must be bounded on a disk that is full or slow."""
_LINE = ("event", {"seq_num": 1, "time": 0.0, "data": {"counts": bytes(8 * 128)}, "uid": "x" * 36})
_USUAL_BYTES_PER_S = 1e6
_QUESTIONS = 5


def examine(source: str | None, keys: Path | None) -> list[Check]:
    """Look at everything, and at a source if one is named; takes some seconds.

    A source that cannot be opened, or its keys, are a check that failed.
    """
    from operando.view import screen_trouble  # noqa: PLC0415 - Qt only when it is wanted

    checks = [
        judge_python(sys.version_info[:3]),
        judge_versions({name: _version(name) for name in _PACKAGES}),
        judge_screen(screen_trouble()),
        _cache(),
        judge_clock(_clock()),
    ]
    is_file = source is not None and not is_address(source)
    pace = None
    if source is not None:
        found, pace = _source(source, keys)
        checks += found
    folder = Path(source).absolute().parent if is_file and source is not None else Path.cwd()
    return [*checks, _disk(folder, pace)]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cache() -> Check:
    import operando.core  # noqa: PLC0415 - only its place

    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(named) if named else Path(operando.core.__path__[0]) / "__pycache__"
    there = folder if folder.exists() else folder.parent
    files = sum(1 for _ in folder.rglob("*.nbi")) if folder.is_dir() else 0
    return judge_cache(str(folder), is_writable=os.access(there, os.W_OK), files=files)


def _clock() -> Clock:
    wall_s, monotonic_s = time.time(), time.monotonic()
    time.sleep(_CLOCK_S)
    step_s = (time.time() - wall_s) - (time.monotonic() - monotonic_s)
    return Clock(step_s, time.strftime("%Z %z"), _is_synchronised())


def _is_synchronised() -> bool | None:
    """Return whether the kernel says that its clock is kept by another; None where it has no such word."""
    if not sys.platform.startswith("linux"):
        return None
    # With nothing to set (modes 0, the first field) it only asks.
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _UNSYNCHRONISED


def _source(text: str, keys: Path | None) -> tuple[list[Check], float | None]:
    """Look at a source; return also the bytes that a second of its recording takes, if that is known."""
    try:
        source = follow_log(text, threading.Event(), keys=keys).source
    except OperandoError as error:
        return [Check("source", State.FAILED, str(error))], None
    try:
        documents = source.head()
        link = Link(text, documents, _round_trip_ms(source) if is_address(text) else None)
        if not documents:
            return [judge_link(link)], None
        newest = source.read(documents - 1, 1)
        oldest = source.read(0, 1)
    except OperandoError as error:
        return [Check("source", State.FAILED, str(error), "see 'operando verify'")], None
    finally:
        source.close()
    if not newest or not oldest:
        return [judge_link(link)], None
    took_s = newest[-1].recorded_s - oldest[0].recorded_s
    size = Path(text).stat().st_size if link.round_trip_ms is None else 0
    pace = size / took_s if size and took_s > 0 else None
    return [judge_link(link), judge_newest(time.time(), newest[-1].recorded_s)], pace


def _round_trip_ms(source: Source) -> float:
    took_s: list[float] = []
    for _ in range(_QUESTIONS):
        began_s = time.monotonic()
        source.read(source.head(), 1)
        took_s.append(time.monotonic() - began_s)
    return 1000.0 * median(took_s)


def _disk(folder: Path, pace: float | None) -> Check:
    try:
        with tempfile.TemporaryDirectory(prefix=".operando-doctor-", dir=folder) as made:
            written, took_s = _blocks(Path(made) / "blocks")
            lines, lines_took_s = _lines(Path(made) / "lines.runlog")
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("disk", State.FAILED, f"{folder}: {error}", "record to a folder that can be written")
    basis = "1 MB/s" if pace is None else f"{pace / 1e6:.2g} MB/s, as this log grew"
    return judge_disk(
        Disk(
            str(folder),
            written / took_s / 1e6,
            lines / lines_took_s,
            free_bytes,
            _USUAL_BYTES_PER_S if pace is None else pace,
            basis,
        )
    )


def _blocks(path: Path) -> tuple[int, float]:
    """Return how many bytes were written and flushed, and the seconds it took."""
    began_s, written = time.monotonic(), 0
    with path.open("wb", buffering=0) as file:
        while written < _MOST_BLOCKS * len(_BLOCK) and time.monotonic() - began_s < _MOST_DISK_S:
            written += file.write(_BLOCK)
            os.fsync(file.fileno())
    return written, time.monotonic() - began_s


def _lines(path: Path) -> tuple[int, float]:
    """Return how many line documents were committed one by one, and the seconds it took."""
    written = 0
    with LogWriter(path) as log:
        began_s = time.monotonic()
        while written < _MOST_LINES and time.monotonic() - began_s < _MOST_DISK_S:
            log.append([_LINE], time.time())
            written += 1
        return written, time.monotonic() - began_s
