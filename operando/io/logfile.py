"""What a run log is as a file: its tables, its version, the checksum of a row, and where it lies."""

from __future__ import annotations

import os
import sqlite3
import struct
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from operando.errors import DamagedFileError, SourceUnreachable
from operando.io.blob import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = [
    "PAGE_BYTES",
    "PRAGMAS",
    "check_format",
    "distrust",
    "head",
    "identity",
    "is_blank",
    "lenient_text",
    "make_tables",
    "note_head",
    "read_only_uri",
    "row_checksum",
    "translated",
]

_FORMAT = "operando run log"
_VERSION = 1
_ROW_BYTES = 2**20
"""More than a row has beside its document."""

PRAGMAS = ("synchronous = NORMAL", "wal_autocheckpoint = 128")
"""For the connection that writes. The write-ahead log is taken in after 4 MB, so that a power cut has little
to take back."""

PAGE_BYTES = 32768
"""Frames and lines are large rows: with SQLite's own 4096 bytes they are written at a third of the pace."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    seq INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    name TEXT NOT NULL,
    recorded_s REAL NOT NULL,
    crc32 INTEGER NOT NULL,
    blob BLOB NOT NULL
);
CREATE TABLE owners (uid TEXT PRIMARY KEY, run TEXT NOT NULL) WITHOUT ROWID;
"""


def make_tables(db: sqlite3.Connection) -> None:
    """Make an empty log of this version, in the transaction that is open."""
    for statement in _SCHEMA.split(";"):
        db.execute(statement)
    db.executemany("INSERT INTO meta VALUES (?, ?)", [("format", _FORMAT), ("version", str(_VERSION))])


def row_checksum(run: str, name: str, recorded_s: float, blob: bytes) -> int:
    """Return the CRC-32 of all that a row says.

    Raises
    ------
    DamagedFileError
        If a column is of another type than the recorder writes, or a text cannot be encoded.
    """
    try:
        head = struct.pack("<d", recorded_s) + f"{run}\n{name}\n".encode()
        return zlib.crc32(blob, zlib.crc32(head))
    except (struct.error, TypeError, UnicodeEncodeError) as error:
        message = f"a column has another type than the recorder wrote: {error}"
        raise DamagedFileError(message) from error


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Turn what SQLite says of a file into the two kinds that people can act on."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            message = (
                f"{path} cannot be used: {error}; check its folder, permissions and disk, "
                "or copy it together with its -wal file to another folder"
            )
            raise SourceUnreachable(message) from error
        # SQLITE_ERROR is a table that is not there: our own statements are right.
        message = f"{path} is damaged or is not a run log: {error}{_advice_on(path)}"
        raise DamagedFileError(message) from error


def _advice_on(path: Path) -> str:
    """Return what to give in place of a file that others are known by."""
    return (
        "; an image of an SDF stack is read with its header: give the .hdr" if path.suffix == ".xim" else ""
    )


def identity(path: Path) -> tuple[tuple[int, int] | None, ...]:
    """Return what tells the log at `path` from another one of that name, or from none.

    That is the numbers of the file and of its write-ahead log, which stays the same file while somebody
    has the log open. Where the system numbers no files, as some disks under Windows, only whether
    they exist.
    """
    return _number(path), _number(path.with_name(f"{path.name}-wal"))


def _number(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_ino else (0, 0)


def read_only_uri(path: Path) -> str:
    """Return how SQLite is to open `path`, which may lie in an archive that nobody can write to.

    To share a log SQLite needs a file beside it, which it cannot make there. Where it cannot,
    and no write-ahead log shows a writer at work, the file is taken as one that does not change.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    is_shared = os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists()
    return uri if is_shared else f"{uri}&immutable=1"


def lenient_text(text: bytes) -> str:
    """Decode damaged text to something; the checksum then tells that it is damaged."""
    return text.decode("utf-8", "replace")


def note_head(db: sqlite3.Connection) -> int:
    """Note beside the rows which one is the last, in the transaction that is open, and return its seq.

    Without it a log would end early, and nobody knew, where its last page is damaged.
    """
    last = db.execute("SELECT ifnull(max(seq), 0) FROM documents").fetchone()[0]
    db.execute("INSERT OR REPLACE INTO meta VALUES ('last', ?)", (str(last),))
    return last


def head(db: sqlite3.Connection) -> int:
    """Return the seq of the last row, or of the one noted as last if that is gone; 0 if there is none."""
    return db.execute(
        "SELECT max(ifnull((SELECT max(seq) FROM documents), 0),"
        " ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'last'), 0))"
    ).fetchone()[0]


def distrust(db: sqlite3.Connection) -> None:
    """Let a file that may come from anybody do nothing but hold rows.

    As SQLite advises (https://www.sqlite.org/security.html): no value is made that is larger than a row can
    be, functions in its schema have no power, and damaged cells are looked for before they are used.
    """
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES + _ROW_BYTES)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")


def is_blank(db: sqlite3.Connection) -> bool:
    """Return whether there is no table in the file."""
    return db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0


def check_format(db: sqlite3.Connection, path: Path) -> None:
    """Check that the file is a run log of this version.

    Raises
    ------
    DamagedFileError
        If it is something else.
    """
    # A view or a trigger would be a program of somebody else's.
    found = db.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    alien = [name for kind, name, sql in found if kind != "table" or not str(sql).startswith("CREATE TABLE ")]
    if alien:
        message = f"{path} holds {alien[0]!r:.60}, which no recorder makes: it is not a run log"
        raise DamagedFileError(message)
    try:
        meta = dict(db.execute("SELECT key, value FROM meta LIMIT 100").fetchall())
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        meta = {}
    if meta.get("format") != _FORMAT:
        message = f"{path} is a SQLite file but not a run log: expected one written by the operando recorder"
        raise DamagedFileError(message)
    if meta.get("version") != str(_VERSION):
        message = (
            f"{path} is a run log of version {meta.get('version')!r}; this program knows version {_VERSION}: "
            "use the program that wrote it, or a newer one"
        )
        raise DamagedFileError(message)
