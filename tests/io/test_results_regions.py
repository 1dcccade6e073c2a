"""Regions and moments of a results file: what is read back is what was written, to the bit."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from operando.errors import ConfigurationError
from operando.io.results import read_results
from operando.io.results_moment import read_moment, read_rows
from operando.io.results_regions import Marked, marked_in
from operando.io.results_tables import record_of
from operando.io.results_writer import ResultsWriter
from operando.regions import Marks, Outline, Region
from operando.types import Curve
from operando.view.example import Story, records_until, with_marks

STORY = Story(shape=(12, 14), findings=())
MARKS = Marks(
    (
        Region('rim, "thick"', Outline.POLYGON, ((0.1, 0.1), (0.5, 0.1), (0.3, 0.4))),
        Region("µ-square", Outline.RECTANGLE, ((1.0, -2.0), (2.5, 8.0))),
    ),
    (Region("dirt", Outline.RECTANGLE, ((0.0, 0.0), (0.2, 0.2))),),
)
RECORDS = [with_marks(record, MARKS, STORY) for record in records_until(3, STORY)]


def same(one, other):
    for entry in fields(one):
        here, there = getattr(one, entry.name), getattr(other, entry.name)
        if isinstance(here, Curve):
            same(here, there)
        elif isinstance(here, np.ndarray | float):
            np.testing.assert_array_equal(here, there, err_msg=entry.name)
        elif entry.name != "region":
            assert here == there, entry.name


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "run.h5"
    writer = ResultsWriter(path, RECORDS[0].plan, RECORDS[0].phases, {"i0_mode": "blank", "version": "1"})
    for record in RECORDS:
        writer.write(record.map, record.i0, record.curve, record_of(record))
    return path, writer


def test_regions_come_back_as_they_were(written):
    marked = read_results(written[0]).marked
    assert [result.region for result in marked.regions] == list(MARKS.regions)
    for here, there in zip(marked.regions, RECORDS[-1].regions, strict=True):
        same(here, there)
    same(marked.unmasked_curve, RECORDS[-1].unmasked_curve)


@pytest.mark.parametrize("cycle", [0, 1, 2])
def test_a_moment_is_what_the_screen_showed(written, cycle):
    found, record = read_moment(written[0], cycle), RECORDS[cycle]
    for entry in fields(record.map):
        np.testing.assert_array_equal(getattr(found.map, entry.name), getattr(record.map, entry.name))
    for name in ("od", "od_error"):
        np.testing.assert_array_equal(getattr(found, name), getattr(record, name).astype(np.float32))
    for name in ("row_time_s", "i0"):
        np.testing.assert_array_equal(getattr(found, name), getattr(record, name))
    assert found.progress.last_line_s == np.nanmax(record.row_time_s)


def test_the_last_moment_is_the_default_and_one_that_is_not_there_is_named(written):
    assert read_moment(written[0]).map.cycle == 2
    with pytest.raises(ConfigurationError, match="cycle 8; it has: 1, 2, 3"):
        read_moment(written[0], 7)


def test_rows_of_all_cycles_are_read_for_the_bands(written):
    rows = read_rows(written[0])
    assert [cycle for cycle, _ in rows] == [0, 1, 2]
    np.testing.assert_array_equal(rows[1][1][0], RECORDS[1].row_time_s)


def test_marks_drawn_after_the_last_cycle_take_the_place_of_those_before(written):
    path, writer = written
    before = path.read_bytes()
    writer.mark(marked_in(RECORDS[-1]))
    assert path.read_bytes() == before
    (first, *_) = RECORDS[-1].regions
    named = replace(first, region=replace(first.region, name="another"))
    writer.mark(Marked((named,)))
    marked = read_results(path).marked
    assert [result.region.name for result in marked.regions] == ["another"]
    assert marked.unmasked_curve is None
    same(marked.regions[0], first)
    writer.mark(marked_in(RECORDS[-1]))
