"""The durable log: every document of every run, one row each, in the order of arrival.

The log is the truth, and readers own their place in it: they ask "from n". It is a SQLite file
in WAL mode, so that any number of readers go on while the recorder writes. Rows are added, never
changed. WAL needs shared memory between its users, so a log lies on a disk of its own machine.

`synchronous = NORMAL`: a commit is in the operating system's hands when it returns, so a killed
process loses nothing that was committed. Only a power cut can take back the commits since the
last checkpoint (some seconds); it cannot damage the file. FULL would keep those as well, at one
disk flush a commit, which on a busy disk makes the live map stutter
(https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from operando.errors import DamagedFileError, FrameRejected, SourceUnreachable
from operando.io.blob import decode, encode
from operando.io.disk import DiskRoom, room_for
from operando.io.logfile import (
    PAGE_BYTES,
    PRAGMAS,
    check_format,
    distrust,
    head,
    identity,
    is_blank,
    lenient_text,
    make_tables,
    note_head,
    read_only_uri,
    row_checksum,
    translated,
)
from operando.io.wal import damage_of_wal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "LogBlank",
    "LogMoved",
    "LogReader",
    "LogWriter",
    "LoggedDocument",
]

_log = logging.getLogger(__name__)

_BUSY_S = 10.0


@dataclass(frozen=True, slots=True)
class LoggedDocument:
    """One row of the log.

    Attributes
    ----------
    seq
        Place in the log, from 1.
    run
        The uid of the run it belongs to; empty where that is not known.
    name, document
        As the RunEngine emitted it.
    recorded_s
        Wall clock of the recorder, seconds since the epoch.
    """

    seq: int
    run: str
    name: str
    document: dict[str, Any]
    recorded_s: float


class LogBlank(SourceUnreachable):
    """There is a file, but its recorder has not written to it yet."""


class LogMoved(SourceUnreachable):
    """The log's file is not at its path any more: what was written lies elsewhere, or nowhere."""


