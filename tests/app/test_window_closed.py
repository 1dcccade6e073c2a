"""A window is closed while the scan goes on: fitting goes on without it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import operando.view
from operando.app.follow import Setting, follow
from operando.app.keeper import Keeper
from operando.io.runlog import LogReader, LogWriter
from operando.io.sources import FollowedLog
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from operando.types import Snapshot
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of()
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))


def test_all_that_comes_after_the_window_was_closed_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, ended = tmp_path / "run.log", threading.Event()
    writer = LogWriter(path)
    writer.append(DOCUMENTS[:20], 1.0)

    def closed_by_the_user(_take: Callable[[], Snapshot | None], _options: object) -> bool:
        writer.append(DOCUMENTS[20:], 2.0)
        ended.set()
        return False

    monkeypatch.setattr(operando.view, "screen_trouble", lambda: None)
    monkeypatch.setattr(operando.view, "run_dashboard", closed_by_the_user)
    work = Work(library(), recipe(), LayoutSettings())
    keeper = Keeper(tmp_path / "results.h5", work)
    outcome = follow(FollowedLog(LogReader(path), "log", ended), keeper, Setting(has_window=True))
    writer.close()
    assert outcome.failure is None
    assert outcome.records == 2
    assert outcome.last is not None
    assert outcome.last.delivery.documents == len(DOCUMENTS)
    assert outcome.last.delivery.is_finished
