"""The grey veil over pictures that are no longer true, with the time since they were."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from operando.view.theme import Look

__all__ = ["Veil"]


class Veil(QWidget):
    """Greys its parent and says why; the mouse goes through it."""

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self._covered = parent
        self._look = look
        self._theme = look.theme
        self._headline = ""
        self._detail = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setVisible(False)

    @property
    def words(self) -> str:
        """What it says now; empty while it is lifted."""
        return self._headline

    def lower_with(self, headline: str, detail: str) -> None:
        """Cover the parent."""
        self.setGeometry(self._covered.rect())
        if (headline, detail) != (self._headline, self._detail):
            self._headline, self._detail = headline, detail
            self.update()
        if not self.isVisible():
            self.setVisible(True)
            self.raise_()

    def lift(self) -> None:
        """Uncover the parent."""
        self._headline = self._detail = ""
        self.setVisible(False)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the veil and a band with the words across it."""
        painter = QPainter(self)
        grey = QColor(self._theme.window)
        grey.setAlpha(175)
        painter.fillRect(self.rect(), grey)
        px = self._look.px
        band = QRect(0, self.height() // 2 - px(60), self.width(), px(120))
        painter.fillRect(band, QColor(self._theme.panel))
        painter.fillRect(QRect(band.left(), band.top(), band.width(), 2), QColor(self._theme.alarm))
        painter.fillRect(QRect(band.left(), band.bottom() - 1, band.width(), 2), QColor(self._theme.alarm))
        font = QFont(self.font())
        font.setPixelSize(px(34))
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(self._theme.text))
        centre = Qt.AlignmentFlag.AlignHCenter
        painter.drawText(
            band.adjusted(0, px(20), 0, -px(50)), centre | Qt.AlignmentFlag.AlignVCenter, self._headline
        )
        font.setPixelSize(px(15))
        font.setBold(False)
        painter.setFont(font)
        painter.setPen(QColor(self._theme.muted))
        painter.drawText(
            band.adjusted(0, px(74), 0, -px(12)), centre | Qt.AlignmentFlag.AlignVCenter, self._detail
        )
        painter.end()
