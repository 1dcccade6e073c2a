"""Outlines of regions and masks on a map, with their names, and the handles of the chosen one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont

from operando.regions import Marks, Region
from operando.view.album import Corners, Layer, Pick
from operando.view.theme import Look
from operando.view.words import plain

__all__ = ["RegionLayer", "region_colour"]

_LETTERS = 16
"""Of a name, on the map; the list has all of it."""


def region_colour(look: Look, number: int) -> str:
    """Return the colour of a region, the same on maps and curves."""
    return look.theme.regions[number % len(look.theme.regions)]


@dataclass(slots=True)
class _Drawn:
    """The items of one outline; reused for others, so that nothing is made while running."""

    edge: pg.PlotCurveItem
    line: pg.PlotCurveItem
    name: pg.TextItem
    left_um: float = 0.0
    top_um: float = 0.0


class RegionLayer:
    """Draws marks into a plot."""

    def __init__(self, plot: pg.PlotItem, look: Look) -> None:
        self._plot = plot
        self._look = look
        self._drawn: list[_Drawn] = []
        self._shown: tuple[Marks, Pick | None] | None = None
        self._font = QFont()
        self._font.setPixelSize(look.px(12))
        self._font.setBold(True)
        self._handles = pg.ScatterPlotItem(
            symbol="s", size=look.px(8), brush="#ffffff", pen=pg.mkPen("#000000", width=1.5)
        )
        self._handles.setZValue(30)
        pen = pg.mkPen("#ffffff", width=look.px(2), style=Qt.PenStyle.DashLine)
        self._sketch = pg.PlotCurveItem(pen=pen)
        self._sketch.setZValue(31)
        for item in (self._handles, self._sketch):
            plot.addItem(item, ignoreBounds=True)
        self._box = plot.getViewBox()
        self._box.sigXRangeChanged.connect(self._place_names)

    def draw(self, marks: Marks, chosen: Pick | None) -> None:
        """Show regions and masks, if they are others; the chosen one has handles unless it is locked."""
        if (marks, chosen) == self._shown:
            return
        self._shown = (marks, chosen)
        entries = [
            (Pick(layer, number), region)
            for layer, regions in ((Layer.REGIONS, marks.regions), (Layer.MASKS, marks.masks))
            for number, region in enumerate(regions)
        ]
        while len(self._drawn) < len(entries):
            self._drawn.append(self._make())
        for drawn, (pick, region) in zip(self._drawn, entries, strict=False):
            self._show(drawn, pick, region, is_chosen=pick == chosen)
        for drawn in self._drawn[len(entries) :]:
            for item in (drawn.edge, drawn.line, drawn.name):
                item.setVisible(False)
        handles = next((region for pick, region in entries if pick == chosen and not region.is_locked), None)
        self._place_names()
        corners = np.array(handles.polygon_um if handles is not None else np.empty((0, 2)))
        self._handles.setData(corners[:, 0], corners[:, 1])

    def sketch(self, corners: Corners) -> None:
        """Show what is being drawn."""
        line = np.array([*corners, *corners[:1]]) if corners else np.empty((0, 2))
        self._sketch.setData(line[:, 0], line[:, 1])

    def _make(self) -> _Drawn:
        drawn = _Drawn(pg.PlotCurveItem(), pg.PlotCurveItem(), pg.TextItem(anchor=(0.0, 1.0)))
        drawn.name.setFont(self._font)
        for level, item in enumerate((drawn.edge, drawn.line, drawn.name)):
            item.setZValue(20 + level)
            self._plot.addItem(item, ignoreBounds=True)
        return drawn

    def _show(self, drawn: _Drawn, pick: Pick, region: Region, *, is_chosen: bool) -> None:
        is_mask = pick.layer is Layer.MASKS
        theme = self._look.theme
        colour = theme.text if is_mask else region_colour(self._look, pick.number)
        width = self._look.px(3.0 if is_chosen else 1.6)
        style = Qt.PenStyle.DotLine if is_mask else Qt.PenStyle.SolidLine
        corners = np.array([*region.polygon_um, region.polygon_um[0]])
        drawn.edge.setPen(pg.mkPen(theme.contrast, width=width + self._look.px(2)))
        drawn.line.setPen(pg.mkPen(colour, width=width, style=style))
        for item in (drawn.edge, drawn.line):
            item.setData(corners[:, 0], corners[:, 1])
            item.setVisible(True)
        drawn.left_um = float(corners[:, 0].min())
        drawn.top_um = float(corners[:, 1].max())
        drawn.name.setText(plain(region.name, _LETTERS))
        drawn.name.setColor(QColor(colour))
        ground = QColor(theme.contrast)
        ground.setAlpha(190)
        drawn.name.fill = pg.mkBrush(ground)
        drawn.name.setVisible(True)

    def _place_names(self) -> None:
        """Put names above their outlines, further to the left where the edge of the view would cut them."""
        pixel_um, end_um = self._box.viewPixelSize()[0], self._box.viewRect().right()
        for drawn in self._drawn:
            last_um = end_um - drawn.name.boundingRect().width() * pixel_um
            drawn.name.setPos(min(drawn.left_um, last_um), drawn.top_um)
