"""How long the disk of a run log will last, at the pace at which the log grows."""

from __future__ import annotations

import math
import shutil
import sqlite3
from bisect import bisect_left
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from operando.io.logfile import head, read_only_uri, translated

__all__ = ["DiskRoom", "disk_room", "room_for"]

_LOOK_BACK_S = 600.0
"""The pace is that of the last ten minutes."""
_LEAST_S = 60.0
"""The first burst of a run says nothing about its hours."""
_MEASURED = 200
"""Documents whose size is looked at."""
_ROW_BYTES = 120
"""What the file holds of a document beside its blob."""


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """What is left on the disk of a log.

    Attributes
    ----------
    free_bytes
        That this user may still write.
    bytes_per_s
        How fast the log grew in its last ten minutes; 0 where that cannot be said yet.
    """

    free_bytes: int
    bytes_per_s: float

    @property
    def hours_left(self) -> float:
        """Until the disk is full, if it goes on like this; infinite where nothing is known to grow."""
        return self.free_bytes / self.bytes_per_s / 3600.0 if self.bytes_per_s > 0.0 else math.inf


def disk_room(path: str | Path) -> DiskRoom:
    """Return what is left on the disk of the log at `path`, whoever writes it.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        If the log cannot be read.
    OSError
        If the disk does not say.
    """
    path = Path(path)
    with translated(path), closing(sqlite3.connect(read_only_uri(path), uri=True)) as db:
        return room_for(db, path)


def room_for(db: sqlite3.Connection, path: Path) -> DiskRoom:
    """Return what is left on the disk of a log that is open.

    Raises
    ------
    sqlite3.Error
        If the log cannot be read.
    OSError
        If the disk does not say.
    """
    return DiskRoom(shutil.disk_usage(path.absolute().parent).free, _pace(db))


def _pace(db: sqlite3.Connection) -> float:
    """Return bytes per second of the last minutes: how many documents, of the mean size of the last ones."""
    last = head(db)
    newest_s = _recorded_s(db, last)
    first = bisect_left(range(1, last + 1), newest_s - _LOOK_BACK_S, key=lambda seq: _recorded_s(db, seq)) + 1
    span_s = newest_s - _recorded_s(db, first)
    if not span_s >= _LEAST_S:
        return 0.0
    size = db.execute(
        "SELECT avg(length(blob)) FROM documents WHERE seq > ?", (last - _MEASURED,)
    ).fetchone()[0]
    return (size + _ROW_BYTES) * (last - first) / span_s


def _recorded_s(db: sqlite3.Connection, seq: int) -> float:
    """Return when document `seq` was recorded, or the one before it if it is missing; 0 if there is none."""
    row = db.execute(
        "SELECT recorded_s FROM documents WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (seq,)
    ).fetchone()
    return row[0] if row is not None and isinstance(row[0], float) else 0.0
