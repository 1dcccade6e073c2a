"""The window goes back through the cycles while the run goes on, and plays them."""

from __future__ import annotations

import numpy as np
import pytest

from operando.errors import ConfigurationError
from operando.view.example import Stage, records_until, snapshot_at
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)


from desk import LIVE, STORY
from operando.view import Dashboard, DashboardOptions


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
