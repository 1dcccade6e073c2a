"""Axes as this screen has them: thin, muted, and in its size whatever the dots per inch."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QGraphicsItem

from operando.view.theme import Look

__all__ = ["quiet_axes", "quiet_axis", "tick_font", "title"]


def tick_font(pixels: int) -> QFont:
    """Return the font of axis numbers: sized in pixels, so that it does not depend on the screen's dpi."""
    font = QFont()
    font.setPixelSize(pixels)
    return font


def quiet_axis(axis: pg.AxisItem, look: Look, pixels: int = 12) -> None:
    """Give an axis thin lines and muted numbers."""
    axis.setPen(pg.mkPen(look.theme.border))
    axis.setTextPen(pg.mkPen(look.theme.muted))
    axis.setTickFont(tick_font(look.px(pixels)))
    # pyqtgraph would otherwise rename 0.15 to 150 (×0.001).
    axis.enableAutoSIPrefix(False)
    # Numbers are slow to draw, and seldom change: kept as dots between two repaints.
    axis.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)


def title(plot: pg.PlotItem, side: str, words: str, look: Look) -> None:
    """Write beside an axis what it counts."""
    plot.getAxis(side).setLabel(words, **{"color": look.theme.muted, "font-size": f"{look.px(12)}px"})


def quiet_axes(plot: pg.PlotItem, look: Look) -> None:
    """Give a plot such axes, without menu, not moved by the mouse."""
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setMouseEnabled(x=False, y=False)
    plot.showGrid(x=False, y=True, alpha=0.10)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        quiet_axis(axis, look)
        axis.setStyle(tickTextOffset=4)
    plot.getAxis("left").setWidth(look.px(50))
