"""Text that strangers wrote, in tables of text: one line, and for no spreadsheet a formula."""

from __future__ import annotations

import re

__all__ = ["in_a_cell", "in_a_note"]

_FORMULA = ("=", "+", "-", "@")
_CELL = re.compile(r"([,;][\s\"']*)(?=[=+\-@])")
"""Where a spreadsheet that parts a line at commas or semicolons begins a cell with a formula."""


def in_a_cell(text: str) -> str:
    """Return text for a cell of its own."""
    plain = _one_line(text)
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def in_a_note(text: str) -> str:
    """Return text for a line above the table that begins with other words."""
    return _CELL.sub(r"\1'", _one_line(text))


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
