"""The status strip: what is going on, in shape, word and colour, and the numbers beside it."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout

from operando.view.label import ElidedLabel, emphasise, plain_label
from operando.view.status import Status
from operando.view.theme import Look, state_colour
from operando.view.words import markup

__all__ = ["StatusStrip"]

_ROWS = 2


class StatusStrip(QFrame):
    """Shows a `Status`."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("card")
        self._look = look
        self._drawn: Status | None = None
        self.state = plain_label("state")
        self.detail = ElidedLabel("caption")
        self.sample = ElidedLabel("sample")
        self.run = ElidedLabel("caption")
        self.fields: list[tuple[QLabel, QLabel]] = []
        px = look.px
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(px(14), px(5), px(14), px(5))
        self._row.setSpacing(px(18))
        self._row.addLayout(_stacked(self.state, self.detail))
        self._row.addLayout(_stacked(self.sample, self.run), 1)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(px(14))
        self._grid.setVerticalSpacing(px(2))
        self._row.addLayout(self._grid)
        self.detail.setMinimumWidth(px(140))

    def draw(self, status: Status) -> None:
        """Show a status; only words that changed are written."""
        if status == self._drawn:
            return
        self._drawn = status
        self.state.setText(f"{status.state.shape} {status.state.word}")
        self.state.setStyleSheet(f"color: {state_colour(self._look.theme, status.state)}")
        self.detail.setText(status.detail)
        self.detail.setToolTip(markup(status.detail))
        self.sample.setText(status.sample)
        self.run.setText(status.run)
        columns = -(-len(status.fields) // _ROWS)
        while len(self.fields) < len(status.fields):
            caption, value = plain_label("caption"), plain_label("value")
            place = len(self.fields)
            self._grid.addLayout(_stacked(caption, value), place // columns, place % columns)
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
    column.setSpacing(0)
    column.addWidget(upper)
    column.addWidget(lower)
    return column
