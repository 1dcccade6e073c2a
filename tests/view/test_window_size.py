"""Everything in the window grows with it, and nothing sticks out."""

from __future__ import annotations

import pytest

from operando.errors import ConfigurationError
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from PySide6.QtWidgets import QApplication, QPushButton


def test_everything_grows_with_the_window_and_comes_back(desk):
    small = desk.window.deck
    desk.window.resize(3840, 2160)
    QApplication.processEvents()
    desk.window.refresh()
    QApplication.processEvents()
    large = desk.window.deck
    assert large is not small
    assert large.look.scale == 2.5
    assert large.strip.state.height() > 2 * small.look.px(20)
    box = large.maps.panes[0].image.box
    assert box.viewRect().height() < 3 * 48 * 0.04


@pytest.mark.parametrize("size", [(1040, 680), (1280, 800), (1920, 1080)])
def test_nothing_sticks_out_of_the_window(desk, size):
    window = desk.window
    window.resize(*size)
    QApplication.processEvents()
    window.refresh()
    QApplication.processEvents()
    assert (window.width(), window.height()) == size
    deck = window.deck
    panels = (deck.strip, deck.maps, deck.frame_panel, deck.notes, deck.time, deck.spectrum)
    places = [panel.rect().translated(panel.mapTo(deck, panel.rect().topLeft())) for panel in panels]
    for number, place in enumerate(places):
        assert deck.rect().contains(place)
        assert not any(place.intersects(other) for other in places[number + 1 :])
        for child in panels[number].findChildren(QPushButton):
            if child.isVisible():
                room = child.rect().translated(child.mapTo(panels[number], child.rect().topLeft()))
                assert panels[number].rect().contains(room), child.text()
