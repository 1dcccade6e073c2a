"""The benchmark of the window: that its table says what was drawn, and that nothing is kept."""

from __future__ import annotations

import pytest

from operando.bench.view import ViewRow, render_view, view_rows
from operando.errors import ConfigurationError
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)


def _smallest_run() -> ViewRow:
    (found,) = view_rows(40, (("two_maps", 2, 48),), points=300)
    return found


@pytest.fixture(scope="module")
def row(qapp) -> ViewRow:
    return _smallest_run()


def test_repaints_leave_no_objects_behind(row: ViewRow) -> None:
    # What a repaint leaves behind shows in every run of forty; a cache that fills up, in one.
    grown = [row.objects_grown]
    while grown[-1] > 3 and len(grown) < 3:
        grown.append(_smallest_run().objects_grown)
    assert grown[-1] <= 3, grown


@pytest.mark.bench
def test_a_row_says_what_was_drawn(row: ViewRow) -> None:
    assert (row.maps, row.side, row.curves, row.points, row.repaints) == (2, 48, 3, 300, 40)
    assert 0 < row.p50_ms <= row.p95_ms
    assert row.name in render_view([row])
