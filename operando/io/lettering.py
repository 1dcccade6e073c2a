"""Names from documents and libraries as matplotlib is to write them: as they are, and never as a formula."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["as_label", "as_written", "with_any_letters"]

_MOST_LETTERS = 200
"""More does not fit on a picture."""


def as_written(text: str) -> str:
    """Return `text` for a place that takes it literally (`parse_math=False`): one line, all printable."""
    cut = text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
    return "".join(letter if letter.isprintable() else "?" for letter in cut)


def as_label(text: str) -> str:
    """Return `text` for a legend, which takes what stands between dollars for a formula."""
    return as_written(text).replace("$", r"\$")


@contextmanager
def with_any_letters() -> Generator[None]:
    """Draw letters that the font does not have as boxes, without a word about it for each of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"(Glyph .* missing|Matplotlib currently does not support)")
        yield
