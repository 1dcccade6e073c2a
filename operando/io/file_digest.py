"""What makes the content of a large file unique, without reading all of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from operando.errors import SourceUnreachable

__all__ = ["content_digest"]

_BYTES = 1 << 20


def content_digest(path: Path) -> str:
    """Return a hash of a file's size and of the bytes it begins with.

    Raises
    ------
    SourceUnreachable
        There is no readable file.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(_BYTES)
        return hashlib.sha256(beginning + str(path.stat().st_size).encode()).hexdigest()
    except OSError as error:
        message = f"there is no readable file at {path}: {error.strerror}; check the name"
        raise SourceUnreachable(message) from error
