"""The regions and masks by name, with what each says now, and what can be done to the chosen one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from operando.types import RegionResult
from operando.view.album import Layer, Pick
from operando.view.keys import Action
from operando.view.label import ElidedLabel, emphasise, plain_label
from operando.view.regionlayer import region_colour
from operando.view.session import Session
from operando.view.theme import Look
from operando.view.words import count, measurement, plain

__all__ = ["RegionList"]

_ACTIONS = (
    (Action.EDIT, "Edit", "Edit name and corners in µm (E)"),
    (Action.LOCK, "Lock", "Lock against changes, or unlock (L)"),
    (Action.DELETE, "Delete", "Delete, unless locked (Del)"),
    (Action.UNDO, "Undo", "Undo the last edit (Ctrl+Z)"),
    (Action.REDO, "Redo", "Redo what was undone (Ctrl+Shift+Z)"),
)


def _result_words(pick: Pick, result: RegionResult | None) -> str:
    """Return what a region says, in a few words."""
    if pick.layer is Layer.MASKS:
        return "left out of every mean"
    if result is None:
        return "not fitted yet"
    if result.pixels == 0:
        return "no pixel with an x"
    return f"x = {measurement(result.lithium, result.lithium_error)}   {count(result.pixels)} px"


class _Row(QFrame):
    """One region; reused for others."""

    clicked = Signal(object)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("entry")
        self._look = look
        self._pick: Pick | None = None
        self.sign = plain_label("sign")
        self.name = ElidedLabel("message")
        self.words = ElidedLabel("muted")
        self.words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(look.px(4), 1, look.px(4), 1)
        layout.setSpacing(look.px(6))
        layout.addWidget(self.sign)
        layout.addWidget(self.name, 2)
        layout.addWidget(self.words, 3)

    def show_region(self, session: Session, pick: Pick) -> None:
        """Write a region into this row."""
        region = session.album.at(pick)
        if region is None:
            return
        self._pick = pick
        is_mask = pick.layer is Layer.MASKS
        tone = self._look.theme.muted if is_mask else region_colour(self._look, pick.number)
        self.sign.setText("▨" if is_mask else "■")
        self.sign.setStyleSheet(f"color: {tone}")
        self.name.setText(plain(region.name, 40) + ("  (locked)" if region.is_locked else ""))
        self.words.setText(_result_words(pick, session.result_of(pick)))
        emphasise(self, "chosen", pick == session.pick)
        self.setVisible(True)

    def mousePressEvent(self, _event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Choose this region."""
        self.clicked.emit(self._pick)


class RegionList(QWidget):
    """Lists the regions and masks of a session."""

    chosen = Signal(object)
    """The `Pick` that was clicked."""
    asked = Signal(object)
    """The `Action` of the button that was clicked."""

    def __init__(self, look: Look, session: Session) -> None:
        super().__init__()
        self._look = look
        self._session = session
        self.rows: list[_Row] = []
        self.buttons: dict[Action, QPushButton] = {}
        bar = QHBoxLayout()
        bar.setSpacing(look.px(4))
        for action, text, meaning in _ACTIONS:
            button = QPushButton(text)
            button.setToolTip(meaning)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _checked=False, action=action: self.asked.emit(action))
            self.buttons[action] = button
            bar.addWidget(button)
        bar.addStretch(1)
        self._nothing = plain_label(
            "muted", "Nothing is marked. R, G or W draws a region; K makes it a mask."
        )
        self._nothing.setWordWrap(True)
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 6, 0)
        self._column.setSpacing(1)
        self._column.addWidget(self._nothing)
        self._column.addStretch(1)
        area = QScrollArea()
        area.setWidget(content)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(look.px(4))
        layout.addWidget(area, 1)
        layout.addLayout(bar)

    def draw(self) -> None:
        """Show what is marked."""
        session = self._session
        picks = session.album.picks()
        self._nothing.setVisible(not picks)
        while len(self.rows) < len(picks):
            row = _Row(self._look)
            row.clicked.connect(self.chosen)
            self._column.insertWidget(self._column.count() - 1, row)
            self.rows.append(row)
        for row, pick in zip(self.rows, picks, strict=False):
            row.show_region(session, pick)
        for row in self.rows[len(picks) :]:
            row.setVisible(False)
        region = session.album.at(session.pick)
        for action in (Action.EDIT, Action.LOCK):
            self.buttons[action].setEnabled(region is not None)
        self.buttons[Action.LOCK].setText("Unlock" if region is not None and region.is_locked else "Lock")
        self.buttons[Action.DELETE].setEnabled(region is not None and not region.is_locked)
        self.buttons[Action.UNDO].setEnabled(bool(session.album.past))
        self.buttons[Action.REDO].setEnabled(bool(session.album.future))