class LogWriter:
    """Append documents to the log at `path`, which is made if it does not exist.

    Parameters
    ----------
    path
        File on a local disk.

    Raises
    ------
    SourceUnreachable
        If the file cannot be opened, or its disk cannot hold a log.
    DamagedFileError
        If the file is something else than a run log of this version.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._owners: dict[str, str] = {}
        with translated(self._path):
            # The recorder opens here and writes in its thread, one after the other.
            self._db = sqlite3.connect(
                self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            try:
                distrust(self._db)
                self._prepare()
                self._identity = identity(self._path)
            except BaseException:
                self._db.close()
                raise

    def append(self, documents: Sequence[tuple[str, Mapping[str, Any]]], recorded_s: float) -> int:
        """Add `documents` in one transaction and return the seq of the last row.

        A file that was deleted or moved takes what is written to it without a word, so where it lies
        is looked at each time; after writing, so that what is called written lies under its name.

        Parameters
        ----------
        documents
            Pairs of name and document; all are written or none.
        recorded_s
            Wall clock now, seconds since the epoch.

        Raises
        ------
        FrameRejected
            If a document cannot be stored.
        LogMoved
            If there is no file at the path any more, or another one: open the log anew.
        sqlite3.Error
            If the disk is full or fails; the transaction is rolled back.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            # Encoded one by one, as they are written: SQLite lets go of the interpreter at every row, so that
            # the RunEngine's thread never waits for the encoding of a whole batch.
            self._db.executemany(
                "INSERT INTO documents (run, name, recorded_s, crc32, blob) VALUES (?, ?, ?, ?, ?)",
                (self._row(name, document, recorded_s) for name, document in documents),
            )
            last = note_head(self._db)
            self._db.execute("COMMIT")
        except BaseException:
            # SQLite itself has ended the transaction on a full disk.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._check_place()
        return last

    def room(self) -> DiskRoom:
        """Return what is left on the disk of the log.

        Raises
        ------
        OSError, sqlite3.Error
            If the disk does not say.
        """
        return room_for(self._db, self._path)

    def close(self) -> None:
        """Make the file whole by itself and release it; closing twice does nothing.

        Readers that look on would keep the last documents in the file beside it (`-wal`), where a copy
        of the log would miss them.
        """
        try:
            self._db.execute("PRAGMA busy_timeout = 1000")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.ProgrammingError:
            return  # closed before
        except sqlite3.Error as error:
            _log.warning("%s keeps its last documents in the -wal file beside it: %s", self._path, error)
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _check_place(self) -> None:
        if identity(self._path) == self._identity:
            return
        with suppress(sqlite3.Error):
            # SQLite leaves the write-ahead log of a moved file behind, under the name that the next log
            # will have: take it in now, so that the moved file is whole and nothing is left for the other.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        message = (
            f"{self._path} was deleted or moved while it was written; what was recorded before went with it: "
            "leave a log where it is until its runs have stopped"
        )
        raise LogMoved(message)

    def _prepare(self) -> None:
        # First of all: somebody else's database is not to be changed by looking at it.
        if not is_blank(self._db):
            check_format(self._db, self._path)
        self._db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        mode = self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            message = (
                f"{self._path} lies on a disk that cannot be shared by processes (journal mode {mode!r}); "
                "expected a disk of this machine: record to another folder"
            )
            raise SourceUnreachable(message)
        for pragma in PRAGMAS:
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("BEGIN IMMEDIATE")
        if is_blank(self._db):
            make_tables(self._db)
        self._db.execute("COMMIT")

    def _row(
        self, name: str, document: Mapping[str, Any], recorded_s: float
    ) -> tuple[str, str, float, int, bytes]:
        """Return the columns of a document beside its seq."""
        named, blob = _named(name), encode(document)
        run = self._owner(name, document)
        return run, named, recorded_s, row_checksum(run, named, recorded_s, blob), blob

    def _owner(self, name: str, document: Mapping[str, Any]) -> str:
        """Return the uid of the run of `document`, and remember what it owns."""
        uid, start = document.get("uid"), document.get("run_start")
        if name == "start":
            return uid if isinstance(uid, str) else ""
        if isinstance(start, str):
            if name in ("descriptor", "resource", "stream_resource") and isinstance(uid, str):
                self._owners[uid] = start
                self._db.execute("INSERT OR REPLACE INTO owners VALUES (?, ?)", (uid, start))
            return start
        for key in ("descriptor", "resource", "stream_resource"):
            parent = document.get(key)
            if isinstance(parent, str):
                run = self._known(parent)
                if run:
                    return run
        return ""

    def _known(self, uid: str) -> str:
        if uid not in self._owners:
            row = self._db.execute("SELECT run FROM owners WHERE uid = ?", (uid,)).fetchone()
            if row is None:
                return ""
            self._owners[uid] = row[0]
        return self._owners[uid]


