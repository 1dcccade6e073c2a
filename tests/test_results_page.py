"""The page of the results file has every quantity that is written for a cycle, under its group."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from operando.io.results_layout import CURVES, QUANTITIES
from operando.io.results_regions import REGIONS
from operando.io.results_tables import TABLES

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "results-file.md").read_text(encoding="utf-8")
PLACES = [
    *(quantity.place for quantity in QUANTITIES),
    *(f"curves/{name}" for name in CURVES),
    *(f"regions/{name}" for name in REGIONS),
    *(f"{table}/{column.name}" for table, columns in TABLES.items() for column in columns),
]


@pytest.mark.parametrize("place", PLACES)
def test_every_quantity_is_in_the_row_of_its_group(place: str) -> None:
    group, name = place.split("/")
    (row,) = re.findall(rf"^\| `/entry/{group}` \|.*$", PAGE, re.MULTILINE)
    assert f"`{name}`" in row
