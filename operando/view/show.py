"""Open the dashboard, or only a picture of it; nothing of Qt is imported before that."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from operando.errors import ConfigurationError
from operando.types import Snapshot
from operando.view.options import DashboardOptions
from operando.view.qt import application, offscreen
from operando.view.screen import require_screen, screen_trouble
from operando.view.theme import ThemeName

if TYPE_CHECKING:
    from types import FrameType

    from PySide6.QtGui import QPixmap

    from operando.view.dashboard import Dashboard

__all__ = ["Sitting", "picture_of", "run_dashboard", "save_screenshot"]

_PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp"})
_INTERRUPTED = 130


def run_dashboard(take: Callable[[], Snapshot | None], options: DashboardOptions | None = None) -> int:
    """Show the dashboard until its window is closed.

    Parameters
    ----------
    take
        Returns the newest snapshot not yet taken, or None; must not block.
    options
        How to look and keep time, and whom it knows.

    Returns
    -------
    int
        0, or 130 if interrupted: by Ctrl-C, or by SIGTERM in a program that handles it.

    Raises
    ------
    ConfigurationError
        If Qt's libraries are missing or no screen answers; `screen_trouble` says so beforehand.
    """
    require_screen()
    running = application()
    from operando.view.dashboard import Dashboard  # noqa: PLC0415 - only once Qt is known to load

    window = Dashboard(take, DashboardOptions() if options is None else options)

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        window.close()
        running.exit(_INTERRUPTED)

    # What a program has made of being told to end is what closing the window in time serves.
    heard = [signal.SIGINT] + [signal.SIGTERM] * callable(signal.getsignal(signal.SIGTERM))
    # The timer lets Python run ten times a second, so that Ctrl+C is heard.
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        window.show()
        return running.exec()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        window.close()


@dataclass(frozen=True, slots=True)
class Sitting:
    """How a picture of the window is made.

    Attributes
    ----------
    options
        Of the window.
    size
        Width and height in pixels.
    prepare
        What is done to the window before its picture is taken.
    """

    options: DashboardOptions = field(default_factory=DashboardOptions)
    size: tuple[int, int] = (1280, 800)
    prepare: Callable[[Dashboard], None] = lambda _window: None


def picture_of(snapshot: Snapshot | None, sitting: Sitting) -> QPixmap:
    """Return a picture of the dashboard showing one snapshot, or none; needs no screen.

    Raises
    ------
    ConfigurationError
        If Qt's libraries are missing.
    """
    with offscreen() if screen_trouble() else nullcontext():
        running = application()
    from PySide6.QtCore import Qt  # noqa: PLC0415 - only once Qt is known to load

    from operando.view.dashboard import Dashboard  # noqa: PLC0415 - only once Qt is known to load

    waiting = [] if snapshot is None else [snapshot]
    window = Dashboard(lambda: waiting.pop() if waiting else None, sitting.options)
    window.timer.stop()
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    window.resize(*sitting.size)
    window.show()
    window.refresh()
    sitting.prepare(window)
    window.refresh()
    # Layouts settle in two rounds: sizes first, then the plots that depend on them.
    for _ in range(3):
        running.processEvents()
    picture = window.grab()
    window.close()
    window.deleteLater()
    running.processEvents()
    return picture


def save_screenshot(
    snapshot: Snapshot,
    path: Path | str,
    *,
    size: tuple[int, int] = (1280, 800),
    pixel: tuple[int, int] | None = None,
    theme: ThemeName = "dark",
) -> None:
    """Write a picture of the dashboard showing one snapshot; needs no screen.

    Parameters
    ----------
    snapshot
        What to show.
    path
        Where to; the suffix says the format, .png best.
    size
        Width and height in pixels.
    pixel
        (row, column) of the spectrum, or None for the thickest.
    theme
        "dark" or "light".

    Raises
    ------
    ConfigurationError
        If Qt's libraries are missing, or the picture cannot be written there.
    """
    target = Path(path)
    if target.suffix.lower() not in _PICTURE_SUFFIXES:
        message = f"Cannot write a picture to {target}: expected a name ending in .png or .jpg."
        raise ConfigurationError(message)

    def choose(window: Dashboard) -> None:
        if pixel is not None:
            window.choose_pixel(*pixel)

    if not picture_of(snapshot, Sitting(DashboardOptions(theme=theme), size, choose)).save(str(target)):
        message = f"Cannot write a picture to {target}: the folder must exist and be writable."
        raise ConfigurationError(message)
