"""Regions and masks are drawn, dragged, edited and undone in the window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from operando.errors import ConfigurationError
from operando.regions import Outline, Region
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from PySide6.QtTest import QTest

from desk import LIVE, SQUARE
from operando.view.album import Layer, Pick
from operando.view.scales import MASKED


def test_a_rectangle_is_drawn_sent_and_shown_with_its_x(desk):
    desk.press("R")
    desk.drag((1.3, -1.7), (2.1, -0.9))
    (region,) = desk.session.album.marks.regions
    assert region.outline is Outline.RECTANGLE
    np.testing.assert_allclose(region.corners_um, ((1.3, -1.7), (2.1, -0.9)), atol=0.03)
    assert desk.sent[-1].regions == (region,)
    # Drawn once: the next drag pans.
    assert desk.image.box.tool is None
    spectrum = desk.window.deck.spectrum
    assert spectrum.where.text() == "region 1"
    desk.answer()
    result = desk.session.result_of(desk.session.pick)
    assert result.pixels > 20
    assert spectrum.result.text().startswith(f"x = {result.lithium:.2f}"[:7])
    row = desk.window.deck.notes.regions.rows[0]
    assert f"{result.pixels} px" in row.words.text()
    strands = desk.window.deck.time._timeline.strands
    assert [strand.name for strand in strands] == ["field", "region 1"]
    np.testing.assert_array_equal(strands[1].lithium, result.curve.lithium)


def test_a_lasso_is_drawn_by_hand_and_a_polygon_corner_by_corner(desk):
    desk.press("W")
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    desk.drag(*((1.7 + 0.4 * np.cos(a), -1.3 + 0.4 * np.sin(a)) for a in angle))
    desk.press("G")
    corners = ((1.2, -1.8), (2.4, -1.8), (1.8, -0.6))
    for corner in corners:
        desk.click(*corner)
    assert len(desk.session.album.marks.regions) == 1
    desk.press("Return")
    lasso, polygon = desk.session.album.marks.regions
    assert (lasso.outline, polygon.outline) == (Outline.LASSO, Outline.POLYGON)
    x, y = np.array(lasso.corners_um).T
    area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    assert area == pytest.approx(np.pi * 0.4**2, rel=0.1)
    np.testing.assert_allclose(polygon.corners_um, corners, atol=0.03)


def test_a_corner_and_the_whole_are_dragged_as_one_edit_each_and_undone(desk):
    desk.mark(SQUARE)
    desk.press("N")
    desk.drag((2.2, -0.8), (2.6, -0.3))
    (moved,) = desk.session.album.marks.regions
    assert (1.2, -1.8) in moved.polygon_um
    assert max(x for x, _ in moved.polygon_um) == pytest.approx(2.6, abs=0.03)
    desk.drag((1.7, -1.2), (1.9, -1.2))
    (shifted,) = desk.session.album.marks.regions
    assert min(x for x, _ in shifted.polygon_um) == pytest.approx(1.4, abs=0.03)
    desk.press("Ctrl+Z")
    assert desk.session.album.marks.regions == (moved,)
    desk.press("Ctrl+Z")
    assert desk.session.album.marks.regions == (SQUARE,)
    assert desk.sent[-1].regions == (SQUARE,)
    desk.press("Ctrl+Y")
    assert desk.session.album.marks.regions == (moved,)


def test_a_locked_region_is_not_dragged_nor_deleted(desk):
    desk.mark(replace(SQUARE, is_locked=True))
    desk.press("N")
    before = desk.image.box.viewRect()
    desk.drag((1.7, -1.3), (2.1, -1.0))
    desk.press("Del")
    assert desk.session.album.marks.regions == (replace(SQUARE, is_locked=True),)
    # The drag went to the map instead.
    assert desk.image.box.viewRect() != before


def test_a_mask_is_neutral_on_the_map_and_left_out(desk):
    desk.press("K")
    desk.press("R")
    desk.drag((1.3, -1.7), (2.1, -0.9))
    assert len(desk.sent[-1].masks) == 1
    assert np.any(desk.image.image.image == MASKED)
    assert "masked" in desk.window.deck.maps.legend.text()
    desk.answer()
    assert desk.window.deck.time.caption.text().endswith("masks left out")
    assert "left out" in desk.window.deck.spectrum.legend.text()
    desk.press("Ctrl+Z")
    assert not np.any(desk.image.image.image == MASKED)


def test_a_click_on_an_outline_chooses_the_region_and_elsewhere_the_pixel(desk):
    desk.mark(SQUARE)
    desk.click(1.2, -1.3)
    assert desk.session.pick == Pick(Layer.REGIONS, 0)
    desk.click(1.7, -1.3)
    assert desk.session.pick is None
    grid = LIVE.plan.grid
    row, column = desk.session.pixel
    assert abs(grid.x_um[column] - 1.7) < 0.05
    assert abs(grid.y_um[row] + 1.3) < 0.05


def test_a_region_is_edited_in_numbers(desk):
    desk.mark(Region("tip", Outline.POLYGON, ((1.0, -2.0), (2.0, -2.0), (2.0, -1.0))))
    desk.press("N")
    desk.press("E")
    editor = desk.window.deck.editor
    editor.name.setText("tip of the particle")
    editor.corners.item(2, 0).setText("1,5")
    editor.more.click()
    editor.lock.setChecked(True)
    editor.apply.click()
    (region,) = desk.session.album.marks.regions
    assert region.name == "tip of the particle"
    assert region.corners_um[2] == (1.5, -1.0)
    assert len(region.corners_um) == 4
    assert region.is_locked
    for text, words in (("x", "'x' in row 1 is no number"), ("nan", "not a number")):
        editor.corners.item(0, 0).setText(text)
        editor.apply.click()
        assert words in editor.error.text()
    editor.name.setText(" ")
    editor.corners.item(0, 0).setText("1")
    editor.apply.click()
    assert "expected 1 to 40" in editor.error.text()
    assert desk.session.album.marks.regions == (region,)
    # Letters typed into the name are no keys of the window.
    QTest.keyClicks(editor.name, "rb")
    assert editor.name.text().endswith("rb")
    assert desk.session.choices.pane_count == 1
    desk.press("Esc")
    assert not editor.isVisible()


def test_the_name_of_a_region_at_the_edge_of_the_view_is_not_cut_off(desk):
    view, layer = desk.image.box.viewRect(), desk.image.layer
    x, y = desk.image.box.viewRange()
    corners = ((x[1] - 0.2, y[0] + 0.5), (x[1] - 0.1, y[0] + 0.6))
    desk.mark(Region("a name of some letters", Outline.RECTANGLE, corners))

    def ends_um():
        name = layer._drawn[0].name
        return name.pos().x(), name.pos().x() + name.boundingRect().width() * desk.image.box.viewPixelSize()[
            0
        ]

    assert ends_um()[1] == pytest.approx(view.right())
    desk.image.box.setRange(xRange=(x[0], x[1] + 3.0), padding=0)
    assert ends_um()[0] == pytest.approx(x[1] - 0.2)
