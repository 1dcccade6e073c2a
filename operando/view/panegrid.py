"""One, two or four large maps that show the same part of the field, under one cursor and one tool."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from operando.regions import Outline
from operando.types import ScanGrid
from operando.view.choices import PANES
from operando.view.pane import Pane
from operando.view.theme import Look

__all__ = ["PaneGrid"]


class PaneGrid(QWidget):
    """Holds the panes; those beyond the first are made when they are first shown."""

    clicked = Signal(object, float, float, bool)
    """The pane, x and y in µm, and whether it was a double click."""
    drawn = Signal(object, object)
    """See `FieldBox.drawn`."""
    dragged = Signal(int, object, object, bool)
    """See `FieldBox.dragged`."""
    activated = Signal(int)
    """The place of a pane that somebody did something in."""
    asked = Signal(object)
    """The `MapChoice` that was chosen in the list of a pane."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._made: list[Pane] = []
        self._number = 0
        self._field: ScanGrid | None = None
        self._tool: Outline | None = None
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(look.px(6))

    @property
    def panes(self) -> list[Pane]:
        """Those that are shown."""
        return self._made[: self._number]

    def lay(self, number: int) -> None:
        """Show so many panes."""
        if number == self._number:
            return
        self._number = number
        while len(self._made) < number:
            self._made.append(self._make(len(self._made)))
        for place, pane in enumerate(self._made):
            pane.setVisible(place < number)
            pane.be_compact(number == max(PANES))
        self.reset_zoom()

    def _make(self, place: int) -> Pane:
        pane = Pane(self._look)
        pane.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self._layout.addWidget(pane, place // 2, place % 2)
        box = pane.image.box
        pane.touched.connect(lambda: self.activated.emit(place))
        pane.asked.connect(self.asked)
        box.clicked.connect(lambda x, y, is_double: self.clicked.emit(pane, x, y, is_double))
        box.drawn.connect(self.drawn)
        box.dragged.connect(self.dragged)
        box.sigRangeChangedManually.connect(lambda _mouse: self._follow(pane))
        pane.image.hovered.connect(lambda x, y: self._hover(pane, x, y))
        if self._field is not None:
            pane.image.set_grid(self._field)
        _give_tool(pane, self._tool)
        return pane

    def set_grid(self, field: ScanGrid) -> None:
        """Take the axes of a run."""
        self._field = field
        for pane in self._made:
            pane.image.set_grid(field)

    def choose_tool(self, tool: Outline | None) -> None:
        """Draw with a tool from now on, or with none."""
        self._tool = tool
        for pane in self._made:
            _give_tool(pane, tool)

    def close_outline(self) -> None:
        """End the polygon that is being drawn."""
        for pane in self._made:
            pane.image.box.close_outline()

    def reset_zoom(self) -> None:
        """Show the whole field."""
        for pane in self._made:
            pane.image.reset_zoom()

    def _follow(self, moved: Pane) -> None:
        for pane in self._made:
            if pane is not moved:
                pane.image.box.setRange(moved.image.box.viewRect(), padding=0)

    def _hover(self, pane: Pane, x_um: float, y_um: float) -> None:
        for other in self.panes:
            is_linked = math.isfinite(x_um) and other is not pane
            other.image.mark_cursor((x_um, y_um) if is_linked else None)
            other.read(x_um, y_um)


def _give_tool(pane: Pane, tool: Outline | None) -> None:
    pane.image.box.choose_tool(tool)
    pane.image.setCursor(Qt.CursorShape.ArrowCursor if tool is None else Qt.CursorShape.CrossCursor)
