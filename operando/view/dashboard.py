"""The window: takes the newest snapshot ten times a second at most, and draws what changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMainWindow, QSizePolicy, QVBoxLayout, QWidget

from operando.types import Snapshot
from operando.view.curvepanel import CurvePanel
from operando.view.findingslist import FindingsList
from operando.view.framepanel import FramePanel
from operando.view.mappanel import MapPanel
from operando.view.pixel import default_pixel
from operando.view.spectrumpanel import SpectrumPanel
from operando.view.status import State, present_status
from operando.view.strip import StatusStrip
from operando.view.theme import ThemeName, style_sheet, theme_named
from operando.view.veil import Veil
from operando.view.words import duration, plain

__all__ = ["Dashboard", "DashboardOptions"]


def _nothing() -> None:
    """Do nothing when the window closes."""


def _is_same_run(one: Snapshot, other: Snapshot) -> bool:
    # By name and shape, not identity: a snapshot that came over a wire is another object every time.
    return one.plan.run == other.plan.run and one.plan.grid.shape == other.plan.grid.shape


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """How a dashboard looks and keeps time.

    Attributes
    ----------
    title
        What the window is called.
    theme
        "dark" or "light".
    stale_after_s
        Wall time without a new snapshot after which an open run is greyed out.
    interval_ms
        Time between two looks for a new snapshot.
    clock
        Wall time in seconds, from any origin; must not jump.
    on_close
        Called once when the window closes.
    """

    title: str = "Operando"
    theme: ThemeName = "dark"
    stale_after_s: float = 60.0
    interval_ms: int = 100
    clock: Callable[[], float] = time.monotonic
    on_close: Callable[[], None] = _nothing


class Dashboard(QMainWindow):
    """Shows the newest snapshot.

    Parameters
    ----------
    take
        Returns the newest snapshot not yet taken, or None; must not block.
    options
        How to look and keep time.
    """

    def __init__(
        self, take: Callable[[], Snapshot | None], options: DashboardOptions = DashboardOptions()
    ) -> None:  # fmt: skip
        super().__init__()
        self._take = take
        self._options = options
        self._snapshot: Snapshot | None = None
        self._taken_s = options.clock()
        self._pixel: tuple[int, int] | None = None
        self._is_pixel_chosen = False
        theme = theme_named(options.theme)
        pg.setConfigOptions(antialias=True)
        self.setWindowTitle(plain(options.title, 80))
        self.setStyleSheet(style_sheet(theme))
        self.strip = StatusStrip(theme)
        self.map_panel = MapPanel(theme)
        self.frame_panel = FramePanel(theme)
        self.findings = FindingsList(theme)
        self.curve_panel = CurvePanel(theme)
        self.spectrum_panel = SpectrumPanel(theme)
        self.map_panel.picked.connect(self.choose_pixel)
        self._pictures = self._lay_out()
        self.veil = Veil(self._pictures, theme)
        self.spectrum_panel.clear()
        self.setMinimumSize(1040, 680)
        self.resize(1280, 800)
        self.timer = QTimer(self)
        self.timer.setInterval(max(options.interval_ms, 100))
        self.timer.timeout.connect(self.refresh)
        self.timer.start()
        self._say_how_it_stands()

    def _lay_out(self) -> QWidget:
        below = QHBoxLayout()
        below.setSpacing(8)
        below.addWidget(self.frame_panel, 5)
        below.addWidget(self.findings, 6)
        pictures = QWidget()
        grid = QGridLayout(pictures)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        left, right = QVBoxLayout(), QVBoxLayout()
        for column, upper, lower, parts in (
            (left, self.map_panel, below, (72, 28)),
            (right, self.curve_panel, self.spectrum_panel, (40, 60)),
        ):
            column.setSpacing(8)
            column.addWidget(upper, parts[0])
            if isinstance(lower, QWidget):
                column.addWidget(lower, parts[1])
            else:
                column.addLayout(lower, parts[1])
        grid.addLayout(left, 0, 0)
        grid.addLayout(right, 0, 1)
        # Shares of the width, whatever the words in the panels would like.
        for panel in (self.map_panel, self.curve_panel, self.spectrum_panel, self.frame_panel, self.findings):
            panel.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        ground = QWidget()
        ground.setObjectName("ground")
        column = QVBoxLayout(ground)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        column.addWidget(self.strip)
        column.addWidget(pictures, 1)
        self.setCentralWidget(ground)
        # Without this the first button would have the focus, and look chosen beside the chosen one.
        ground.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        ground.setFocus()
        return pictures

    def refresh(self) -> None:
        """Take the newest snapshot if there is one, and say how old what is shown is."""
        snapshot = self._take()
        if snapshot is not None:
            self._taken_s = self._options.clock()
            self._show(snapshot)
        self._say_how_it_stands()

    def _show(self, snapshot: Snapshot) -> None:
        before, self._snapshot = self._snapshot, snapshot
        if before is None or not _is_same_run(before, snapshot):
            if before is not None and before.plan.grid.shape != snapshot.plan.grid.shape:
                self._pixel, self._is_pixel_chosen = None, False
            self.map_panel.begin_run(snapshot)
            self.frame_panel.begin_run(snapshot)
        if before is None or not np.array_equal(before.plan.energies_ev, snapshot.plan.energies_ev):
            # A run that does not say its energies beforehand grows them.
            self.spectrum_panel.take_energies(snapshot)
        self.map_panel.draw(snapshot)
        self.frame_panel.draw(snapshot)
        self.curve_panel.draw(snapshot)
        self.findings.draw(snapshot)
        if not self._is_pixel_chosen:
            self._pixel = self._still_good(snapshot) or default_pixel(snapshot)
        self._draw_pixel()

    def _still_good(self, snapshot: Snapshot) -> tuple[int, int] | None:
        """Return the pixel shown by default while it is valid: it should not wander."""
        if self._pixel is None or snapshot.map is None or not snapshot.map.valid[self._pixel]:
            return None
        return self._pixel

    def choose_pixel(self, row: int, column: int) -> None:
        """Show the spectrum of one pixel from now on."""
        self._pixel, self._is_pixel_chosen = (row, column), True
        self._draw_pixel()

    def _draw_pixel(self) -> None:
        self.map_panel.mark_pixel(self._pixel)
        if self._snapshot is None or self._pixel is None:
            self.spectrum_panel.clear()
        else:
            self.spectrum_panel.draw(self._snapshot, self._pixel)

    def _say_how_it_stands(self) -> None:
        age_s = self._options.clock() - self._taken_s
        status = present_status(self._snapshot, age_s, self._options.stale_after_s)
        self.strip.draw(status)
        if self._snapshot is None:
            self.veil.lower_with("WAITING FOR A RUN", f"for {duration(age_s)}; nothing has come yet.")
        elif status.state is State.STALE:
            self.veil.lower_with(
                f"NO NEW DATA FOR {duration(age_s)}",
                f"The run is not closed. What is shown is that old.  "
                f"(Shown after {self._options.stale_after_s:.0f} s without a new line.)",
            )
        else:
            self.veil.lift()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the veil over the pictures."""
        super().resizeEvent(event)
        self.veil.setGeometry(self._pictures.rect())

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Stop taking; whoever fits goes on."""
        if self.timer.isActive():
            self.timer.stop()
            self._options.on_close()
        super().closeEvent(event)
