"""A window beside the fit: it sends regions, reads the history, and the fit ends after it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import operando.view
from operando.app.follow import Setting, follow
from operando.app.outcome import Keeper
from operando.io.sources import DocumentSource
from operando.live.monitor import Work
from operando.regions import Marks, Outline, Region
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

MARKS = Marks((Region("all", Outline.RECTANGLE, ((-9.0, -9.0), (9.0, 9.0))),))
WAIT_S = 30.0


def test_a_region_drawn_after_the_end_is_answered_and_then_the_fit_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = plan_of(shape=(4, 5))
    source = DocumentSource(iter(documents_of(plan, stack_of(plan, np.random.default_rng(0)))), "memory")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(operando.view, "screen_trouble", lambda: None)
    seen = []

    def window(take, options) -> int:
        """Look until the run has ended, draw a region, and close when its curve is there."""
        deadline_s = time.monotonic() + WAIT_S
        while time.monotonic() < deadline_s:
            snapshot = take()
            if snapshot is None:
                continue
            if snapshot.delivery.is_finished and not seen:
                options.send(MARKS)
                seen.append(snapshot)
            if snapshot.marks == MARKS:
                seen.extend([snapshot, options.history(), options.choices_file])
                return 0
        return 1

    monkeypatch.setattr(operando.view, "run_dashboard", window)
    keeper = Keeper(tmp_path / "results.h5", Work(library(), recipe(), LayoutSettings()))
    outcome = follow(source, keeper, Setting(has_window=True))
    _, answered, history, choices_file = seen
    assert answered.regions[0].curve.cycle.tolist() == [0, 1]
    assert [moment.cycle for moment in history.moments] == [0, 1]
    assert choices_file.parent == tmp_path / "config" / "operando"
    assert outcome.failure is None
    assert outcome.records == 2
