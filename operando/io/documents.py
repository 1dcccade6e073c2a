"""Documents kept as JSON: a list of `[name, document]`, or one document a line.

A line or element is `[name, document]` or `{"name": …, "doc": …}`. What stands before a damaged
place is delivered.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operando.errors import DamagedFileError, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_json_documents"]

_PEEK = 4096


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
            elements = _of_list(file.read()) if beginning in ("[[", "[{", "[]", "[") else _of_lines(file)
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


def _of_list(text: str) -> Iterator[object]:
    """Yield the elements of a JSON list one by one, so that a cut at the end costs only the last."""
    decoder = json.JSONDecoder()
    at = _after_space(text, text.index("[") + 1)
    if text[at : at + 1] == "]":
        return
    while True:
        element, at = decoder.raw_decode(text, at)
        yield element
        at = _after_space(text, at)
        mark = text[at : at + 1]
        if mark == "]":
            return
        if mark != ",":
            message = f"found {text[at : at + 20]!r} at character {at}; expected , or ]"
            raise ValueError(message)
        at = _after_space(text, at + 1)


def _of_lines(lines: Iterator[str]) -> Iterator[object]:
    for line in lines:
        if line.strip():
            yield json.loads(line)


def _after_space(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


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
