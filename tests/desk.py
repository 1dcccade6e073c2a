"""A window under real events before a run of five cycles: keys are pressed, the mouse is moved."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QKeySequence, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from operando.regions import Marks, Outline, Region
from operando.view import Dashboard, DashboardOptions
from operando.view.example import Stage, Story, records_until, snapshot_at, with_marks
from operando.view.history import HistoryBook

STORY = Story(shape=(48, 48), findings=())
LIVE = snapshot_at(Stage(cycles=5, frames=2, rows=20), STORY)
SQUARE = Region("region 1", Outline.RECTANGLE, ((1.2, -1.8), (2.2, -0.8)))


class Desk:
    """A window before a run of five cycles, whose fit answers when told to."""

    def __init__(self, **options):
        self.book = HistoryBook()
        for record in records_until(5, STORY):
            self.book.note(record)
        self.sent = []
        self.now_s = 0.0
        self.waiting = [LIVE]
        self.window = Dashboard(
            lambda: self.waiting.pop() if self.waiting else None,
            DashboardOptions(
                history=self.book.read, send=self.sent.append, clock=lambda: self.now_s, **options
            ),
        )
        self.window.timer.stop()
        self.window.show()
        self.window.activateWindow()
        QApplication.processEvents()
        self.window.refresh()
        QApplication.processEvents()

    @property
    def session(self):
        return self.window.session

    @property
    def image(self):
        return self.window.deck.maps.panes[0].image

    def answer(self):
        """Let the fit have what was sent last."""
        self.waiting.append(with_marks(LIVE, self.sent[-1], STORY))
        self.window.refresh()

    def press(self, sequence):
        key = QKeySequence(sequence)[0]
        QTest.keyClick(self.window, key.key(), key.keyboardModifiers())

    def mouse(self, kind, x_um, y_um):
        viewport = self.image.canvas.viewport()
        here = QPointF(viewport.mapFrom(self.image, self.image.position_of(x_um, y_um).toPoint()))
        is_move, is_release = kind is QEvent.Type.MouseMove, kind is QEvent.Type.MouseButtonRelease
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        event = QMouseEvent(
            kind,
            here,
            QPointF(viewport.mapToGlobal(here)),
            none if is_move else left,
            none if is_release else left,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(viewport, event)

    def drag(self, *places):
        self.mouse(QEvent.Type.MouseButtonPress, *places[0])
        for start, end in pairwise(places):
            for share in (0.3, 0.6, 1.0):
                self.mouse(
                    QEvent.Type.MouseMove,
                    start[0] + share * (end[0] - start[0]),
                    start[1] + share * (end[1] - start[1]),
                )
        self.mouse(QEvent.Type.MouseButtonRelease, *places[-1])

    def click(self, x_um, y_um):
        self.mouse(QEvent.Type.MouseButtonPress, x_um, y_um)
        self.mouse(QEvent.Type.MouseButtonRelease, x_um, y_um)

    def mark(self, *regions, masks=()):
        self.session.edit(replace(self.session.album, marks=Marks(regions, masks)))
        self.window.draw()
