"""Mean lithium content against time, with the newest value large enough to read from the door."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from operando.types import Curve, Snapshot
from operando.view.image import tick_font
from operando.view.label import plain_label
from operando.view.present import MapKind, colour_levels, present_curve
from operando.view.theme import Theme

__all__ = ["CurvePanel", "quiet_axes"]


def quiet_axes(plot: pg.PlotItem, theme: Theme) -> None:
    """Give a plot the axes of this screen: thin, without menu, not moved by the mouse."""
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setMouseEnabled(x=False, y=False)
    plot.showGrid(x=False, y=True, alpha=0.10)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(pg.mkPen(theme.border))
        axis.setTextPen(pg.mkPen(theme.muted))
        axis.setTickFont(tick_font(12))
        axis.setStyle(tickTextOffset=4)
        axis.enableAutoSIPrefix(False)
    plot.getAxis("left").setWidth(52)


class CurvePanel(QFrame):
    """Shows the field's mean x ± σ, one point a completed cycle."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self._drawn: Curve | None = None
        self._unit = ""
        self.headline = plain_label("headline", "–")
        self._caption = plain_label("muted")
        self._caption.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        symbol = plain_label("headline", "x̄ =")
        self.canvas = pg.PlotWidget(background=theme.panel)
        self._plot: pg.PlotItem = self.canvas.plotItem
        quiet_axes(self._plot, theme)
        self._plot.setLabel("left", "mean x", color=theme.muted)
        self._plot.setLabel("bottom", "time since start (min)", color=theme.muted)
        self._upper = pg.PlotCurveItem()
        self._lower = pg.PlotCurveItem()
        shade = QColor(theme.accent)
        shade.setAlpha(60)
        self._band = pg.FillBetweenItem(self._upper, self._lower, brush=shade)
        self._bars = pg.ErrorBarItem(pen=pg.mkPen(theme.accent, width=1.5))
        self._line = pg.PlotDataItem(
            pen=pg.mkPen(theme.accent, width=2.5),
            symbol="o",
            symbolSize=7,
            symbolBrush=theme.accent,
            symbolPen=None,
        )
        for item in (self._band, self._bars, self._line):
            self._plot.addItem(item, ignoreBounds=True)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(symbol)
        head.addWidget(self.headline)
        head.addWidget(self._caption, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 4, 10, 4)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.canvas, 1)

    def draw(self, snapshot: Snapshot) -> None:
        """Show the curve of a snapshot, if it is another one, and how far time has gone on since."""
        curve = present_curve(snapshot)
        self._plot.setXRange(0.0, curve.now, padding=0.03)
        if snapshot.curve is self._drawn and curve.unit == self._unit:
            return
        self._drawn, self._unit = snapshot.curve, curve.unit
        self.headline.setText(curve.headline)
        self._caption.setText(curve.caption)
        self._plot.setLabel("bottom", f"time since start ({curve.unit})", color=self._theme.muted)
        error = np.nan_to_num(curve.lithium_error)
        self._upper.setData(curve.time, curve.lithium + error)
        self._lower.setData(curve.time, curve.lithium - error)
        self._bars.setData(x=curve.time, y=curve.lithium, height=2 * error)
        self._line.setData(curve.time, curve.lithium)
        # The scale of the map: a point at half height has the colour at half the bar.
        levels = colour_levels(snapshot, MapKind.LITHIUM, None)
        self._plot.setYRange(levels.low, levels.high, padding=0.07)
