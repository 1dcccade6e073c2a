"""Whether a window could be opened: found out first, because Qt ends the process where it cannot."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

from operando.errors import ConfigurationError
from operando.view.qt import require_qt

__all__ = ["has_display", "require_screen", "screen_trouble"]

_WINDOW_PACKAGES = "libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
_WINDOWLESS = frozenset({"offscreen", "minimal", "vnc"})
_NAMES = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "QT_QPA_PLATFORM")
_X_FOLDER = "/tmp/.X11-unix/X"  # noqa: S108 - where every X server listens
_X_PORT = 6000
_CONNECT_S = 2.0
_ATTEMPT_S = 20.0
_ATTEMPT = "from PySide6.QtWidgets import QApplication; QApplication(['operando'])"


def has_display() -> bool:
    """Tell whether there is a screen: on Linux, whether an X or Wayland server answers where one is named.

    Takes no longer than a connection. It says nothing about rights and libraries, which
    `screen_trouble` does.
    """
    if not sys.platform.startswith("linux"):
        return True
    wayland, display = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY")
    if wayland and _answers(str(Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / wayland)):
        return True
    return bool(display) and any(_answers(address) for address in _x_addresses(display))


def screen_trouble() -> str | None:
    """Return why no window can be opened, in one sentence, or None if one can.

    A dropped ssh connection leaves DISPLAY behind, and a server may refuse or lack what Qt needs; Qt then
    aborts. So Qt first tries in a process that may die. Takes up to a second, once for a display.
    """
    try:
        require_qt()
    except ConfigurationError as error:
        return str(error)
    if os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in _WINDOWLESS:
        return None
    if not has_display():
        named = {name: os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")}
        found = " and ".join(f"{name}={value}" for name, value in named.items() if value)
        what = f"nothing answers at {found}" if found else "neither DISPLAY nor WAYLAND_DISPLAY is set"
        return (
            f"There is no screen to open a window on: {what}. "
            "Log in with a desktop or with ssh -X, or run without a window (--headless)."
        )
    return _qt_trouble(tuple(os.environ.get(name) for name in _NAMES))


def require_screen() -> None:
    """Check that a window can be opened.

    Raises
    ------
    ConfigurationError
        If Qt or the libraries it needs are missing, or no screen answers.
    """
    trouble = screen_trouble()
    if trouble is not None:
        raise ConfigurationError(trouble)


def _x_addresses(display: str) -> list[str | tuple[str, int]]:
    """Return where the server of a DISPLAY listens: `[host]:number[.screen]`, X(7)."""
    host, colon, rest = display.rpartition(":")
    number = rest.split(".")[0]
    if not colon or not number.isdecimal():
        return []
    if host.startswith("/"):
        return [f"{host}:{number}", host]
    host = host.rpartition("/")[2]
    if host in {"", "unix"}:
        # Linux servers may listen under an abstract name only.
        return [f"\0{_X_FOLDER}{number}", f"{_X_FOLDER}{number}"]
    return [(host.strip("[]"), _X_PORT + int(number))]


def _answers(address: str | tuple[str, int]) -> bool:
    try:
        if isinstance(address, tuple):
            socket.create_connection(address, _CONNECT_S).close()
        else:
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(_CONNECT_S)
                one.connect(address)
    except (OSError, OverflowError, UnicodeError):
        return False
    return True


@cache
def _qt_trouble(where: tuple[str | None, ...]) -> str | None:
    """Let Qt open the screen in a process of its own; `where` is what decides which screen."""
    shown = " ".join(f"{name}={value}" for name, value in zip(_NAMES, where, strict=True) if value)
    try:
        attempt = subprocess.run(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-c", _ATTEMPT], capture_output=True, timeout=_ATTEMPT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return (
            f"The screen at {shown} did not answer Qt within {_ATTEMPT_S:.0f} s. "
            "Log in again, or run without a window (--headless)."
        )
    if attempt.returncode == 0:
        return None
    lines = [line for line in attempt.stderr.decode(errors="replace").splitlines() if line.strip()]
    said = next((line for line in lines if "could not" in line), lines[0] if lines else "it gave no reason")
    return (
        f"Qt cannot open a window on {shown}: {said}. Is the connection to it still allowed? "
        f"If a library is missing, on Debian or Ubuntu: apt install {_WINDOW_PACKAGES}; "
        "or run without a window (--headless)."
    )
