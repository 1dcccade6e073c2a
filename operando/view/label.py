"""Labels with a role in the typography; plain text unless made for markup."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

__all__ = ["ElidedLabel", "emphasise", "plain_label", "rich_label"]


class ElidedLabel(QLabel):
    """A plain label that ends in … where it does not fit, and never asks for width."""

    def __init__(self, role: str, text: str = "") -> None:
        super().__init__()
        self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw as much of the text as fits."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), self.alignment() | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


def plain_label(role: str, text: str = "") -> QLabel:
    """Return a label that shows its text as it is, markup included."""
    label = QLabel()
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    return label


def rich_label(role: str, text: str = "") -> QLabel:
    """Return a label for markup of our own; names in it must have been escaped."""
    label = QLabel()
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setText(text)
    # A long name must not push the window wider.
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def emphasise(widget: QWidget, name: str, is_on: bool) -> None:
    """Set a property that the style sheet looks at, and restyle only on a change."""
    if widget.property(name) == is_on:
        return
    widget.setProperty(name, is_on)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
