"""What the potentiostat said, whatever of it was not read: no reading may cost the map of a cycle."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.cellbook import cell_record
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