class LogReader:
    """Read the log at `path`, also while it is written and after its writer was killed.

    Parameters
    ----------
    path
        A file made by `LogWriter`.

    Raises
    ------
    SourceUnreachable
        If the file does not exist, cannot be opened, or has nothing in it yet.
    DamagedFileError
        If the file is something else than a run log of this version.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            message = f"there is no run log at {self._path}: check the name, or start the recorder first"
            raise SourceUnreachable(message)
        with translated(self._path):
            # The monitor opens here and reads in its thread, one after the other.
            self._db = sqlite3.connect(
                read_only_uri(self._path),
                uri=True,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
            self._db.text_factory = lenient_text
            try:
                distrust(self._db)
                # Without this SQLite refuses a file that was cut short as a whole; we want its good part.
                # Nothing can be written through this connection.
                self._db.execute("PRAGMA writable_schema = ON")
                if is_blank(self._db):
                    lost = self.lost_end()
                    if lost:
                        message = f"{self._path} cannot be read: {lost}"
                        raise DamagedFileError(message)
                    message = f"{self._path} is empty: no recorder has written to it yet"
                    raise LogBlank(message)
                check_format(self._db, self._path)
            except BaseException:
                self._db.close()
                raise

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return at most `limit` documents behind seq `after`, in the order of the log.

        What is good is delivered first: a batch ends before a bad or missing row, and only a
        batch that would begin with it raises. The recorder numbers without a gap, so a gap is damage.

        Raises
        ------
        DamagedFileError
            If the next document is bad or missing; says which and how many stand before it.
        """
        found: list[LoggedDocument] = []
        try:
            with translated(self._path):
                rows = self._db.execute(
                    "SELECT seq, run, name, recorded_s, crc32, blob FROM documents"
                    " WHERE seq > ? ORDER BY seq LIMIT ?",
                    (after, limit),
                )
                for row in rows:
                    found.append(self._checked(row, after + len(found) + 1))
            if not found and limit > 0:
                self._check_end(after)
        except DamagedFileError as error:
            if not found and limit > 1:
                # Python looks one row ahead, and so fails at a good one that stands before a bad one.
                return self.read(after, 1)
            if not found:
                message = f"{error}; {after} documents stand before it and can be read"
                raise DamagedFileError(message) from error
        return found

    def head(self) -> int:
        """Return the seq of the last document that was written into the log; 0 if there is none."""
        with translated(self._path):
            return head(self._db)

    def reachable(self) -> int:
        """Return the seq of the last document that can be reached in a file that was cut; 0 if none can.

        It is found by halving, which is right where all that follows the first damage is gone.
        """
        low, high = 0, 1
        while self._is_reachable(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._is_reachable(middle) else (low, middle)
        return low

    def _is_reachable(self, seq: int) -> bool:
        try:
            with translated(self._path):
                found = self._db.execute("SELECT length(blob) FROM documents WHERE seq = ?", (seq,))
                return found.fetchone() is not None
        except DamagedFileError:
            return False

    def runs(self) -> frozenset[str]:
        """Return the uids of all runs now in the log, without reading their documents."""
        with translated(self._path):
            rows = self._db.execute("SELECT DISTINCT run FROM documents WHERE run <> ''").fetchall()
        return frozenset(str(run) for (run,) in rows)

    def lost_end(self) -> str:
        """Return how the newest documents were lost, if nobody writes the log now; "" if they were not."""
        return damage_of_wal(self._path)

    def structure_trouble(self) -> str:
        """Return what SQLite finds wrong with the file, beside its rows; "" if nothing is."""
        try:
            with translated(self._path):
                found = [str(line) for (line,) in self._db.execute("PRAGMA integrity_check(3)")]
        except (DamagedFileError, SourceUnreachable) as error:
            return str(error)
        return "" if found == ["ok"] else f"the structure of {self._path} is damaged: {'; '.join(found)}"

    def close(self) -> None:
        """Release the file; closing twice does nothing."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _check_end(self, after: int) -> None:
        """Raise if there is nothing behind seq `after` though something was written."""
        # In this order: what is written before the first is then sure to be seen by the second.
        last = self.head()
        with translated(self._path):
            behind = self._db.execute("SELECT 1 FROM documents WHERE seq > ? LIMIT 1", (after,)).fetchone()
        if after < last and behind is None:
            message = f"document {after + 1} of {self._path} is missing, and so are all up to {last}"
            raise DamagedFileError(message)

    def _checked(self, row: tuple[Any, ...], expected_seq: int) -> LoggedDocument:
        seq, run, name, recorded_s, crc32, blob = row
        if seq != expected_seq:
            message = f"document {expected_seq} of {self._path} is missing"
            raise DamagedFileError(message)
        try:
            if row_checksum(run, name, recorded_s, blob) != crc32:
                message = "its bytes do not match their checksum"
                raise DamagedFileError(message)
            return LoggedDocument(seq, run, name, decode(blob), recorded_s)
        except DamagedFileError as error:
            message = f"document {seq} of {self._path} is damaged: {error}"
            raise DamagedFileError(message) from error


def _named(name: str) -> str:
    """Return `name` if the log can hold it."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        message = f"the document cannot be stored: its name is not text: {error}"
        raise FrameRejected(message) from error
    return name
