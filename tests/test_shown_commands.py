"""Every command that a page shows is one, with options that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from program import COMMANDS, PROGRAM, options_of

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CALL = r"operando (?=[a-z]|--|COMMAND)"
SHOWN = re.compile(rf"^(?:\.venv/bin/)?{CALL}([^#\n`]*)|`{CALL}([^`]*)`", re.MULTILINE)
OPTION = re.compile(r"(?<!\S)--[\w-]+")


def shown_on(page: Path) -> Iterator[str]:
    """Yield what a page shows after `operando`, in blocks and in sentences, as one line each."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for match in SHOWN.finditer(text):
        yield " ".join((match[1] or match[2]).split())


ALL = [(page, words) for page in PAGES for words in shown_on(page)]


@pytest.mark.parametrize(("page", "words"), ALL, ids=[f"{page.stem}: {words}" for page, words in ALL])
def test_what_a_page_shows_can_be_typed(page: Path, words: str) -> None:
    if words.startswith(("--", "COMMAND")):
        assert set(OPTION.findall(words)) <= options_of(PROGRAM) | {"--help"}
        return
    name = next((name for name in COMMANDS if f"{words} ".startswith(f"{name} ")), None)
    assert name, f"{page.name} shows 'operando {words}', which is no command"
    assert set(OPTION.findall(words)) <= options_of(COMMANDS[name]) | {"--help"}
