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


@pytest.fixture(scope="module")
def row(qapp) -> ViewRow:
    """The smallest run."""
    (found,) = view_rows(40, (("two_maps", 2, 48),), points=300)
    return found


def test_repaints_leave_no_objects_behind(row: ViewRow) -> None:
    # One wrapper may come of counting itself.
    assert row.objects_grown <= 3


@pytest.mark.bench
def test_a_row_says_what_was_drawn(row: ViewRow) -> None:
    assert (row.maps, row.side, row.curves, row.points, row.repaints) == (2, 48, 3, 300, 40)
    assert 0 < row.p50_ms <= row.p95_ms
    assert row.name in render_view([row])
