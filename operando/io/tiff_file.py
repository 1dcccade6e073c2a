"""Images in a TIFF file that may come from anybody: shades of grey, of a size that the file can have."""

from __future__ import annotations

import math
import struct
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from operando.errors import ConfigurationError, DamagedFileError, RunRejected

__all__ = ["opened_tiff", "page_of"]

_NUMBERS = frozenset("iuf")
_MOST_BYTES = 2**29
_MOST_PACKED = 1100
"""What deflate can save at most is a factor of 1032 (https://zlib.net/zlib_tech.html)."""
_FOREIGN = (OSError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, struct.error)
"""What the reader raises over a file that is damaged, or packed in a way that it does not know."""


@contextmanager
def opened_tiff(path: Path) -> Generator[Any]:
    """Yield an open TIFF file.

    Raises
    ------
    ConfigurationError
        `tifffile` is not installed.
    DamagedFileError
        It is no TIFF, or damaged where it is read.
    """
    try:
        tifffile = import_module("tifffile")
    except ImportError as error:
        msg = "TIFF images are read with tifffile, which is not installed: install operando's extra [tiff]"
        raise ConfigurationError(msg) from error
    try:
        # By its pages alone: what a file says of others, as OME does, is not followed.
        with tifffile.TiffFile(path) as file:
            yield file
    except (RunRejected, DamagedFileError):
        raise
    except (*_FOREIGN, tifffile.TiffFileError) as error:
        msg = f"{path} cannot be read as TIFF ({error}); is it cut off, or packed in an unusual way?"
        raise DamagedFileError(msg) from error


def page_of(file: Any, path: Path, number: int) -> np.ndarray[Any, Any]:  # noqa: ANN401 - tifffile's file
    """Return an image of an open file, shape (ny, nx).

    Raises
    ------
    RunRejected
        It is in colours, or larger than the file can hold.
    DamagedFileError
        The file ends before it.
    """
    page = file.pages[number]
    _check(page, f"image {number + 1} of {path.name}", file.filehandle.size)
    return np.asarray(page.asarray())


def _check(page: Any, name: str, size: int) -> None:  # noqa: ANN401 - tifffile's page
    """Refuse a page before memory is taken for it, or where the file ends before it."""
    if len(page.shape) != 2 or page.dtype is None or page.dtype.kind not in _NUMBERS:
        msg = f"{name} has {tuple(page.shape)} of {page.dtype}; expected shades of grey, rows and columns"
        raise RunRejected(msg)
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if max(ends, default=0) > size:
        msg = f"{name} ends at byte {max(ends)}, and its file has {size}; it is cut off"
        raise DamagedFileError(msg)
    needed, there = math.prod(page.shape) * page.dtype.itemsize, sum(page.databytecounts)
    if needed > _MOST_BYTES or needed > _MOST_PACKED * there:
        msg = f"{name} claims {needed} bytes and has {there}; at most {_MOST_BYTES}, deflated, are read"
        raise RunRejected(msg)
