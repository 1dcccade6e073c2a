"""Every key and every button of the window does something, and the pages have all keys."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from operando.errors import ConfigurationError
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

import pyqtgraph as pg
from PySide6.QtWidgets import QApplication, QPushButton

from desk import SQUARE, Desk
from operando.view.album import Album, Layer
from operando.view.keys import KEYS, Action

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "watch-the-dashboard.md"


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
    folder = tmp_path_factory.mktemp("pictures")

    def put_on_paper(orders, where):
        path = where / f"{orders.stem}-curves-{len(list(where.iterdir()))}.csv"
        path.write_text(",".join(orders.panels))
        return (path,)

    desk = Desk(picture_folder=folder, put_on_paper=put_on_paper)
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
    if desk.window.drawing is not None:
        desk.window.drawing.result(10.0)
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


def test_a_window_says_what_it_put_on_paper_and_what_it_could_not(open_desk, tmp_path):
    asked = []

    def full(orders, folder):
        asked.append((orders, folder))
        raise OSError(28, "No space left on device")

    desk = open_desk(put_on_paper=full, picture_folder=tmp_path)
    desk.mark(SQUARE)
    desk.press("N")
    desk.answer()
    desk.press("Shift+S")
    assert isinstance(desk.window.drawing.exception(10.0), OSError)
    ((orders, folder),) = asked
    assert list(orders.panels) == ["lithium", "spectrum", "time"]
    assert orders.panels["spectrum"].spectrum.title == "region 1"
    assert folder == tmp_path
    desk.window.refresh()
    assert "No space left" in desk.window._remark
    without = open_desk()
    without.press("Shift+S")
    assert "nobody draws" in without.window._remark


def test_a_window_goes_on_while_it_draws_on_paper(open_desk, tmp_path):
    may_end, drawn = threading.Event(), []

    def slow(orders, folder):
        drawn.append(orders.stem)
        assert may_end.wait(10.0)
        return (folder / f"{orders.stem}-curves.csv",)

    desk = open_desk(put_on_paper=slow, picture_folder=tmp_path)
    desk.press("Shift+S")
    drawing = desk.window.drawing
    desk.window.refresh()
    assert "drawing" in desk.window._remark
    desk.press("Shift+S")
    assert "still being drawn" in desk.window._remark
    may_end.set()
    drawing.result(10.0)
    desk.window.refresh()
    assert desk.window._remark.startswith("saved 1 files")
    assert len(drawn) == 1


def test_what_goes_wrong_on_paper_behind_a_closed_window_is_said(open_desk, tmp_path, caplog):
    may_end = threading.Event()

    def failing(_orders, _folder):
        assert may_end.wait(10.0)
        raise NotImplementedError("no such font")

    before = set(threading.enumerate())
    desk = open_desk(put_on_paper=failing, picture_folder=tmp_path)
    desk.press("Shift+S")
    (aside,) = set(threading.enumerate()) - before
    desk.window.close()
    may_end.set()
    aside.join(10.0)
    assert "no such font" in caplog.text
