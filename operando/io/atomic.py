"""A file whose changes are made all or none, wherever the program is killed.

What is written goes into pages in memory. `commit` first takes the disk space and writes what lies
behind the present end, which nobody looks at yet; then a journal beside the file says which pages
change, and only then are they changed. A journal that is found later is carried out again: twice is
as good as once. Without one, the file is as it was.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["PagedFile", "changed_whole", "recover", "replacement", "sync_folder"]

_PAGE = 4096
_MAGIC = b"operando journal 1\n"
_HEAD = struct.Struct("<QQI")
"""Of the journal: which file it is for, that file's size afterwards, and how many pages follow."""
_AT_ONCE = 1 << 20


class PagedFile(io.RawIOBase):
    """A file to read and change, whose changes are held back in memory.

    Parameters
    ----------
    file
        Open for reading and writing; stays open, and is not changed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.original_size = os.fstat(file.fileno()).st_size
        self.size = self.original_size
        self.pages: dict[int, bytearray] = {}
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read or written."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = base + offset
        return self._at

    def truncate(self, size: int | None = None, /) -> int:
        """Set the size."""
        self.size = self._at if size is None else size
        return self.size

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fill `buffer` as far as the file reaches."""
        view = memoryview(buffer).cast("B")
        count = max(min(len(view), self.size - self._at), 0)
        done = 0
        while done < count:
            number, within = divmod(self._at + done, _PAGE)
            length = min(_PAGE - within, count - done)
            page = self.pages.get(number)
            if page is None:
                # As far as no page was changed, in one go.
                while done + length < count and (self._at + done + length) // _PAGE not in self.pages:
                    length = min(length + _PAGE, count - done)
                view[done : done + length] = self._original(self._at + done, length)
            else:
                view[done : done + length] = page[within : within + length]
            done += length
        self._at += count
        return count

    def write(self, data: bytes | memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Hold `data` back for this place."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            number, within = divmod(self._at + done, _PAGE)
            length = min(_PAGE - within, len(view) - done)
            page = self.pages.get(number)
            if page is None:
                page = (
                    bytearray(_PAGE) if length == _PAGE else bytearray(self._original(number * _PAGE, _PAGE))
                )
                self.pages[number] = page
            page[within : within + length] = view[done : done + length]
            done += length
        self._at += done
        self.size = max(self.size, self._at)
        return done

    def _original(self, at: int, length: int) -> bytes:
        """Return what the file itself holds there, zeros behind its end."""
        self._file.seek(at)
        return self._file.read(length).ljust(length, b"\0")


@contextmanager
def changed_whole(path: Path) -> Generator[PagedFile]:
    """Yield the file at `path` to be changed; all that was written is in it afterwards, or nothing.

    Raises
    ------
    BlockingIOError
        Somebody else has the file open and has locked it, as viewers of HDF5 do.
    OSError
        The disk is full or fails; nothing has changed.
    """
    with path.open("r+b", buffering=0) as file:
        _lock(file, is_shared=False)
        _recover(path, file)
        pages = PagedFile(file)
        yield pages
        _commit(path, file, pages)


def recover(path: Path) -> None:
    """Finish what a killed program had decided to change in the file at `path`.

    Raises
    ------
    OSError
        The disk fails.
    """
    if not _journal_of(path).exists():
        return
    if not path.exists():
        _journal_of(path).unlink(missing_ok=True)
        return
    with path.open("r+b", buffering=0) as file:
        try:
            # Viewers do not stand in the way: what they see is torn until this is done.
            _lock(file, is_shared=True)
        except BlockingIOError:
            return  # somebody is at it
        _recover(path, file)


def _recover(path: Path, file: IO[bytes]) -> None:
    """As `recover`, of a file that is locked."""
    place = _journal_of(path)
    try:
        journal = place.read_bytes()
    except FileNotFoundError:
        return
    # It gets its name when it is whole, so one that is not has been tampered with.
    body = journal[len(_MAGIC) : -4]
    is_whole = journal.startswith(_MAGIC) and struct.pack("<I", zlib.crc32(body)) == journal[-4:]
    if is_whole:
        number, size, count = _HEAD.unpack_from(body)
        if os.fstat(file.fileno()).st_ino == number:
            _carry_out(file, size, body[_HEAD.size :], count)
    place.unlink(missing_ok=True)


@contextmanager
def replacement(path: Path) -> Generator[Path]:
    """Yield a path beside `path`; what is written there takes its place, or nothing does."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _commit(path: Path, file: IO[bytes], pages: PagedFile) -> None:
    old, new = pages.original_size, pages.size
    changed = {number: page for number, page in pages.pages.items() if number * _PAGE < min(old, new)}
    if not pages.pages and new == old:
        return
    try:
        _reserve(file, old, new)
        for number, page in sorted(pages.pages.items()):
            if number not in changed and number * _PAGE < new:
                _write_at(file, number * _PAGE, page[: new - number * _PAGE])
        os.fsync(file.fileno())
        body = _HEAD.pack(path.stat().st_ino, new, len(changed)) + b"".join(
            struct.pack("<Q", number) + page for number, page in sorted(changed.items())
        )
        with replacement(_journal_of(path)) as part:
            part.write_bytes(_MAGIC + body + struct.pack("<I", zlib.crc32(body)))
    except OSError:
        file.truncate(old)
        raise
    _recover(path, file)


def _carry_out(file: IO[bytes], size: int, changes: bytes, count: int) -> None:
    for index in range(count):
        start = index * (8 + _PAGE)
        (number,) = struct.unpack_from("<Q", changes, start)
        page = changes[start + 8 : start + 8 + _PAGE]
        _write_at(file, number * _PAGE, page[: size - number * _PAGE])
    file.truncate(size)
    os.fsync(file.fileno())


def _write_at(file: IO[bytes], at: int, data: bytes | bytearray) -> None:
    file.seek(at)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _reserve(file: IO[bytes], old: int, new: int) -> None:
    """Take the disk space up to a new size."""
    if new <= old:
        return
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), old, new - old)
        return
    for at in range(old, new, _AT_ONCE):
        _write_at(file, at, bytes(min(_AT_ONCE, new - at)))


def _journal_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.journal")


def _lock(file: IO[bytes], *, is_shared: bool) -> None:
    """Lock the file as HDF5 does, for as long as it is open; BlockingIOError if others have it."""
    try:
        import fcntl  # noqa: PLC0415 - not under Windows
    except ImportError:
        return
    try:
        fcntl.flock(file.fileno(), (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        # Some network disks know no locks; HDF5 goes on without as well.
        return
