"""Maps are chosen and swapped in the window, their cursors and ranges are linked."""

from __future__ import annotations

import numpy as np
import pytest

from operando.errors import ConfigurationError
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication


def test_a_thumbnail_swaps_with_the_large_map(desk):
    maps = desk.window.deck.maps
    large = desk.session.panes[0]
    thumbnail = maps.strip.thumbnails[2]
    wanted = thumbnail.thumb.choice
    QTest.mouseClick(thumbnail, Qt.MouseButton.LeftButton)
    assert desk.session.panes == (wanted,)
    assert large in [each.thumb.choice for each in maps.strip.thumbnails if each.thumb is not None]
    assert maps.panes[0].list.currentData() == wanted


def test_the_list_of_a_pane_chooses_its_map_and_the_keys_follow(desk):
    desk.press("B")
    maps = desk.window.deck.maps
    assert len(maps.panes) == 2
    place = maps.panes[1].list.findText("Phase")
    maps.panes[1].list.activated.emit(place)
    assert [choice.key for choice in desk.session.panes] == ["lithium", "phase"]
    assert desk.session.active == 1
    desk.press("M")
    assert desk.session.panes[0].key == "lithium"
    assert desk.session.panes[1].key != "phase"


def test_cursors_and_ranges_are_linked(desk):
    desk.press("B")
    QApplication.processEvents()
    one, other = desk.window.deck.maps.panes
    one.image.hovered.emit(1.9, -1.2)
    assert all(line.isVisible() for line in other.image._cursor)
    assert not any(line.isVisible() for line in one.image._cursor)
    assert one.readout.text().endswith("at 1.90, -1.20 µm")
    assert other.readout.text().endswith("at 1.90, -1.20 µm")
    one.image.hovered.emit(float("nan"), float("nan"))
    assert not any(line.isVisible() for line in other.image._cursor)
    desk.drag((1.9, -1.2), (2.2, -1.0))
    np.testing.assert_allclose(one.image.box.viewRect().center().x(), other.image.box.viewRect().center().x())
    desk.press("0")
    assert one.image.box.viewRect().contains(1.0, -2.0)
