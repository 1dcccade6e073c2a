"""Documents kept as JSON: a list of `[name, document]`, or one document a line.

A line or element is `[name, document]` or `{"name": …, "doc": …}`. What stands before a damaged
place is delivered. A file is read piece by piece, and one document has a limit, so that neither a file of
any size nor one hostile line fills the memory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from operando.errors import DamagedFileError, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_json_documents"]

_PEEK = 4096
_PIECE = 2**20
_MOST_LETTERS = 2**27
"""Longest document: an image of 2048² numbers written out in full has half of that."""
_MOST_VALUES = 2**23
_COUNTED_LETTERS = 2**22
"""Shorter texts cannot hold so many values that it matters."""


def read_json_documents(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and document of everything in the file at `path`, in its order.

    Raises
    ------
    SourceUnreachable
        If there is no such file.
    DamagedFileError
        At the first place that is not a document; says how many are good.
    """
    path = Path(path)
    good = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            beginning = "".join(file.read(_PEEK).split())[:2]
            file.seek(0)
            elements = _of_list(file) if beginning in ("[[", "[{", "[]", "[") else _of_lines(file)
            for element in elements:
                yield _named(element)
                good += 1
    except (ValueError, RecursionError) as error:
        message = f"{path} is damaged behind its first {good} documents: {error}"
        raise DamagedFileError(message) from error
    except OSError as error:
        message = f"there are no readable documents at {path}: {error.strerror}; check the name"
        raise SourceUnreachable(message) from error
    if not good:
        message = f"{path} holds no documents; expected a JSON list or lines of [name, document]"
        raise DamagedFileError(message)


def _of_list(file: TextIO) -> Iterator[object]:
    """Yield the elements of a JSON list one by one, so that a cut at the end costs only the last."""
    window = _Window(file)
    window.expect("[")
    if window.mark() == "]":
        return
    while True:
        yield window.element()
        mark = window.mark()
        if mark == "]":
            return
        window.expect(",")


class _Window:
    """The part of a text that is being looked at; more is read as it is needed."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._decoder = json.JSONDecoder()

    def mark(self) -> str:
        """Return the next letter that is no space; "" at the end."""
        while True:
            while self._text[self._at : self._at + 1].isspace():
                self._at += 1
            if self._at < len(self._text) or not self._read(_PIECE):
                return self._text[self._at : self._at + 1]

    def expect(self, mark: str) -> None:
        """Pass over the next letter that is no space.

        Raises
        ------
        ValueError
            If it is another.
        """
        if self.mark() != mark:
            message = f"found {self._text[self._at : self._at + 20]!r}; expected {mark}"
            raise ValueError(message)
        self._at += 1

    def element(self) -> object:
        """Return the next element.

        Raises
        ------
        ValueError
            If it is not JSON, or beyond the limits.
        """
        self.mark()
        while True:
            _check_size(self._text, self._at)
            try:
                found, self._at = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                # It may go on behind the window, which is doubled.
                if not self._read(max(_PIECE, len(self._text) - self._at)):
                    raise
            else:
                return found

    def _read(self, letters: int) -> bool:
        """Move the window on by so many letters; return whether there were any."""
        more = self._file.read(letters)
        self._text, self._at = self._text[self._at :] + more, 0
        return bool(more)


def _of_lines(file: TextIO) -> Iterator[object]:
    while line := file.readline(_MOST_LETTERS + 1):
        _check_size(line, 0)
        if line.strip():
            yield json.loads(line)


def _check_size(text: str, at: int) -> None:
    """Refuse, before it is taken apart, what is too long or holds too much."""
    letters = len(text) - at
    if letters > _MOST_LETTERS:
        message = f"a document of more than {_MOST_LETTERS} letters was found"
        raise ValueError(message)
    if letters > _COUNTED_LETTERS and sum(text.count(mark, at) for mark in ",[{") > _MOST_VALUES:
        message = f"a document of more than {_MOST_VALUES} values was found"
        raise ValueError(message)


def _named(element: object) -> tuple[str, dict[str, Any]]:
    if isinstance(element, dict):
        name, document = element.get("name"), element.get("doc")
    elif isinstance(element, list) and len(element) == 2:
        name, document = element
    else:
        name, document = None, None
    if not isinstance(name, str) or not isinstance(document, dict):
        message = f'found {str(element)[:60]!r}; expected [name, document] or {{"name": …, "doc": …}}'
        raise ValueError(message)
    return name, document
