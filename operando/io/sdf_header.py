"""The text of an SDF header (`.hdr`): braces, semicolons and counted lists, as nested dicts and lists.

    file       = { assignment }
    assignment = name "=" value [";"]
    value      = "{" { assignment } "}" | "(" [ value { "," value } ] ")" | '"' text '"' | words

Lists carry their own length first: `Points = (3, 700.0, 701.0, 702.0)`; `entries` takes it off.
Acquisition programs of several beamlines write this with semicolons missing, text unquoted and
lines appended while the scan runs, so what does not fit is passed over, and what is not closed
at the end of the file is taken as far as it goes.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from operando.errors import DamagedFileError

__all__ = ["Block", "Value", "entries", "parse"]

Value: TypeAlias = str | int | float | bool | list["Value"] | dict[str, "Value"]
Block: TypeAlias = dict[str, Value]

_MAX_DEPTH = 32
_TOKEN = re.compile(r'"[^"]*"|[{}(),;=]|[^\s{}(),;="]+')
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_CLOSING = frozenset("})")
_MARKS = frozenset("{}(),;=")


def parse(text: str) -> Block:
    """Return the assignments of a header; of a name given twice the later counts.

    Raises
    ------
    DamagedFileError
        If it is nested deeper than any header is.
    """
    return _Parser(_TOKEN.findall(text)).block(0)


def entries(value: Value | None, name: str) -> list[Value]:
    """Return the elements of a counted list, without the count.

    Raises
    ------
    DamagedFileError
        If `value` is not a list or does not have as many elements as it says.
    """
    if not isinstance(value, list) or not value:
        message = f"the header has no list {name}: it is incomplete or not of an SDF scan"
        raise DamagedFileError(message)
    count, *rest = value
    if count != len(rest):
        message = f"the header's list {name} says {count} entries and has {len(rest)}: it is incomplete"
        raise DamagedFileError(message)
    return rest


class _Parser:
    """A place in the tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def block(self, depth: int) -> Block:
        found: Block = {}
        while (ahead := self._peek()) and not (depth and ahead == "}"):
            self._at += 1
            if self._peek() == "=" and ahead not in _MARKS:
                self._at += 1
                found[ahead.strip('"')] = self._value(depth + 1)
        self._at += 1
        return found

    def _value(self, depth: int) -> Value:
        if depth > _MAX_DEPTH:
            message = f"the header is nested deeper than {_MAX_DEPTH} levels: it is not of an SDF scan"
            raise DamagedFileError(message)
        ahead = self._peek()
        if ahead == "{":
            self._at += 1
            return self.block(depth)
        if ahead == "(":
            self._at += 1
            return self._list(depth)
        if ahead.startswith('"'):
            self._at += 1
            return ahead[1:-1]
        return _scalar(self._words())

    def _list(self, depth: int) -> list[Value]:
        found: list[Value] = []
        while (ahead := self._peek()) and ahead != ")":
            if ahead in _MARKS and ahead not in "{(":
                # A brace that closes too much ends the list; a comma or semicolon just separates.
                if ahead in _CLOSING:
                    return found
                self._at += 1
            else:
                found.append(self._value(depth + 1))
        self._at += 1
        return found

    def _words(self) -> list[str]:
        """Unquoted words up to the next mark, but not the name of the next assignment."""
        words: list[str] = []
        while (ahead := self._peek()) and ahead not in _MARKS and not ahead.startswith('"'):
            follows = self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else ""
            if words and follows == "=":
                break
            words.append(ahead)
            self._at += 1
        return words

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""


def _scalar(words: list[str]) -> Value:
    text = " ".join(words)
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
