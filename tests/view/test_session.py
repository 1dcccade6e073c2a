"""The session without a window: time goes both ways, maps swap, scales hold, marks are sent once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.regions import Marks, Outline, Region
from operando.view.album import Layer, Pick, added
from operando.view.choices import Choices
from operando.view.example import Stage, Story, records_until, snapshot_at, with_marks
from operando.view.history import HistoryBook
from operando.view.quantities import MapChoice, MapKind, choices_of
from operando.view.session import Session

STORY = Story(shape=(24, 24))
RECORDS = records_until(6, STORY)
LIVE = snapshot_at(Stage(cycles=6, frames=1, rows=5), STORY)
SQUARE = ((1.0, -2.0), (1.6, -1.4))
STEPS = ("earlier", "later", "first", "freeze", "go_live", "play", "play_on")


def session_of(choices=Choices(), live=LIVE):  # noqa: B008 - frozen
    book = HistoryBook()
    for record in RECORDS:
        book.note(record)
    sent = []
    session = Session(choices, book.read, sent.append)
    session.take(live)
    return session, sent


def test_the_pure_modules_load_nothing_of_qt():
    names = (
        "session",
        "maps",
        "history",
        "bands",
        "timeline",
        "album",
        "choices",
        "keys",
        "example",
        "gallery",
    )
    code = (
        f"import sys, importlib; [importlib.import_module('operando.view.' + name) for name in {names}]; "
        "sys.exit(any(name.startswith(('PySide6', 'pyqtgraph')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=20))
def test_whatever_is_pressed_live_is_the_newest_and_the_past_is_a_record(steps):
    session, _ = session_of()
    for step in steps:
        getattr(session, step)()
        if session.is_live:
            assert session.shown is session.live
            assert session.cycle is None
            assert not session.is_playing or session.history.moments
        elif session.cycle is not None:
            expected = RECORDS[session.cycle].map.lithium
            np.testing.assert_allclose(session.shown.map.lithium, expected, rtol=1e-6)
    newer = snapshot_at(Stage(cycles=6, frames=1, rows=9), STORY)
    session.take(newer)
    assert session.live is newer
    session.go_live()
    assert session.shown is newer


def test_earlier_and_later_are_each_others_way_back():
    session, _ = session_of()
    seen = []
    while session.has_earlier:
        session.earlier()
        seen.append(session.cycle)
    assert seen == [5, 4, 3, 2, 1, 0]
    session.earlier()
    assert session.cycle == 0
    for cycle in seen[-2::-1]:
        session.later()
        assert session.cycle == cycle
    session.later()
    assert session.is_live


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["show", "step", "panes", "active"]), st.integers(0, 30)), max_size=15)
)
def test_every_map_is_shown_exactly_once_large_or_small(steps):
    session, _ = session_of()
    everything = set(choices_of(LIVE))
    for what, number in steps:
        if what == "show":
            session.show_map(sorted(everything)[number % len(everything)])
        elif what == "step":
            session.step_map(1 - 2 * (number % 2))
        elif what == "panes":
            session.more_panes()
        else:
            session.next_pane()
        shown = [*session.panes, *session.thumbs]
        assert len(shown) == len(set(shown))
        assert set(shown) == everything
        assert len(session.panes) == session.choices.pane_count > session.active


def test_a_scale_that_nobody_saw_is_held_since_the_first_complete_map():
    session, _ = session_of(live=RECORDS[0])
    session.hold_levels()
    thickness = MapChoice(MapKind.THICKNESS)
    held = session.levels_of(thickness)
    thicker = replace(RECORDS[1].map, thickness=9 * RECORDS[1].map.thickness)
    session.take(replace(RECORDS[1], map=thicker))
    assert session.levels_of(thickness) == held
    session.show_map(thickness)
    session.widen_levels(1)
    assert session.levels_of(thickness).high == pytest.approx(1.25 * held.high)
    session.refit_levels()
    assert session.levels_of(thickness).high > 3 * held.high


def test_a_scale_that_is_fixed_is_not_widened():
    session, _ = session_of()
    before = session.levels_of(session.panes[0])
    session.widen_levels(1)
    assert session.levels_of(session.panes[0]) == before


def test_marks_are_sent_when_they_change_and_results_come_with_the_place():
    session, sent = session_of()
    assert sent == [Marks()]
    album = added(session.album, Layer.REGIONS, Outline.RECTANGLE, SQUARE)
    session.edit(album)
    session.edit(album)
    assert sent == [Marks(), album.marks]
    session.choose(Pick(Layer.REGIONS, 0))
    assert session.result_of(session.pick) is None
    session.take(with_marks(LIVE, album.marks, STORY))
    first = session.result_of(session.pick)
    # A name is not a place: what was fitted holds until the next answer comes.
    session.change(replace(session.album.at(session.pick), name="other"))
    assert session.result_of(session.pick) is first
    session.change(replace(session.album.at(session.pick), corners_um=((0.0, 0.0), (1.0, 1.0))))
    assert session.result_of(session.pick) is None


def test_the_pixel_follows_the_data_until_it_is_chosen():
    session, _ = session_of()
    assert LIVE.map.valid[session.pixel]
    session.choose_pixel(0, 1)
    session.take(RECORDS[5])
    assert session.pixel == (0, 1)
    session.next_pick()
    assert session.pick is None


def test_regions_of_a_run_are_remembered_and_found_again():
    session, _ = session_of()
    session.edit(added(session.album, Layer.MASKS, Outline.RECTANGLE, SQUARE))
    again, sent = session_of(session.choices)
    assert again.album.marks == session.album.marks == sent[-1]
    elsewhere = replace(LIVE.plan, run="x", grid=replace(LIVE.plan.grid, y_um=LIVE.plan.grid.y_um + 9))
    again.take(replace(LIVE, plan=elsewhere))
    assert again.album.marks == Marks()
    again.take(LIVE)
    assert again.album.marks == session.album.marks


def test_more_than_a_region_can_be_is_refused_before_it_is_sent():
    region = Region("r", Outline.RECTANGLE, SQUARE)
    session, sent = session_of()
    for _ in range(40):
        session.edit(added(session.album, Layer.REGIONS, region.outline, region.corners_um))
    assert len(sent[-1].regions) == 32
