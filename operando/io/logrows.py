"""Rows of the run log as they lie in the file: checked, but not decoded, to be passed on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from operando.errors import DamagedFileError
from operando.io.blob import MAX_BYTES, decode
from operando.io.logfile import row_checksum, translated
from operando.io.runlog import LoggedDocument, LogReader

__all__ = ["COLUMNS", "LoggedRow", "RowBatch", "RowReader", "row_of"]

COLUMNS = 6
"""Of a row, in the file and in a message."""
_ROW_OVERHEAD_BYTES = 64
"""More than the numbers of a row and the lengths of its texts take in a message."""


@dataclass(frozen=True, slots=True)
class LoggedRow:
    """One row of the log whose bytes match their checksum.

    Attributes
    ----------
    seq, run, name, recorded_s
        As in `LoggedDocument`.
    crc32
        Of all the other columns.
    blob
        The document, for `operando.io.blob.decode`.
    """

    seq: int
    run: str
    name: str
    recorded_s: float
    crc32: int
    blob: bytes

    @property
    def size_bytes(self) -> int:
        """Most bytes that the row takes in a message."""
        return len(self.blob) + len(self.run.encode()) + len(self.name.encode()) + _ROW_OVERHEAD_BYTES

    def logged(self) -> LoggedDocument:
        """Return the row with its document decoded.

        Raises
        ------
        DamagedFileError
            If the bytes are not a document.
        """
        return LoggedDocument(self.seq, self.run, self.name, decode(self.blob), self.recorded_s)


@dataclass(frozen=True, slots=True)
class RowBatch:
    """What a reader of rows was given.

    Attributes
    ----------
    rows
        In the order of the log, without a gap.
    needed_bytes
        Size of the next row if not even that one found room; 0 otherwise.
    """

    rows: tuple[LoggedRow, ...]
    needed_bytes: int


class RowReader(LogReader):
    """A `LogReader` that also gives rows as they are.

    Parameters
    ----------
    path
        A file made by `LogWriter`.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        As `LogReader`.
    """

    def rows(self, after: int, limit: int, batch_bytes: int, room_bytes: int) -> RowBatch:
        """Return the rows behind seq `after`.

        What is good comes first: a batch ends before a bad or missing row, and only a batch
        that would begin with it raises.

        Parameters
        ----------
        after
            The seq of the last row that is not wanted.
        limit
            Most rows.
        batch_bytes
            Most bytes of several rows.
        room_bytes
            Most bytes of one row; a row beyond `batch_bytes` comes alone.

        Raises
        ------
        DamagedFileError
            If the next row is bad or missing; says which and how many stand before it.
        SourceUnreachable
            If the disk or another user of the file does not let it be read now.
        """
        found: list[LoggedRow] = []
        found_bytes, needed_bytes = 0, 0
        try:
            # Closed at once: a statement left half-way would keep the recorder's WAL from being taken in.
            with translated(self._path), closing(self._select(after, limit)) as selected:
                for values in selected:
                    row = self._good(values, after + len(found) + 1)
                    if found and found_bytes + row.size_bytes > batch_bytes:
                        break
                    if row.size_bytes > room_bytes:
                        needed_bytes = row.size_bytes
                        break
                    found.append(row)
                    found_bytes += row.size_bytes
            if not found and not needed_bytes and limit > 0:
                self._check_end(after)
        except DamagedFileError as error:
            if not found and limit > 1:
                # As in `LogReader.read`.
                return self.rows(after, 1, batch_bytes, room_bytes)
            if not found:
                message = f"{error}; {after} documents stand before it and can be read"
                raise DamagedFileError(message) from error
        return RowBatch(tuple(found), needed_bytes)

    def first_crc32(self) -> int | None:
        """Return the checksum of the first document, which tells one log from another; None if empty.

        Raises
        ------
        SourceUnreachable, DamagedFileError
            If the file cannot be read.
        """
        with translated(self._path):
            row = self._db.execute("SELECT crc32 FROM documents WHERE seq = 1").fetchone()
        return row[0] if row is not None and isinstance(row[0], int) else None

    def _select(self, after: int, limit: int) -> sqlite3.Cursor:
        return self._db.execute(
            "SELECT seq, run, name, recorded_s, crc32, blob FROM documents"
            " WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )

    def _good(self, values: Sequence[object], expected_seq: int) -> LoggedRow:
        if values[0] != expected_seq:
            message = f"document {expected_seq} of {self._path} is missing"
            raise DamagedFileError(message)
        try:
            return row_of(values)
        except DamagedFileError as error:
            message = f"document {expected_seq} of {self._path} is damaged: {error}"
            raise DamagedFileError(message) from error


def row_of(values: Sequence[object]) -> LoggedRow:
    """Return the columns of a row, from a file or a message, if they are what the recorder wrote.

    Raises
    ------
    DamagedFileError
        If a column is of another type, or the bytes do not match their checksum.
    """
    if len(values) != COLUMNS:
        message = f"a row of {len(values)} columns was found, {COLUMNS} were expected"
        raise DamagedFileError(message)
    seq, run, name, recorded_s, crc32, blob = values
    if not (
        type(seq) is int
        and isinstance(run, str)
        and isinstance(name, str)
        and isinstance(recorded_s, float)
        and type(crc32) is int
        and isinstance(blob, bytes)
    ):
        message = "a column has another type than the recorder wrote"
        raise DamagedFileError(message)
    if len(blob) > MAX_BYTES:
        message = f"it has {len(blob)} bytes; the limit is {MAX_BYTES}"
        raise DamagedFileError(message)
    if row_checksum(run, name, recorded_s, blob) != crc32:
        message = "its bytes do not match their checksum"
        raise DamagedFileError(message)
    return LoggedRow(seq, run, name, recorded_s, crc32, blob)
