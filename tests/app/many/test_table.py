"""The table has a row for each run, and text in it stays text."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from many_runs import done_of
from operando.app.ending import Exit
from operando.app.many.job import Done
from operando.app.many.table import COLUMNS, csv_of, rows_of


def test_numbers_come_back_with_all_their_digits() -> None:
    (row,) = rows_of([done_of("a")])
    row["mean_x"] = 0.1 + 0.2
    (read,) = csv.DictReader(io.StringIO(csv_of([row])))
    assert tuple(read) == COLUMNS
    assert float(read["mean_x"]) == 0.1 + 0.2
    assert (read["median_chi2"], read["cycles"], read["reason"]) == ("", "2", "")


def test_a_recording_without_a_run_has_a_row_that_says_why() -> None:
    rows = list(rows_of([Done("a", Exit.DAMAGED, ("one", "two")), done_of("b")]))
    assert [(row["source"], row["exit_code"], row["reason"]) for row in rows] == [
        ("a", 6, "one; two"),
        ("b", 0, None),
    ]


@given(st.text())
def test_no_name_becomes_a_formula_or_a_row_of_its_own(name: str) -> None:
    done = done_of("a")
    (row,) = rows_of([replace(done, runs=(replace(done.runs[0], sample=name),))])
    (read,) = csv.DictReader(io.StringIO(csv_of([row])))
    assert not read["sample"].startswith(("=", "+", "-", "@"))
    assert read["sample"].isprintable()
