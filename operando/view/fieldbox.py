"""The mouse on a map: clicks, outlines that are drawn, corners and regions that are dragged, all in µm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal

from operando.regions import MAX_CORNERS, Outline, Region, covered
from operando.view.album import Corners, simplified

__all__ = ["BODY", "FieldBox"]

BODY = -1
"""Instead of the number of a corner: the region as a whole."""
_NEAR_PX = 9.0


class FieldBox(pg.ViewBox):
    """A view box that draws and edits outlines, and otherwise pans and zooms."""

    clicked = Signal(float, float, bool)
    """x and y in µm, and whether it was a double click."""
    drawn = Signal(object, object)
    """Outline and corners of what was drawn."""
    sketched = Signal(object)
    """Corners of what is being drawn; empty when that ended."""
    dragged = Signal(int, object, object, bool)
    """Corner or `BODY`, the position in µm where the drag began, where it is, and whether it ended there."""

    def __init__(self) -> None:
        super().__init__(lockAspect=True, enableMenu=False)
        self.tool: Outline | None = None
        self.movable: Region | None = None
        """The region that answers to the mouse: the one chosen, unless it is locked."""
        self._line: list[tuple[float, float]] = []
        self._held: int | None = None

    def choose_tool(self, tool: Outline | None) -> None:
        """Begin to draw with a tool, or none; what was half drawn is gone."""
        self.tool = tool
        self._sketch([])

    def close_outline(self) -> None:
        """End the polygon at its last corner."""
        if self.tool is Outline.POLYGON and len(self._line) >= 3:
            self.drawn.emit(Outline.POLYGON, tuple(self._line[:MAX_CORNERS]))
            self._sketch([])

    def hover(self, x_um: float, y_um: float) -> None:
        """Draw the polygon on to where the mouse is."""
        if self.tool is Outline.POLYGON and self._line:
            self.sketched.emit((*self._line, (x_um, y_um)))

    def mouseClickEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - pyqtgraph's
        """Set a corner, or tell who listens."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        event.accept()
        x_um, y_um = self._um(event.pos())
        if self.tool is not Outline.POLYGON:
            self.clicked.emit(x_um, y_um, bool(event.double()))
        elif event.double():
            self.close_outline()
        else:
            self._sketch([*self._line, (x_um, y_um)])

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:  # noqa: ANN401, N802 - pyqtgraph's
        """Draw with the tool, drag what is under the mouse, or pan."""
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        start, now = self._um(event.buttonDownPos()), self._um(event.pos())
        if self.tool is not None:
            event.accept()
            self._draw_on(start, now, is_end=event.isFinish())
            return
        if event.isStart():
            self._held = self.grip(*start)
        if self._held is None:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        self.dragged.emit(self._held, start, now, event.isFinish())
        if event.isFinish():
            self._held = None

    def grip(self, x_um: float, y_um: float) -> int | None:
        """Return what of the chosen region is at a position: a corner, `BODY`, or None."""
        if self.movable is None:
            return None
        corners = np.array(self.movable.polygon_um)
        distance = np.hypot(*((corners - (x_um, y_um)) / np.array(self.viewPixelSize())).T)
        if distance.min() <= _NEAR_PX:
            return int(distance.argmin())
        return BODY if covered(self.movable, np.array([x_um]), np.array([y_um]))[0, 0] else None

    def _draw_on(self, start: tuple[float, float], now: tuple[float, float], *, is_end: bool) -> None:
        if self.tool is Outline.RECTANGLE:
            self._line = [start, (now[0], start[1]), now, (start[0], now[1])]
        elif self.tool is Outline.LASSO:
            self._line = [*self._line, now] if self._line else [start, now]
        else:
            return
        if not is_end:
            self.sketched.emit(tuple(self._line))
            return
        corners: Corners = (start, now) if self.tool is Outline.RECTANGLE else simplified(self._line)
        tool = self.tool
        self._sketch([])
        is_something = (
            start[0] != now[0] and start[1] != now[1] if tool is Outline.RECTANGLE else len(corners) >= 3
        )
        if is_something:
            self.drawn.emit(tool, corners)

    def _sketch(self, line: list[tuple[float, float]]) -> None:
        self._line = line
        self.sketched.emit(tuple(line))

    def _um(self, position: QPointF) -> tuple[float, float]:
        point = self.mapToView(position)
        return float(point.x()), float(point.y())
