"""The benchmark of a line: its shares make up the whole. It states times and asserts none."""

from __future__ import annotations

import pytest
from bluesky import RunEngine

from bench.line_time import shares_of
from operando_plans import ScanOptions


@pytest.mark.bench
def test_the_shares_of_a_line_make_up_the_whole() -> None:
    shares = shares_of(RunEngine({}, context_managers=[]), ScanOptions(), repeats=1)
    assert shares.ours == pytest.approx(shares.plans + shares.devices + shares.recorder)
    assert shares.total == pytest.approx(shares.exposure + shares.ours + shares.bluesky)
    assert min(shares.total, shares.exposure, shares.plans, shares.bare) > 0
