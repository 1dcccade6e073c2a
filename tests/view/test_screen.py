"""Whether a window can be opened: found out without ending the process, whatever DISPLAY says."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from operando.errors import ConfigurationError
from operando.view import screen
from operando.view.qt import require_qt
from operando.view.screen import has_display, require_screen, screen_trouble

needs_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="X and Wayland are found on Linux"
)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """No screen is named, and none that was tried is remembered."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    screen._qt_trouble.cache_clear()
    yield
    screen._qt_trouble.cache_clear()


@pytest.fixture
def listening():
    """A server that takes connections and says nothing, on a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def qt():
    try:
        require_qt()
    except ConfigurationError as error:
        pytest.skip(str(error))


def test_other_systems_always_have_a_screen(monkeypatch):
    monkeypatch.setattr(screen.sys, "platform", "darwin")
    assert has_display()


@needs_linux
@pytest.mark.parametrize("display", ["", ":7777", "127.0.0.1:1", "nonsense", ":", "a:b", ":99999999999"])
def test_a_display_where_nothing_answers_is_none(monkeypatch, qt, display):
    monkeypatch.setenv("DISPLAY", display)
    assert not has_display()
    assert "no screen" in screen_trouble()
    assert display in screen_trouble()


@needs_linux
def test_a_display_is_one_that_answers(monkeypatch, listening):
    monkeypatch.setattr(screen, "_X_PORT", listening - 3)
    for display in ("127.0.0.1:3", "127.0.0.1:3.0"):
        monkeypatch.setenv("DISPLAY", display)
        assert has_display()


@needs_linux
@pytest.mark.parametrize("prefix", ["\0", ""])
def test_a_display_of_this_machine_may_have_a_file_or_an_abstract_name(monkeypatch, tmp_path, prefix):
    monkeypatch.setattr(screen, "_X_FOLDER", f"{tmp_path}/X")
    monkeypatch.setenv("DISPLAY", ":12.0")
    assert not has_display()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{prefix}{tmp_path}/X12")
        server.listen()
        assert has_display()


@needs_linux
def test_a_wayland_display_is_a_socket_in_the_folder_of_the_session(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-1")
    assert not has_display()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-1"))
        server.listen()
        assert has_display()


def test_a_platform_without_windows_needs_no_screen(monkeypatch, qt):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert screen_trouble() is None
    require_screen()


@needs_linux
def test_a_server_that_answers_others_but_not_qt_is_no_screen(monkeypatch, qt, listening):
    """As when ssh hangs, or the server refuses: Qt waits or aborts, in a process of its own."""
    monkeypatch.setattr(screen, "has_display", lambda: True)
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    monkeypatch.setenv("DISPLAY", ":7777")
    said = screen_trouble()
    assert "DISPLAY=:7777" in said
    assert "libxcb-cursor0" in said
    assert "--headless" in said
    with pytest.raises(ConfigurationError, match="DISPLAY=:7777"):
        require_screen()


@needs_linux
def test_a_server_that_says_nothing_is_given_up(monkeypatch, qt, listening):
    monkeypatch.setattr(screen, "_X_PORT", listening)
    # Stands for Qt, which waits for the server.
    monkeypatch.setattr(screen, "_ATTEMPT", "import threading; threading.Event().wait()")
    monkeypatch.setattr(screen, "_ATTEMPT_S", 0.1)
    monkeypatch.setenv("DISPLAY", "127.0.0.1:0")
    assert has_display()
    assert "did not answer" in screen_trouble()


def test_what_qt_can_open_is_no_trouble(monkeypatch, qt):
    monkeypatch.setattr(screen, "has_display", lambda: True)
    # Qt's own windowless platform under a name that is not known here: the process that tries succeeds.
    monkeypatch.setattr(screen, "_WINDOWLESS", frozenset())
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert screen_trouble() is None


@needs_linux
def test_a_picture_is_drawn_under_a_display_that_is_gone(tmp_path, qt):
    """In a process of its own, which Qt would end."""
    code = (
        "import sys; from conftest import build; from operando.view import run_dashboard, save_screenshot\n"
        "from operando.errors import ConfigurationError\n"
        "try: run_dashboard(lambda: None)\n"
        "except ConfigurationError as error: print(error)\n"
        "import os; os.environ['QT_QPA_PLATFORM'] = 'xcb'; save_screenshot(build(), sys.argv[1])\n"
    )
    gone = {
        **os.environ,
        "DISPLAY": ":7777",
        "PYTHONPATH": str(Path(__file__).parent),
        "QT_QPA_PLATFORM": "xcb",
    }
    found = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "screen.png"],
        env=gone, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "nothing answers at DISPLAY=:7777" in found.stdout
    assert (tmp_path / "screen.png").read_bytes().startswith(b"\x89PNG")
