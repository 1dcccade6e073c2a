"""The benchmark of the window: that its table says what was drawn, and that nothing is kept."""

from __future__ import annotations

import subprocess
import sys

import pytest

from operando.bench.view import render_view, view_rows
from operando.errors import ConfigurationError
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)


SMALLEST = (("two_maps", 2, 48),)


def test_repaints_leave_no_objects_behind() -> None:
    # In a process of its own: here the threads of other tests make and drop objects while they are counted.
    words = (
        f"from operando.bench.view import view_rows; print(view_rows(40, {SMALLEST}, 300)[0].objects_grown)"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    # One wrapper may come of counting itself.
    assert int(done.stdout) <= 3


@pytest.mark.bench
def test_a_row_says_what_was_drawn(qapp) -> None:
    (row,) = view_rows(40, SMALLEST, points=300)
    assert (row.maps, row.side, row.curves, row.points, row.repaints) == (2, 48, 3, 300, 40)
    assert 0 < row.p50_ms <= row.p95_ms
    assert row.name in render_view([row])
