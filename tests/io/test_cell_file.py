"""Readings of a potentiostat: columns and keys are told by their units, in files and in events."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.cell import CellReading
from operando.core.cellbook import heard, together
from operando.core.study_rules import CellBook
from operando.errors import ConfigurationError
from operando.io.cell_file import read_cell_file
from operando.io.cell_stream import cell_reading

BIOLOGIC = """EC-Lab ASCII FILE
Nb header lines : 3
mode\ttime/s\tEwe/V\tI/mA\t(Q-Qo)/mA.h
1\t0.0\t3.40\t0.10\t0.000
1\t60.0\t3.38\t0.10\t0.002
1\t120.0\t\t0.10\t0.004
"""


@pytest.mark.parametrize(
    "text",
    [
        BIOLOGIC,
        "time (min),voltage [V],current (uA),charge (uAh)\n0,3.40,100,0\n1,3.38,100,2\n2,x,100,4\n",
        "Time/h;U/mV;I/A;Q/Ah\n0;3400;0.0001;0\n0.016666666666666666;3380;1e-4;2e-6\n0.03333333333333333;;1e-4;4e-6\n",
        BIOLOGIC.replace("0.", "0,").replace("3.", "3,"),
    ],
)
def test_the_same_readings_in_four_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cell.txt"
    path.write_text(text, encoding="utf-8")
    found = read_cell_file(path, 1000.0)
    np.testing.assert_allclose(found.time_s, [1000.0, 1060.0, 1120.0])
    np.testing.assert_allclose(found.voltage_v, [3.40, 3.38, np.nan])
    np.testing.assert_allclose(found.current_ma, 0.1)
    np.testing.assert_allclose(found.charge_mah, [0.0, 0.002, 0.004])


def test_a_micro_of_another_encoding_is_one(tmp_path: Path) -> None:
    path = tmp_path / "cell.mpt"
    path.write_bytes("time/s\tI/µA\n1,5\t2,5\n".encode("latin-1"))
    found = read_cell_file(path, 0.0)
    assert (found.time_s.tolist(), found.current_ma.tolist()) == ([1.5], [0.0025])


@pytest.mark.parametrize(
    "text", ["", "time/s, name\n1,2\n", "time/s,Ewe/V\n", "1,2,3\n", "time/s,Ewe/V\n10:00:01,3.4\n"]
)
def test_a_file_without_readings_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cell.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        read_cell_file(path, 0.0)
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_cell_file(tmp_path / "nowhere.csv", 0.0)


def test_an_event_is_read_by_the_units_of_its_keys() -> None:
    keys = {
        "cell_charge": {"units": "uAh"},
        "cell_voltage": {"units": "V"},
        "cell_current": {"units": "µA"},
        "name": {},
    }
    data = {"cell_charge": 5.0, "cell_voltage": 3.4, "cell_current": True, "name": "one"}
    event = {"data": data, "timestamps": {"cell_charge": 12.0}, "time": 99.0}
    found = cell_reading("run", event, keys)
    assert (found.time_s, found.charge_mah, found.voltage_v) == (12.0, 0.005, 3.4)
    assert math.isclose(found.current_ma, 0.001)


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(2, 5)), max_size=30))
def test_the_order_of_readings_leaves_no_trace_but_for_the_later_of_one_time(
    readings: list[tuple[int, float]],
) -> None:
    book = CellBook()
    for time_s, voltage_v in readings:
        book = heard(book, CellReading("run", float(time_s), voltage_v, math.nan, math.nan))
    last, book = dict(readings), together(book)
    assert book.time_s.tolist() == sorted(last)
    assert book.voltage_v.tolist() == [last[time_s] for time_s in sorted(last)]


def test_of_each_second_the_latest_reading_is_kept_whatever_came_first() -> None:
    for order in ((5.1, 5.9, 6.0), (5.9, 6.0, 5.1)):
        book = CellBook()
        for time_s in order:
            book = heard(book, CellReading("run", time_s, time_s, math.nan, math.nan))
        assert together(book).voltage_v.tolist() == [5.9, 6.0]
