"""A file that only one program writes: the lock beside it, let go of however the program ends."""

from __future__ import annotations

import errno
import logging
import os
import sys
import weakref
from contextlib import suppress
from pathlib import Path

from operando.errors import ConfigurationError

__all__ = ["WriterLock"]

_log = logging.getLogger(__name__)

_HAS_PREAD = hasattr(os, "pread")
_HELD: weakref.WeakSet[WriterLock] = weakref.WeakSet()


class WriterLock:
    """Keep a file to this program; released at the latest when the program ends, however it ends.

    Parameters
    ----------
    path
        The file to write, there or not; the lock is a file beside it.

    Raises
    ------
    ConfigurationError
        If somebody else has it.
    OSError
        If no file can be made there.
    """

    def __init__(self, path: Path) -> None:
        place = path.with_name(f".{path.name}.lock")
        while True:
            try:
                descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
            except PermissionError as error:
                if not place.exists():
                    raise
                message = (
                    f"{place} is somebody else's: remove it if no program writes {path}, or choose another"
                )
                raise ConfigurationError(message) from error
            try:
                _lock(descriptor)
                # Whoever had it may have taken the file away between the two.
                is_it = _is_at(descriptor, place)
            except (BlockingIOError, PermissionError) as error:
                owner = os.pread(descriptor, 20, 1).decode("ascii", "replace") if _HAS_PREAD else ""
                os.close(descriptor)
                message = (
                    f"{path} is being written by another program (process {owner.strip() or 'unknown'}): "
                    "end that one, or choose another file"
                )
                raise ConfigurationError(message) from error
            except BaseException:
                os.close(descriptor)
                raise
            if is_it:
                break
            os.close(descriptor)
        # The number is for people only: on a full disk the lock holds without it.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f" {os.getpid()}\n".encode())
        self._descriptor = descriptor
        self._release = weakref.finalize(self, _unlock, descriptor, place, os.getpid())
        _HELD.add(self)

    def release(self) -> None:
        """Let others have it; twice does nothing."""
        self._release()

    def forget(self) -> None:
        """Let go of a forked child's copy: the lock is the parent's, and ends with it."""
        if self._release.detach() is not None:
            os.close(self._descriptor)


def _forget_all() -> None:
    for lock in list(_HELD):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _lock(descriptor: int) -> None:
    """Lock the file, or raise BlockingIOError or PermissionError if somebody else has."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - there only

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        return
    import fcntl  # noqa: PLC0415 - not under Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Some network disks know no locks; the work is worth more than the lock.
        if error.errno not in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}:
            raise
        _log.warning("the disk knows no locks: start no second program on the same file")


def _unlock(descriptor: int, place: Path, process: int) -> None:
    if process != os.getpid():
        return
    # Taken away while it is still locked, so that nobody locks a file that is no longer there; and only
    # if it is ours, for a folder may have been moved with its lock.
    with suppress(OSError):
        if _is_at(descriptor, place):
            place.unlink()
    os.close(descriptor)


def _is_at(descriptor: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except FileNotFoundError:
        return False
