"""The window as a program: its loop, its ends, its pictures, and a machine that lacks something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from operando.errors import ConfigurationError
from operando.view import qt
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from operando.view import Dashboard, DashboardOptions, run_dashboard, save_screenshot


@pytest.mark.parametrize(
    ("stage", "theme"),
    [
        ("empty", "dark"),
        ("first_frame", "light"),
        ("filling", "dark"),
        ("complete", "light"),
        ("finished", "dark"),
    ],
)
def test_a_picture_of_every_stage(qapp, tmp_path, snapshot_at, stages, stage, theme):
    path = tmp_path / "screen.png"
    save_screenshot(snapshot_at(stages[stage]), path, size=(1280, 800), pixel=(50, 40), theme=theme)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_is_an_error_that_says_so(qapp, tmp_path, snapshot_at, stages):
    snapshot = snapshot_at(stages["empty"])
    with pytest.raises(ConfigurationError, match=r"ending in \.png"):
        save_screenshot(snapshot, tmp_path / "screen.xyz")
    with pytest.raises(ConfigurationError, match="folder must exist"):
        save_screenshot(snapshot, tmp_path / "missing" / "screen.png")


def test_missing_libraries_are_named(monkeypatch):
    def refuse(name):
        raise ImportError("libEGL.so.1: cannot open shared object file")

    monkeypatch.setattr(qt.importlib, "import_module", refuse)
    with pytest.raises(ConfigurationError, match=r"libegl1 libgl1 libxkbcommon0 libglib2.0-0"):
        run_dashboard(lambda: None)


def test_the_loop_runs_until_the_window_is_closed(qapp, snapshot_at, stages):
    taken, closed = [], []

    def take():
        taken.append(1)
        for widget in qapp.topLevelWidgets():
            if isinstance(widget, Dashboard) and widget.isVisible():
                widget.close()
        return snapshot_at(stages["empty"])

    assert run_dashboard(take, DashboardOptions(title="t", on_close=lambda: closed.append(1))) == 0
    assert taken
    assert closed == [1]


def test_an_interrupt_from_the_keyboard_closes_the_window(qapp, snapshot_at, stages):
    def take():
        os.kill(os.getpid(), signal.SIGINT)
        return snapshot_at(stages["empty"])

    before = signal.getsignal(signal.SIGINT)
    assert run_dashboard(take) == 130
    assert signal.getsignal(signal.SIGINT) is before


def test_being_told_to_end_closes_the_window_of_a_program_that_handles_it(qapp, snapshot_at, stages):
    def take():
        os.kill(os.getpid(), signal.SIGTERM)
        return snapshot_at(stages["empty"])

    def handler(_number, _frame):
        raise AssertionError

    before = signal.signal(signal.SIGTERM, handler)
    try:
        assert run_dashboard(take) == 130
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_machine_without_fonts_still_writes_words(tmp_path):
    nothing = tmp_path / "fonts.conf"
    nothing.write_text(f"<fontconfig><dir>{tmp_path}</dir><cachedir>{tmp_path}</cachedir></fontconfig>")
    # Without a font every sign is the same box: two signs that look alike are not written.
    code = """
from operando.view.qt import application
made = application()
from PySide6.QtGui import QImage, QPainter
def look(sign):
    image = QImage(40, 40, QImage.Format.Format_Grayscale8)
    image.fill(0)
    painter = QPainter(image)
    painter.setPen("white")
    painter.drawText(image.rect(), 0, sign)
    painter.end()
    return bytes(image.constBits())
raise SystemExit(len({look(sign) for sign in "xσ●▲■◆"}) != 6)
"""
    environment = {**os.environ, "FONTCONFIG_FILE": str(nothing), "QT_QPA_PLATFORM": "offscreen"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
