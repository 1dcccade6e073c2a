"""A dashboard fed by hand, with a clock that is turned by hand."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel

from operando.view import Dashboard, DashboardOptions


class Screen:
    """A dashboard that shows what it is given, when it is given it."""

    def __init__(self, **options):
        self.now_s = 0.0
        self.waiting = []
        self.closed = 0
        self.window = Dashboard(
            lambda: self.waiting.pop() if self.waiting else None,
            DashboardOptions(clock=lambda: self.now_s, on_close=self._close, **options),
        )
        self.window.timer.stop()
        self.window.show()

    def _close(self):
        self.closed += 1

    def show(self, snapshot):
        self.waiting.append(snapshot)
        self.window.refresh()
        return self.window

    def texts(self):
        return [label.text() for label in self.window.findChildren(QLabel)]


def drawn(image_view):
    return image_view.image.image


def large(window):
    """Return the image of the large map."""
    return window.deck.maps.panes[0].image


def show_map(window, choice):
    window.session.show_map(choice)
    window.draw()
