"""Parts of a page that is whole in itself: it loads nothing, and text has no power over it."""

from __future__ import annotations

import html
from base64 import b64encode
from typing import TYPE_CHECKING

from operando.io.report_style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["page", "plain", "png_data", "section", "table_of"]

_MOST_LETTERS = 2000
"""Of one text from a file; a name of a million letters says no more than its beginning."""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, body: str) -> str:
    """Return a page; title and body are escaped already."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def section(title: str, body: str) -> Iterator[str]:
    """Yield a section; title and body are escaped already."""
    yield f"<section>\n<h2>{title}</h2>\n{body}\n</section>"


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int]) -> str:
    """Return a table; its cells are escaped already, `numbers` are the columns that stand to the right."""
    right = set(numbers)

    def row(cells: Sequence[str], tag: str) -> str:
        marks = (' class="number"' if column in right else "" for column in range(len(cells)))
        return "".join(f"<{tag}{mark}>{cell}</{tag}>" for cell, mark in zip(cells, marks, strict=True))

    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows)
    return f'<div class="scroll"><table><tr>{row(head, "th")}</tr>{body}</table></div>'


def png_data(png: bytes) -> str:
    """Return a PNG as an address that holds it."""
    return f"data:image/png;base64,{b64encode(png).decode('ascii')}"


def plain(text: str) -> str:
    """Return text from the file for a page: one line, all printable, without power over it."""
    cut = text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
    return html.escape("".join(letter if letter.isprintable() else "?" for letter in cut))
