"""Every test that the catalogue of faults names is there, and every fault has one."""

from __future__ import annotations

import re
from pathlib import Path

from operando_sim import DOCUMENT_FAULTS, WORLD_FAULTS

ROOT = Path(__file__).parents[1]
CATALOGUE = (ROOT / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows() -> list[str]:
    """The rows of all tables but the last, without their heads."""
    tables = CATALOGUE.split("## Faults by name")[0]
    return [
        line
        for line in tables.splitlines()
        if line.startswith("| ") and not line.startswith(("| fault", "|--"))
    ]


def test_every_test_that_is_named_exists() -> None:
    missing = [
        f"{file}::{test}"
        for file, test in NAMED.findall(CATALOGUE)
        if not (ROOT / file).is_file()
        or not re.search(rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert missing == []


def test_every_fault_says_four_things_and_has_a_test() -> None:
    assert len(rows()) > 30
    for row in rows():
        fault, seen, promised, tests = (cell.strip() for cell in row.strip("|").split("|"))
        assert min(len(fault), len(seen), len(promised)) > 0, row
        assert NAMED.search(tests), row


def test_every_name_of_a_fault_is_explained() -> None:
    explained = set(re.findall(r"`([\w-]+)`", CATALOGUE.split("## Faults by name")[1]))
    assert {*WORLD_FAULTS, *DOCUMENT_FAULTS} <= explained
