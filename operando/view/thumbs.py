"""The maps that are not large at the moment: small, all at once, and to be swapped in by a click."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from operando.view.quantities import MapChoice
from operando.view.theme import Look
from operando.view.words import markup

__all__ = ["MOST_PIXELS", "Thumb", "ThumbStrip"]

MOST_PIXELS = 96
"""Sides of a thumbnail's picture at most."""
_HEIGHT = 94


@dataclass(frozen=True, slots=True)
class Thumb:
    """A small map: what it shows, its name, picture and packed colours, and which axes to turn."""

    choice: MapChoice
    name: str
    index: NDArray[np.uint8]
    table: tuple[int, ...]
    flips: tuple[bool, bool]


class _Thumbnail(QWidget):
    """One small map with its name; reused for others."""

    clicked = Signal(object)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._thumb: Thumb | None = None
        self._picture: QImage | None = None
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(look.px(_HEIGHT))

    def show_thumb(self, thumb: Thumb) -> None:
        """Show a map."""
        self._thumb = thumb
        index = np.ascontiguousarray(
            thumb.index[:: -1 if thumb.flips[0] else 1, :: -1 if thumb.flips[1] else 1]
        )
        ny, nx = index.shape
        picture = QImage(index.data, nx, ny, nx, QImage.Format.Format_Indexed8)
        picture.setColorTable(thumb.table)
        # A copy: the array may be gone before the picture is painted.
        self._picture = picture.convertToFormat(QImage.Format.Format_RGB32)
        self.setToolTip(f"{markup(thumb.name)}: click to show it large")
        self.update()

    @property
    def thumb(self) -> Thumb | None:
        """What it shows."""
        return self._thumb

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for the width of the strip."""
        return QSize(self._look.px(86), self._look.px(_HEIGHT))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the map as large as it fits, and its name below."""
        if self._thumb is None or self._picture is None:
            return
        painter = QPainter(self)
        words = self._look.px(15)
        room = QRect(0, 0, self.width(), self.height() - words - 2)
        size = self._picture.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect((room.width() - size.width()) // 2, 0, size.width(), size.height())
        painter.drawImage(place, self._picture)
        font = QFont(self.font())
        font.setPixelSize(self._look.px(11))
        painter.setFont(font)
        painter.setPen(QColor(self._look.theme.muted))
        name = painter.fontMetrics().elidedText(self._thumb.name, Qt.TextElideMode.ElideRight, self.width())
        below = QRect(0, place.bottom() + 1, self.width(), words)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, name)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask to be shown large."""
        if self._thumb is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(self._thumb.choice)


class ThumbStrip(QScrollArea):
    """A column of small maps, of which those in sight are drawn: a stack of 123 energies has 250."""

    clicked = Signal(object)
    """The `MapChoice` of the map that was clicked."""
    moved = Signal()
    """Others have come into sight."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._number = 0
        self.thumbnails: list[_Thumbnail] = []
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 2, 0)
        self._column.setSpacing(look.px(4))
        self._column.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(look.px(98))
        self.verticalScrollBar().valueChanged.connect(self.moved)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Show whole thumbnails only, so far as nobody scrolls."""
        super().resizeEvent(event)
        for thumbnail in self.thumbnails:
            thumbnail.setFixedHeight(self._pitch() - self._column.spacing())
        self.moved.emit()

    def _pitch(self) -> int:
        gap = self._column.spacing()
        room = self.viewport().height() + gap
        number = max(round(room / (self._look.px(_HEIGHT) + gap)), 1)
        return max(room // number, self._look.px(_HEIGHT) // 2)

    def arrange(self, number: int) -> range:
        """Make room for so many maps; return the places of those in sight."""
        while len(self.thumbnails) < number:
            thumbnail = _Thumbnail(self._look)
            thumbnail.setFixedHeight(self._pitch() - self._column.spacing())
            thumbnail.clicked.connect(self.clicked)
            self._column.insertWidget(self._column.count() - 1, thumbnail)
            self.thumbnails.append(thumbnail)
        if number != self._number:
            self._number = number
            for place, thumbnail in enumerate(self.thumbnails):
                thumbnail.setVisible(place < number)
        top = self.verticalScrollBar().value()
        first, last = (y // self._pitch() for y in (top, top + self.viewport().height()))
        return range(min(first, number), min(last + 1, number))

    def show_thumb(self, place: int, thumb: Thumb) -> None:
        """Draw a map into its place."""
        self.thumbnails[place].show_thumb(thumb)
