"""The history of a window begins with what is in the results, and with nothing where nothing is."""

from __future__ import annotations

import logging
import os

import numpy as np

from operando.app.past import remember
from operando.io.results_tables import record_of
from operando.io.results_writer import ResultsWriter
from operando.view import HistoryBook
from operando.view.example import Story, records_until

RECORDS = records_until(3, Story(shape=(12, 14), findings=(), pause_s=200.0))


def written(path, records):
    writer = ResultsWriter(path, records[0].plan, records[0].phases, {"i0_mode": "blank"})
    for record in records:
        writer.write(record.map, record.i0, record.curve, record_of(record))


def test_a_history_from_the_results_is_the_one_that_was_seen(tmp_path):
    path = tmp_path / "run.h5"
    written(path, RECORDS)
    seen, read = HistoryBook(), HistoryBook()
    for record in RECORDS:
        seen.note(record)
    assert remember(read, path) == 3
    assert read.read().run == RECORDS[0].plan.run
    assert read.read().bands == seen.read().bands
    assert read.read().bands
    for here, there in zip(read.read().moments, seen.read().moments, strict=True):
        assert here.cycle == there.cycle
        np.testing.assert_array_equal(here.lithium(), there.lithium())
        np.testing.assert_array_equal(here.snapshot(RECORDS[-1]).od, there.snapshot(RECORDS[-1]).od)


def test_of_several_runs_the_newest_file_is_read(tmp_path):
    for number, (name, count) in enumerate((("run.h5", 1), ("run-2-abc.h5", 2))):
        written(tmp_path / name, RECORDS[:count])
        os.utime(tmp_path / name, (number, number))
    assert remember(HistoryBook(), tmp_path / "run.h5") == 2


def test_a_name_with_the_letters_of_a_pattern_is_a_name(tmp_path):
    written(tmp_path / "scan[1].h5", RECORDS[:2])
    assert remember(HistoryBook(), tmp_path / "scan[1].h5") == 2


def test_without_results_it_begins_anew_and_a_damaged_file_is_said(tmp_path, caplog):
    book = HistoryBook()
    assert remember(book, tmp_path / "run.h5") == 0
    path = tmp_path / "run.h5"
    written(path, RECORDS[:1])
    path.write_bytes(path.read_bytes()[:-3000])
    with caplog.at_level(logging.WARNING):
        remember(book, path)
    assert not book.read().moments
