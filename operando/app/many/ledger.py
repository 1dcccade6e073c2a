"""What has been done already: a line of JSON a recording, beside the results."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter

from operando import __version__
from operando.app.file_kinds import is_address, without_key
from operando.app.many.job import Done
from operando.errors import ConfigurationError
from operando.io.frozen import digest_of
from operando.live.monitor import Work

__all__ = ["Entry", "Ledger", "fingerprint_of"]

_log = logging.getLogger(__name__)

_MOST_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Entry:
    """What has come of one recording, and of what.

    Attributes
    ----------
    source
        Which one.
    fingerprint
        Of its files and of all that it was fitted with, or "" where these cannot be told.
    name
        Name of its first results file.
    files
        Names of all files that were written.
    done
        What has come of it.
    """

    source: str
    fingerprint: str
    name: str
    files: tuple[str, ...]
    done: Done


_ENTRY = TypeAdapter(Entry)


class Ledger:
    """Entries in a file, to which one is added as soon as its recording is done.

    Parameters
    ----------
    path
        The file, there or not. Lines of it that cannot be understood, such as the last one of a program
        that was killed, are as if they were not there: their recordings are done again.

    Raises
    ------
    ConfigurationError
        It is larger than any such file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = {entry.source: entry for entry in _entries_in(path)}

    @property
    def names(self) -> frozenset[str]:
        """Names of the first results files of all recordings."""
        return frozenset(entry.name for entry in self._entries.values())

    def entry(self, source: str) -> Entry | None:
        """Return the last entry of a recording, or None."""
        return self._entries.get(without_key(source))

    def finished(self, source: str, fingerprint: str) -> Entry | None:
        """Return the entry of a recording if its results are there and are what would come out again."""
        entry = self.entry(source)
        if entry is None or not fingerprint or entry.fingerprint != fingerprint or not entry.done.has_results:
            return None
        folder = self._path.parent
        return entry if all((folder / Path(name).name).is_file() for name in entry.files) else None

    def add(self, entry: Entry) -> None:
        """Add an entry, without the keys of addresses; it is on the disk when this returns."""
        source = without_key(entry.source)
        entry = replace(entry, source=source, done=replace(entry.done, source=source))
        with self._path.open("ab+") as file:
            # A line that a killed program left unfinished stays one by itself.
            is_torn = file.tell() > 0 and _last_byte(file) != b"\n"
            file.write((b"\n" if is_torn else b"") + _ENTRY.dump_json(entry) + b"\n")
        self._entries[source] = entry


def fingerprint_of(source: str, work: Work) -> str:
    """Return what tells this recording, fitted in this way, from any other; "" if that cannot be told.

    Files are known by name, size and time of change, as `make` knows them. What has an address may
    have grown, or be another by now.
    """
    if is_address(source):
        return ""
    path = Path(source)
    try:
        files = sorted({path, *_beside(path)})
        stamps = [
            f"{file.name}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
            for file, stat in ((file, file.stat()) for file in files)
            if stat.st_size
        ]
    except OSError:
        return ""
    return hashlib.sha256("".join((*stamps, __version__, digest_of(work))).encode()).hexdigest()


def _beside(path: Path) -> Iterator[Path]:
    """Yield the other files of a recording: the images of an SDF header, what a log has not yet taken in."""
    if path.suffix.lower() == ".hdr":
        yield from (file for file in path.parent.glob("*.xim") if file.name.startswith(path.stem))
    wal = path.with_name(f"{path.name}-wal")
    if wal.is_file():
        yield wal


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _entries_in(path: Path) -> Iterator[Entry]:
    if not path.is_file():
        return
    if path.stat().st_size > _MOST_BYTES:
        msg = f"{path} has more than {_MOST_BYTES >> 20} MB, which no list of results has: move it away"
        raise ConfigurationError(msg)
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield _ENTRY.validate_json(line)
        except ValueError:
            _log.warning("line %d of %s is not understood: its recording is fitted again", number, path)
