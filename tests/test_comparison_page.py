"""Every cell of the comparison has its evidence, and what is said of Operando has a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "explanation" / "comparison.md").read_text(encoding="utf-8")
NOTE = re.compile(r"\[(\d+)\]")


def rows() -> list[list[str]]:
    """The cells of the table, without its head."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| **")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def evidence() -> dict[int, str]:
    """What stands at each number below the table."""
    listed = PAGE.partition("\n## Evidence\n")[2]
    found = re.findall(r"^\* \[(\d+)\] (.*?)(?=^\* |^$|\Z)", listed, re.DOTALL | re.MULTILINE)
    return {int(number): text for number, text in found}


def test_every_cell_says_what_it_rests_on_or_that_it_is_unknown() -> None:
    assert len(rows()) > 10
    for name, *cells in rows():
        assert len(cells) == 6, name
        for cell in cells:
            assert NOTE.search(cell) or cell == "unknown", f"{name}: '{cell}' has no evidence"


def test_every_number_has_its_evidence_and_every_evidence_is_used() -> None:
    used = {int(number) for row in rows() for cell in row for number in NOTE.findall(cell)}
    assert used | {16} == set(evidence())


def test_what_is_said_of_this_program_has_a_test_that_is_there() -> None:
    for number, text in evidence().items():
        for name in re.findall(r"`(tests/[\w/]+\.py)`", text):
            ours = "its repository" not in text
            assert not ours or (ROOT / name).is_file(), f"[{number}]: {name} is not there"
    own = [text for number, text in evidence().items() if number < 20 and number != 15]
    assert all("`tests/" in text for text in own)
