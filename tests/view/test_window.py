"""The window under real events: every key and control, regions drawn and dragged, history, memory."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from operando.errors import ConfigurationError
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.oddities import Unexplained
from operando.particles import ParticleField
from operando.regions import Marks, Outline, Region
from operando.settings import LayoutSettings
from operando.view.example import Stage, Story, records_until, snapshot_at, with_marks
from operando.view.qt import require_qt
from outlined import particle
from scans import documents_of, library, plan_of, recipe, stack_of

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QKeySequence, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from operando.view import Dashboard, DashboardOptions
from operando.view.album import Album, Layer, Pick
from operando.view.choices import Choices
from operando.view.history import HistoryBook
from operando.view.keys import KEYS, Action
from operando.view.quantities import choice_of
from operando.view.scales import MASKED

STORY = Story(shape=(48, 48), findings=())
LIVE = snapshot_at(Stage(cycles=5, frames=2, rows=20), STORY)
SQUARE = Region("region 1", Outline.RECTANGLE, ((1.2, -1.8), (2.2, -0.8)))
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "watch-the-dashboard.md"


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


@pytest.fixture
def open_desk(qtbot):
    """Return what opens windows that are closed at the end."""
    # Every event counts here, however fast they come.
    pg.setConfigOption("mouseRateLimit", -1)

    def opened(**options):
        made = Desk(**options)
        qtbot.addWidget(made.window)
        return made

    return opened


@pytest.fixture
def desk(open_desk):
    return open_desk()


def look_of(desk):
    """Return all that a key can change, in a form that can be compared."""
    window, session = desk.window, desk.session
    box = desk.image.box
    return (
        session.choices,
        session.album,
        session.pick,
        session.active,
        session.is_live,
        session.cycle,
        session.is_playing,
        tuple(session.levels_of(choice) for choice in session.panes),
        box.tool,
        window.deck.maps.mask_button.isChecked(),
        window.deck.keys.isVisible(),
        window.deck.editor.isVisible(),
        window.isFullScreen(),
        tuple(round(value, 6) for value in box.viewRect().getCoords()),
        sorted(path.name for path in window._options.picture_folder.iterdir()),
    )


NEEDS = {
    Action.LIVE: ("Space",),
    Action.LATER: ("Home",),
    Action.PREVIOUS_MAP: (),
    Action.LEVELS: ("M", "Up"),
    Action.WIDER: ("M",),
    Action.NARROWER: ("M",),
    Action.NEXT_PANE: ("B",),
    Action.CLOSE_OUTLINE: ("G",),
    Action.CANCEL: ("R",),
    Action.EDIT: ("N",),
    Action.LOCK: ("N",),
    Action.DELETE: ("N",),
    Action.UNDO: ("N", "L"),
    Action.REDO: ("N", "L", "Ctrl+Z"),
    Action.RESET: ("C",),
}


@pytest.fixture(scope="module")
def shared(qapp, tmp_path_factory):
    """One window for all keys: to open one takes longer than to press a key."""
    pg.setConfigOption("mouseRateLimit", -1)
    desk = Desk(picture_folder=tmp_path_factory.mktemp("pictures"))
    yield desk
    desk.window.close()
    desk.window.deleteLater()


def begin_again(desk):
    """Put a window back to where it was when it was opened."""
    desk.window.showNormal()
    desk.press("End")
    for _ in range(3):
        desk.press("Esc")
    desk.session.forget_choices()
    desk.session.album = Album()
    desk.window.refresh()
    QApplication.processEvents()
    if desk.window._layer is Layer.MASKS:
        desk.press("K")
    desk.press("0")
    desk.mark(SQUARE)


@pytest.mark.parametrize(("key", "sequence"), [(key, each) for key in KEYS for each in key.sequences])
def test_every_key_does_something(shared, key, sequence):
    desk = shared
    begin_again(desk)
    for other in NEEDS.get(key.action, ()):
        desk.press(other)
    if key.action is Action.WHOLE_FIELD:
        desk.image.box.setRange(xRange=(1.2, 1.6), yRange=(-1.8, -1.4), padding=0)
    if key.action is Action.CLOSE_OUTLINE:
        for corner in ((1.3, -1.7), (2.0, -1.7), (1.7, -1.0)):
            desk.click(*corner)
    before = look_of(desk)
    desk.press(sequence)
    assert look_of(desk) != before


def test_every_button_does_something(desk):
    window = desk.window
    desk.mark(SQUARE)
    desk.press("N")
    desk.press("L")
    desk.press("L")
    desk.press("Home")
    panels = (window.deck.maps, window.deck.time, window.deck.notes)
    buttons = [button for panel in panels for button in panel.findChildren(QPushButton)]
    assert len(buttons) >= 22
    for button in filter(QPushButton.isEnabled, buttons):
        before = look_of(desk), [other.isChecked() for other in buttons]
        button.click()
        after = look_of(desk), [other.isChecked() for other in buttons]
        # One map and the findings are what is shown already.
        assert after != before or button.text() in {"1", "Findings"}, button.text()
        assert button.toolTip()


def test_the_how_to_has_every_key():
    text = HOW_TO.read_text(encoding="utf-8")
    for key in KEYS:
        assert key.words in text, key.words


def test_the_key_list_has_every_key_and_goes_with_escape(desk):
    desk.press("?")
    words = {label.text() for label in desk.window.deck.keys.children() if hasattr(label, "text")}
    assert {key.words for key in KEYS} <= words
    room, keys = desk.window.deck.room, desk.window.deck.keys
    assert keys.geometry().width() >= keys.sizeHint().width() or not room.contains(keys.geometry())
    desk.press("Esc")
    assert not keys.isVisible()


# Regions and masks


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


# Maps


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


# History


def test_the_past_is_shown_while_the_run_goes_on(desk):
    desk.press("Left")
    assert desk.session.cycle == 4
    desk.press("Left")
    assert desk.session.cycle == 3
    past = desk.session.shown
    np.testing.assert_allclose(past.map.lithium, records_until(5, STORY)[3].map.lithium, rtol=1e-6)
    assert desk.window.deck.maps.badge.text().startswith("FROZEN")
    later = snapshot_at(Stage(cycles=5, frames=2, rows=30), STORY)
    desk.waiting.append(later)
    desk.window.refresh()
    # The strip is that of now, the pictures those of then.
    assert desk.session.shown is past
    values = {field.text(): value.text() for field, value in desk.window.deck.strip.fields}
    assert values["Row"] == "31 of 48" or values["Row"] == "30 of 48"
    desk.press("Right")
    desk.press("Right")
    assert desk.session.is_live
    assert desk.session.shown is later


def test_the_slider_and_the_curve_lead_to_a_cycle(desk):
    time = desk.window.deck.time
    time.slider.setValue(1)
    assert desk.session.cycle == 1
    assert "cycle 2" in time.where.text()
    time.slider.setValue(time.slider.maximum())
    assert desk.session.is_live
    desk.session.go_near(records_until(5, STORY)[2].map.time_s + 1.0)
    assert desk.session.cycle == 2


def test_the_history_is_played_to_its_end_and_goes_on_live(desk):
    desk.press("P")
    seen = [desk.session.cycle]
    for _ in range(30):
        desk.window.refresh()
        if desk.session.cycle != seen[-1]:
            seen.append(desk.session.cycle)
    assert seen == [0, 1, 2, 3, 4, None]
    assert not desk.session.is_playing


def test_frozen_is_frozen_and_the_space_bar_goes_on(desk):
    desk.press("Space")
    later = snapshot_at(Stage(cycles=5, frames=2, rows=30), STORY)
    desk.waiting.append(later)
    desk.window.refresh()
    assert desk.session.shown is LIVE
    desk.press("Space")
    assert desk.session.shown is later


def test_a_window_without_a_history_keeps_what_it_sees(qtbot):
    waiting = list(reversed(records_until(3, STORY)))
    window = Dashboard(lambda: waiting.pop() if waiting else None, DashboardOptions())
    window.timer.stop()
    qtbot.addWidget(window)
    for _ in range(4):
        window.refresh()
    assert [moment.cycle for moment in window.session.history.moments] == [0, 1, 2]


# What is remembered


def test_choices_and_regions_come_back_and_can_be_reset(open_desk, tmp_path):
    path = tmp_path / "dashboard.json"
    desk = open_desk(choices_file=path)
    for key in ("B", "C", "O", "D", "Y"):
        desk.press(key)
    desk.press("R")
    desk.drag((1.3, -1.7), (2.1, -0.9))
    marks = desk.session.album.marks
    desk.window.close()
    again = open_desk(choices_file=path)
    chosen = again.session.choices
    assert (chosen.pane_count, chosen.palette, chosen.is_faded, chosen.theme) == (2, "cividis", True, "light")
    assert again.session.album.marks == marks
    assert again.sent[-1] == marks
    again.press("Ctrl+0")
    assert again.session.choices == Choices(marks_by_run=chosen.marks_by_run)
    assert again.session.album.marks == marks
    again.window.close()


def test_what_is_marked_is_kept_within_seconds_and_a_broken_file_is_survived(open_desk, tmp_path):
    path = tmp_path / "dashboard.json"
    path.write_text('{"panes": 7, "palette": ["viridis"], "marks_by_run": {"x": 3}')
    desk = open_desk(choices_file=path)
    desk.mark(SQUARE)
    desk.now_s += 3.0
    desk.window.refresh()
    stored = json.loads(path.read_text())
    assert stored["marks_by_run"][LIVE.plan.run]["regions"][0]["name"] == "region 1"


def test_marks_stay_on_the_same_field_and_go_with_another(desk):
    desk.mark(SQUARE)
    follows = replace(LIVE, plan=replace(LIVE.plan, run="next"))
    desk.waiting.append(follows)
    desk.window.refresh()
    assert desk.session.album.marks.regions == (SQUARE,)
    grid = replace(LIVE.plan.grid, x_um=LIVE.plan.grid.x_um + 50.0)
    desk.waiting.append(replace(LIVE, plan=replace(LIVE.plan, run="elsewhere", grid=grid)))
    desk.window.refresh()
    assert desk.session.album.marks == Marks()
    assert desk.sent[-1] == Marks()


def test_a_map_that_another_run_lacks_is_replaced(open_desk, tmp_path):
    path = tmp_path / "dashboard.json"
    path.write_text(json.dumps({"panes": ["od:99", "fraction:7", "lithium", "phase"], "pane_count": 2}))
    desk = open_desk(choices_file=path)
    assert len(set(desk.session.panes)) == 2
    assert choice_of("od:99") not in desk.session.panes


# Large screens, many openings


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


def maps_of(records):
    return [snapshot.map.lithium.tobytes() + snapshot.curve.lithium.tobytes() for snapshot in records]


def watched(monitor, between):
    while monitor.pull():
        between()
    monitor.finish()
    between()


def test_opened_and_closed_fifty_times_it_changes_no_result_and_leaves_nothing(qapp):
    plan = plan_of(shape=(8, 9), cycles=3)
    documents = documents_of(plan, stack_of(plan, np.random.default_rng(2), cycles=3))
    work = Work(library(), recipe(), LayoutSettings())
    results = []
    opened = 0

    def windows():
        return sum(isinstance(widget, Dashboard) for widget in qapp.topLevelWidgets())

    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    before = windows()
    threads = threading.active_count()

    def open_and_close(monitor):
        nonlocal opened
        for _ in range(25):
            window = Dashboard(monitor.latest.take, DashboardOptions(send=monitor.send))
            window.refresh()
            window.show()
            window.close()
            assert not any(timer.isActive() for timer in window.findChildren(QTimer))
            window.deleteLater()
            opened += 1
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()

    for has_window in (False, True):
        records = []
        monitor = Monitor(DocumentSource(iter(documents), "memory"), work, records.append)
        watched(monitor, (lambda monitor=monitor: open_and_close(monitor)) if has_window else lambda: None)
        results.append(maps_of(records))
    assert opened >= 50
    assert results[0] == results[1]
    assert threading.active_count() == threads
    assert windows() == before


def test_outlines_of_particles_and_unknown_phases_come_and_go_with_their_key(desk):
    shape = LIVE.plan.grid.shape
    labels, strange = np.zeros(shape, np.int32), np.zeros(shape, bool)
    labels[5:15, 5:15], strange[20:25, 20:25] = 1, True
    nothing = np.empty(0)
    place = Unexplained(strange, 0.1, nothing, nothing, nothing, 9.0)
    found = replace(LIVE, particles=ParticleField(0, labels, (particle(1),)), unexplained=(place,))
    desk.waiting.append(found)
    desk.window.refresh()
    layer = desk.image.outlines
    for is_shown in (True, False, True):
        for line, sides in ((layer.particles, 40), (layer.unexplained, 20)):
            x = line.getData()[0]
            assert (0 if x is None else x.size) == 2 * sides * is_shown
        assert [tag.toPlainText() for tag in layer.tags if tag.isVisible()] == ["1"] * is_shown
        desk.window.act(Action.OUTLINES)
        desk.window.refresh()
