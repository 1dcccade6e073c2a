"""Open the dashboard, or only a picture of it; nothing of Qt is imported before that."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from operando.errors import ConfigurationError
from operando.types import Snapshot
from operando.view.qt import application, offscreen
from operando.view.screen import require_screen, screen_trouble
from operando.view.theme import ThemeName

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["run_dashboard", "save_screenshot"]

_PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp"})
_INTERRUPTED = 130


def run_dashboard(
    take: Callable[[], Snapshot | None],
    *,
    title: str = "Operando",
    on_close: Callable[[], None] = lambda: None,
    theme: ThemeName = "dark",
    stale_after_s: float = 60.0,
) -> int:
    """Show the dashboard until its window is closed.

    Parameters
    ----------
    take
        Returns the newest snapshot not yet taken, or None; must not block.
    title
        What the window is called.
    on_close
        Called once when the window closes.
    theme
        "dark" or "light".
    stale_after_s
        Wall time without a new snapshot after which an open run is greyed out.

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
    from operando.view.dashboard import Dashboard, DashboardOptions  # noqa: PLC0415 - only once Qt is known to load

    window = Dashboard(
        take, DashboardOptions(title=title, theme=theme, stale_after_s=stale_after_s, on_close=on_close)
    )

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
    with offscreen() if screen_trouble() else nullcontext():
        running = application()
    from PySide6.QtCore import Qt  # noqa: PLC0415 - only once Qt is known to load

    from operando.view.dashboard import Dashboard, DashboardOptions  # noqa: PLC0415 - only once Qt is known to load

    waiting = [snapshot]
    window = Dashboard(lambda: waiting.pop() if waiting else None, DashboardOptions(theme=theme))
    window.timer.stop()
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    window.resize(*size)
    window.show()
    window.refresh()
    if pixel is not None:
        window.choose_pixel(*pixel)
    # Layouts settle in two rounds: sizes first, then the plots that depend on them.
    for _ in range(3):
        running.processEvents()
    is_written = window.grab().save(str(target))
    window.close()
    window.deleteLater()
    running.processEvents()
    if not is_written:
        message = f"Cannot write a picture to {target}: the folder must exist and be writable."
        raise ConfigurationError(message)
