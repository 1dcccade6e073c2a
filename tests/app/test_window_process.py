"""A window in a process of its own is closed, killed, stopped: the fit goes on to the same bytes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operando.app.window.link import Link
from operando.errors import ConfigurationError
from operando.io.results import read_summary
from operando.view import DashboardOptions
from operando.view.qt import require_qt
from windowed import Following, following, offline_bytes, run_of, waited_for

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from PySide6.QtWidgets import QApplication

from operando.view import Dashboard

# A snapshot of it is 2 MB: a few fill what the system keeps for a window that takes none.
RUN = run_of((64, 64), cycles=3)


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def pid_of_window(found: Following) -> int:
    """Wait until the window is attached."""
    waited_for(lambda: found.door._window is not None)
    assert found.window._process is not None
    return found.window._process.pid


def test_a_window_that_is_killed_is_said_and_the_fit_goes_on_to_the_same_bytes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "watched").mkdir()
    with following(tmp_path / "watched", RUN, has_window=True) as found:
        found.write(100)
        os.kill(pid_of_window(found), signal.SIGKILL)
        waited_for(lambda: found.door._window is None)
        waited_for(lambda: "SIGKILL" in caplog.text)
        found.write(100)
        link = Link(found.plate)
        waited_for(lambda: (seen := link.take()) is not None and seen.progress.lines_seen >= 190)
        link.close()
    assert "a command opens it again" in caplog.text
    assert found.results.read_bytes() == offline_bytes(tmp_path / "alone", RUN)


def test_a_window_that_cannot_be_started_is_said_and_the_fit_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no" / "python"))
    with following(tmp_path, RUN, has_window=True):
        pass
    assert "a command opens it" in caplog.text
    assert read_summary(tmp_path / "results.h5").cycles == {0, 1, 2}


def test_a_window_that_is_stopped_delays_nothing_and_ends_with_the_monitor(tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    with following(tmp_path / "watched", RUN, has_window=True) as found:
        found.write(100)
        pid = pid_of_window(found)
        os.kill(pid, signal.SIGSTOP)
        for _ in range(40):
            found.write(10)
            waited_for(lambda: found.door._news is not None)
        found.write(len(RUN.documents) - found.written)
        waited_for(lambda: found.door._news.snapshot.progress.is_closed)
        ended_s = time.monotonic()
    assert time.monotonic() - ended_s < 20.0
    assert found.results.read_bytes() == offline_bytes(tmp_path / "alone", RUN)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_real_window_shows_what_it_is_told_and_says_that_the_monitor_is_gone(tmp_path: Path) -> None:
    application = QApplication.instance() or QApplication([])
    with following(tmp_path, RUN) as found:
        found.write(RUN.plan.lines_in(0) + 20)
        link = Link(found.plate)
        options = DashboardOptions(history=link.history, send=link.send, age_s=link.age_s, cut=link.cut)
        window = Dashboard(link.take, options)
        window.timer.stop()
        window.show()

        def refreshed(holds) -> None:
            def look() -> bool:
                application.processEvents()
                window.refresh()
                return bool(holds())

            waited_for(look)

        refreshed(lambda: window.session.live is not None and window.session.history.moments)
        assert window.deck.veil.words == ""
    refreshed(lambda: window.deck.veil.words.startswith("NO MONITOR FOR"))
    window.close()
    window.deleteLater()
    application.processEvents()
    link.close()
