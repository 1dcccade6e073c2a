"""The status strip: what is going on, in shape, word and colour, and the numbers beside it."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from operando.view.label import ElidedLabel, emphasise, plain_label
from operando.view.status import Status
from operando.view.theme import Theme, state_colour

__all__ = ["StatusStrip"]


class StatusStrip(QFrame):
    """Shows a `Status`."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self._drawn: Status | None = None
        self.state = plain_label("state")
        self.detail = ElidedLabel("caption")
        self.sample = ElidedLabel("sample")
        self.run = ElidedLabel("caption")
        self.fields: list[tuple[QLabel, QLabel]] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(16, 8, 16, 8)
        self._row.setSpacing(20)
        self._row.addLayout(_stacked(self.state, self.detail))
        self._row.addLayout(_stacked(self.sample, self.run), 1)
        self.detail.setMinimumWidth(150)

    def draw(self, status: Status) -> None:
        """Show a status; only words that changed are written."""
        if status == self._drawn:
            return
        self._drawn = status
        self.state.setText(f"{status.state.shape} {status.state.word}")
        self.state.setStyleSheet(f"color: {state_colour(self._theme, status.state)}")
        self.detail.setText(status.detail)
        self.sample.setText(status.sample)
        self.run.setText(status.run)
        while len(self.fields) < len(status.fields):
            caption, value = plain_label("caption"), plain_label("value")
            self._row.addLayout(_stacked(caption, value))
            self.fields.append((caption, value))
        for (caption, value), field in zip(self.fields, status.fields, strict=False):
            caption.setText(field.caption)
            value.setText(field.value)
            # Grows and never shrinks: a strip whose numbers jump sideways cannot be read.
            value.setMinimumWidth(max(value.minimumWidth(), value.sizeHint().width()))
            value.setToolTip(field.meaning)
            emphasise(value, "alarming", field.is_alarming)


def _stacked(upper: QLabel, lower: QLabel) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(1)
    column.addWidget(upper)
    column.addWidget(lower)
    return column
