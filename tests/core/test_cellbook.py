"""What the potentiostat said, whatever of it was not read: no reading may cost the map of a cycle."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.cell import CellReading
from operando.core.cellbook import cell_record, heard, together
from operando.core.electrochemistry import Host
from operando.core.study_rules import CellBook, CellRule
from operando.types import Curve

VALUE = st.floats(-5.0, 5.0) | st.just(float("nan"))
READING = st.tuples(VALUE, VALUE, VALUE)
HOST = Host(1.0, 1000.0, 0.5)


@settings(max_examples=60, deadline=None)
@given(
    readings=st.lists(READING, min_size=1, max_size=12),
    points=st.integers(0, 6),
    rule=st.sampled_from([None, CellRule(), CellRule(HOST, longest_lag_s=5.0)]),
)
def test_whatever_was_not_read_there_is_a_record_in_bins_that_agree(
    readings: list[tuple[float, float, float]], points: int, rule: CellRule | None
) -> None:
    table = np.array(readings)
    book = CellBook(np.arange(len(table), dtype=float), table[:, 0], table[:, 1], table[:, 2])
    at_s = np.linspace(0.0, len(table), points)
    x = np.linspace(0.5, 0.3, points)
    curve = Curve(np.arange(points), at_s, x, np.full(points, 0.01), np.full(points, 9))
    record = cell_record(book, float(len(table)), curve, rule)
    assert record is not None
    assert record.bin_v.shape == record.charge_mah_per_v.shape == record.lithium_per_v.shape
    if points > 1:
        between = np.isfinite(table[:, 0])
        passed = np.interp(book.time_s[between], at_s, curve.lithium)
        expected = passed[-1] - passed[0] if between.sum() > 1 else 0.0
        assert np.isclose(0.02 * np.nansum(record.lithium_per_v), expected)


@settings(max_examples=40, deadline=None)
@given(
    times_s=st.lists(st.integers(0, 400).map(lambda tenth: tenth / 10), max_size=80),
    stops=st.sets(st.integers(0, 80)),
)
def test_it_leaves_no_trace_when_readings_were_put_into_columns(
    times_s: list[float], stops: set[int]
) -> None:
    file = CellBook(*(np.array([3.1, 3.2, 9.0]) for _ in range(4)))
    often = late = file
    for number, time_s in enumerate(times_s):
        reading = CellReading("run", time_s, float(number), float("nan"), -float(number))
        often, late = heard(often, reading), heard(late, reading)
        if number in stops:
            often = together(often)
    one, other = together(often), together(late)
    for name in ("time_s", "voltage_v", "current_ma", "charge_mah"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    # Of each second that was heard of, the latest.
    heard_of = {int(time_s) for time_s in times_s}
    every = sorted({*times_s, *file.time_s.tolist()})
    expected = [
        time_s
        for time_s in every
        if int(time_s) not in heard_of or time_s == max(known for known in every if int(known) == int(time_s))
    ]
    assert one.time_s.tolist() == expected


def test_a_shift_of_readings_is_taken_in_without_copying_it_each_time() -> None:
    book = CellBook()
    for second in range(2000):
        book = heard(book, CellReading("run", float(second), 3.4, 0.1, 0.0))
        assert len(book.recent) < 256
        assert book.time_s.size % 256 == 0
    assert together(book).time_s.size == 2000
