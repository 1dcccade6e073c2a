"""The list of keys, over the pictures until a key or a click."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from operando.view.keys import Key, groups
from operando.view.label import plain_label
from operando.view.theme import Look

__all__ = ["KeyList"]

_SIGNS = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "Return": "Enter", "Del": "Delete"}


def key_words(key: Key) -> str:
    """Return a key, or the keys that do the same, as they are printed on a keyboard."""
    words = dict.fromkeys(_SIGNS.get(sequence, sequence) for sequence in key.sequences)
    return " or ".join(words)


class KeyList(QFrame):
    """Shows all keys."""

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self.setObjectName("overlay")
        columns = QHBoxLayout(self)
        columns.setContentsMargins(look.px(22), look.px(16), look.px(22), look.px(16))
        columns.setSpacing(look.px(30))
        for pair in (groups()[:2], groups()[2:]):
            column = QVBoxLayout()
            column.setSpacing(look.px(5))
            for title, keys in pair:
                column.addWidget(plain_label("title", title))
                grid = QGridLayout()
                grid.setVerticalSpacing(look.px(2))
                grid.setHorizontalSpacing(look.px(12))
                for row, key in enumerate(keys):
                    grid.addWidget(plain_label("key", key_words(key)), row, 0)
                    grid.addWidget(plain_label("muted", key.words), row, 1)
                grid.setColumnStretch(1, 1)
                column.addLayout(grid)
                column.addSpacing(look.px(10))
            column.addStretch(1)
            columns.addLayout(column)
        self.setVisible(False)

    def toggle(self, room: QRect) -> None:
        """Show the list in the middle of a rectangle of the parent, or hide it."""
        self.setVisible(not self.isVisible())
        self.follow(room)
        self.raise_()

    def follow(self, room: QRect) -> None:
        """Stay in the middle of a rectangle of the parent."""
        size = self.sizeHint()
        self.setGeometry(
            room.center().x() - size.width() // 2,
            max(room.center().y() - size.height() // 2, room.top()),
            min(size.width(), room.width()),
            min(size.height(), room.height()),
        )

    def mousePressEvent(self, _event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go away."""
        self.setVisible(False)
