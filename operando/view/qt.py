"""The way into Qt: are its libraries there, is there a font to write with, and the one application."""

from __future__ import annotations

import importlib
import importlib.util
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from operando.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator

    from PySide6.QtWidgets import QApplication

__all__ = ["application", "offscreen", "require_qt"]

_QT_PACKAGES = "libegl1 libgl1 libxkbcommon0 libglib2.0-0 libfontconfig1 libdbus-1-3"


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
def offscreen() -> Generator[None]:
    """Let an application that is made in here draw without a screen."""
    before = os.environ.get("QT_QPA_PLATFORM")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    try:
        yield
    finally:
        if before is None:
            del os.environ["QT_QPA_PLATFORM"]
        else:
            os.environ["QT_QPA_PLATFORM"] = before


_kept: list[QApplication] = []
"""The application, held here: Qt's windows die with the last Python reference to it."""


def application() -> QApplication:
    """Return the one QApplication of this process; on a screen that cannot be opened, Qt ends the process."""
    require_qt()
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415 - only once Qt is known to load

    present = QApplication.instance()
    if isinstance(present, QApplication):
        return present
    made = QApplication(["operando"])
    made.setApplicationName("Operando")
    _secure_font(made)
    _kept.append(made)
    return made
