"""The only Qt and pyqtgraph. Shows snapshots and nothing else.

Importing this package imports neither: they are loaded when a window or a picture is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operando.view.choices import folder_of_choices
from operando.view.history import History, HistoryBook
from operando.view.options import DashboardOptions
from operando.view.qt import require_qt
from operando.view.screen import has_display, screen_trouble
from operando.view.show import run_dashboard, save_screenshot

if TYPE_CHECKING:
    from operando.view.dashboard import Dashboard

__all__ = [
    "Dashboard",
    "DashboardOptions",
    "History",
    "HistoryBook",
    "folder_of_choices",
    "has_display",
    "run_dashboard",
    "save_screenshot",
    "screen_trouble",
]


def __getattr__(name: str) -> object:
    """Load the window's class on first use; a missing Qt is then explained, not raised as an ImportError."""
    if name == "Dashboard":
        require_qt()
        from operando.view import dashboard  # noqa: PLC0415 - this is what makes it lazy

        return dashboard.Dashboard
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
