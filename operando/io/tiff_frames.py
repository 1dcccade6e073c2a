"""Frames that a detector writes as TIFF files, one a file: those that are whole, and no more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from operando.errors import DamagedFileError, FrameRejected
from operando.io.readings import text
from operando.io.tiff_chain import ends_its_list
from operando.io.tiff_file import opened_tiff, page_of

__all__ = ["FileNames", "file_names", "tiff_frames_in"]

_MOST_DIGITS = 12
_PERCENT = re.compile(
    r"(?:%s/?%s)?(?P<before>[^%]*)%(?:0?(?P<width>\d+))?(?:\.(?P<digits>\d+))?d(?P<after>[^%]*)"
)
_BRACES = re.compile(r"(?P<before>[^{}%]*)\{:0?(?P<digits>\d*)d\}(?P<after>[^{}%]*)")


@dataclass(frozen=True, slots=True)
class FileNames:
    """Names of files that differ in a number.

    Attributes
    ----------
    before, after
        What stands around it.
    digits
        How many it has at least, filled with zeros.
    """

    before: str
    after: str
    digits: int

    def of(self, number: int) -> str:
        """Return the name of one of them."""
        return f"{self.before}{number:0{self.digits}d}{self.after}"


def file_names(template: object, filename: object) -> FileNames:
    """Return the names that a document describes.

    Parameters
    ----------
    template
        As areaDetector has it, `%s%s_%6.6d.tiff` of folder, name and number, or `name_{:06d}.tiff`.
    filename
        The name, or None where the template has it.

    Raises
    ------
    FrameRejected
        It is another form, or leads out of its folder.
    """
    written, name = text(template), "" if filename is None else text(filename)
    found = _PERCENT.fullmatch(written) or _BRACES.fullmatch(written)
    parts = {} if found is None else found.groupdict()
    around = name, parts.get("before", ""), parts.get("after", "")
    if found is None or any(mark in part for part in around for mark in ("/", "\\", "\0")):
        msg = f"images lie in files {written!r} of {name!r}; expected a form such as %s%s_%6.6d.tiff"
        raise FrameRejected(msg)
    digits = int(parts.get("digits") or parts.get("width") or 1)
    if digits > _MOST_DIGITS:
        msg = f"images lie in files with {digits} digits in their names; at most {_MOST_DIGITS} are read"
        raise FrameRejected(msg)
    return FileNames(f"{name}{parts['before']}", parts["after"], digits)


def tiff_frames_in(folder: Path, names: FileNames, first: int, stop: int) -> np.ndarray[Any, Any] | None:
    """Return frames `first` to `stop` of a folder, shape (frames, ny, nx), or None where one is not whole.

    Parameters
    ----------
    folder
        As it really is, not by way of links.
    names
        Of the files in it.
    first, stop
        Numbers of the files.

    Raises
    ------
    ValueError
        A file is none of the images of one detector, or a link to somewhere else.
    """
    frames: list[np.ndarray[Any, Any]] = []
    for number in range(first, stop):
        path = folder / names.of(number)
        if not path.is_file():
            return None
        if path.resolve() != path:
            msg = f"{path.name} is a link to elsewhere, which is not followed"
            raise FrameRejected(msg)
        if not ends_its_list(path):
            return None
        try:
            with opened_tiff(path) as file:
                frames.append(page_of(file, path, 0))
        except DamagedFileError:
            return None  # the detector has not finished it
    if any(frame.shape != frames[0].shape for frame in frames):
        msg = f"{names.of(first)} to {names.of(stop - 1)} have several shapes; expected one"
        raise FrameRejected(msg)
    return np.stack(frames)
