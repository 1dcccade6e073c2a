"""The way into Qt: is there a screen, are its libraries there, is there a font to write with."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from operando.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator

    from PySide6.QtWidgets import QApplication

__all__ = ["application", "has_display", "require_qt", "require_screen"]

_QT_PACKAGES = "libegl1 libgl1 libxkbcommon0 libglib2.0-0 libfontconfig1 libdbus-1-3"
_WINDOW_PACKAGES = "libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
_WINDOWLESS = frozenset({"offscreen", "minimal", "vnc"})


def has_display() -> bool:
    """Tell whether a window could be shown: on Linux an X or Wayland display must be named."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def require_qt() -> None:
    """Import Qt and pyqtgraph.

    Raises
    ------
    ConfigurationError
        If a shared library or a package is missing; says which to install.
    """
    try:
        # PySide6 before pyqtgraph: that takes the binding it finds loaded.
        for name in ("PySide6.QtGui", "PySide6.QtWidgets", "pyqtgraph"):
            importlib.import_module(name)
    except ImportError as error:
        message = (
            f"The dashboard needs Qt, and it cannot be loaded: {error}. "
            f"On Debian or Ubuntu install the packages: apt install {_QT_PACKAGES}; "
            "or run without a window (--headless)."
        )
        raise ConfigurationError(message) from error


def require_screen() -> None:
    """Check that a window can be opened, because Qt ends the whole process where it cannot.

    Raises
    ------
    ConfigurationError
        If there is no display, or the libraries Qt needs to talk to it are missing.
    """
    if os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in _WINDOWLESS:
        return
    if not has_display():
        message = (
            "There is no screen to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set. "
            "Log in with a desktop or with ssh -X, or run without a window (--headless)."
        )
        raise ConfigurationError(message)
    if sys.platform.startswith("linux") and not os.environ.get("WAYLAND_DISPLAY"):
        try:
            ctypes.CDLL("libxcb-cursor.so.0")
        except OSError as error:
            message = (
                f"Qt cannot open a window on DISPLAY={os.environ.get('DISPLAY')}: {error}. "
                f"On Debian or Ubuntu install the packages: apt install {_WINDOW_PACKAGES}; "
                "or run without a window (--headless)."
            )
            raise ConfigurationError(message) from error


def _secure_font(made: QApplication) -> None:
    """Write with the font that comes with matplotlib where the system has none.

    The list of families does not tell, because fontconfig names "Sans Serif" with no font
    behind it; and the boxes drawn instead claim to support every character.
    """
    from PySide6.QtGui import QFont, QFontDatabase, QFontInfo  # noqa: PLC0415 - only once Qt is known to load

    if QFontInfo(made.font()).family():
        return
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        return
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    for name in ("DejaVuSans-Bold.ttf", "DejaVuSans.ttf"):
        number = QFontDatabase.addApplicationFont(str(folder / name))
        for family in QFontDatabase.applicationFontFamilies(number):
            made.setFont(QFont(family, max(made.font().pointSize(), 9)))


@contextmanager
def _offscreen_unless(is_possible: bool) -> Generator[None]:
    before = os.environ.get("QT_QPA_PLATFORM")
    if not is_possible and before is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("QT_QPA_PLATFORM", None)


_kept: list[QApplication] = []
"""The application, held here: Qt's windows die with the last Python reference to it."""


def application() -> QApplication:
    """Return the one QApplication of this process, made without a screen where there is none."""
    require_qt()
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415 - only once Qt is known to load

    present = QApplication.instance()
    if isinstance(present, QApplication):
        return present
    with _offscreen_unless(has_display()):
        made = QApplication(["operando"])
    made.setApplicationName("Operando")
    _secure_font(made)
    _kept.append(made)
    return made
