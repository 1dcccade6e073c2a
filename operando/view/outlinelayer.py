"""Outlines of particles with their numbers, and of places that nothing explains, on a map."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor, QFont

from operando.types import Severity, Snapshot
from operando.view.outlines import Tag, edges_of, tags_of
from operando.view.theme import Look, severity_colour

__all__ = ["OutlineLayer"]

_Z = 10
"""Above the image, below regions and handles."""


class OutlineLayer:
    """Draws what was found in the newest cycle of record into a plot."""

    def __init__(self, plot: pg.PlotItem, look: Look) -> None:
        self._plot = plot
        self._look = look
        self._shown: tuple[object, ...] | None = None
        self.particles = pg.PlotCurveItem(pen=pg.mkPen("#ffffff", width=1), connect="pairs")
        alarm = pg.mkPen(severity_colour(look.theme, Severity.ALARM), width=look.px(2))
        self.unexplained = pg.PlotCurveItem(pen=alarm, connect="pairs")
        self._font = QFont()
        self._font.setPixelSize(look.px(10))
        self.tags: list[pg.TextItem] = []
        for level, item in enumerate((self.particles, self.unexplained)):
            item.setZValue(_Z + level)
            plot.addItem(item, ignoreBounds=True)

    def draw(self, snapshot: Snapshot | None) -> None:
        """Show the outlines of a snapshot, if they are others; None for none."""
        field = None if snapshot is None else snapshot.particles
        places = () if snapshot is None else snapshot.unexplained
        if self._shown is not None and self._shown[0] is field and self._shown[1] is places:
            return
        self._shown = (field, places)
        grid = None if snapshot is None else snapshot.plan.grid
        nothing = np.empty(0)
        x, y = nothing, nothing
        if field is not None and grid is not None and field.labels.shape == grid.shape:
            x, y = edges_of(field.labels, grid)
        self.particles.setData(x, y)
        x, y = nothing, nothing
        if places and grid is not None and places[0].pixels.shape == grid.shape:
            numbers = np.max([number * place.pixels for number, place in enumerate(places, 1)], axis=0)
            x, y = edges_of(numbers.astype(np.int32), grid)
        self.unexplained.setData(x, y)
        self._write(tags_of(field))

    def _write(self, tags: tuple[Tag, ...]) -> None:
        while len(self.tags) < len(tags):
            tag = pg.TextItem(anchor=(0.5, 0.5), color="#ffffff", fill=pg.mkBrush(QColor(0, 0, 0, 110)))
            tag.setFont(self._font)
            tag.setZValue(_Z + 2)
            self._plot.addItem(tag, ignoreBounds=True)
            self.tags.append(tag)
        for item, tag in zip(self.tags, tags, strict=False):
            item.setText(str(tag.number))
            item.setPos(tag.x_um, tag.y_um)
            item.setVisible(True)
        for item in self.tags[len(tags) :]:
            item.setVisible(False)
