"""The window: draws what it is given, survives what it is given, and stops when closed."""

from __future__ import annotations

import gc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from operando.errors import ConfigurationError
from operando.types import Delivery, Finding, PhaseSpectra, Reason, Severity
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from PySide6.QtCore import QObject, QPointF, Qt
from PySide6.QtWidgets import QLabel

from fed_by_hand import Screen, drawn, large, show_map
from operando.view.keys import Action
from operando.view.quantities import LITHIUM, MapChoice, MapKind, choices_of
from operando.view.scales import FIRST_COLOUR, UNSEEN

HOSTILE = '<b>cell</b><img src="http://example.org/x.png">'


@pytest.fixture
def screen(qtbot):
    made = Screen()
    qtbot.addWidget(made.window)
    return made


def test_the_map_fills_row_by_row(screen, snapshot_at, stages):
    first_map = type(stages["filling"])
    for rows in (10, 50, 96):
        window = screen.show(snapshot_at(first_map(frames=4, rows=rows)))
        filled = np.any(drawn(large(window)) != UNSEEN, axis=1)
        np.testing.assert_array_equal(np.flatnonzero(filled), np.arange(rows))


@pytest.mark.parametrize("turn_x", [1, -1])
@pytest.mark.parametrize("turn_y", [1, -1])
def test_a_click_shows_the_spectrum_of_that_pixel_whichever_way_the_axes_run(
    screen, qtbot, snapshot_at, stages, turn_x, turn_y
):
    snapshot = snapshot_at(stages["filling"])
    grid = replace(
        snapshot.plan.grid, x_um=snapshot.plan.grid.x_um[::turn_x], y_um=snapshot.plan.grid.y_um[::turn_y]
    )
    window = screen.show(replace(snapshot, plan=replace(snapshot.plan, grid=grid)))
    qtbot.waitExposed(window)
    window.grab()
    image = large(window)
    position = image.position_of(grid.x_um[70], grid.y_um[20])
    viewport = image.canvas.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=viewport.mapFrom(image, position.toPoint()))
    assert window.deck.spectrum.where.text() == "Pixel 70, 20"
    assert f"{grid.x_um[70]:.2f}, {grid.y_um[20]:.2f} µm" in window.deck.spectrum.place.text()
    # The stage's larger x is to the right and its larger y above, on every grid.
    other = image.position_of(grid.x_um[30], grid.y_um[40])
    assert (other.x() < position.x()) == (grid.x_um[30] < grid.x_um[70])
    assert (other.y() < position.y()) == (grid.y_um[40] > grid.y_um[20])


def test_the_pixel_drawn_at_a_place_is_the_one_measured_there(screen, snapshot_at, stages):
    snapshot = snapshot_at(stages["complete"])
    grid = replace(snapshot.plan.grid, y_um=snapshot.plan.grid.y_um[::-1])
    window = screen.show(replace(snapshot, plan=replace(snapshot.plan, grid=grid)))
    item = large(window).image
    for row, column in ((0, 0), (95, 0), (12, 81)):
        centre = item.mapToParent(QPointF(column + 0.5, row + 0.5))
        assert centre.x() == pytest.approx(grid.x_um[column])
        assert centre.y() == pytest.approx(grid.y_um[row])


def test_the_chosen_pixel_stays_and_the_default_does_not_wander(screen, snapshot_at, stages):
    window = screen.show(snapshot_at(stages["filling"]))
    default = window.deck.spectrum.where.text()
    assert default.startswith("Pixel")
    window = screen.show(snapshot_at(stages["filling"], seed=3, findings=()))
    assert window.deck.spectrum.where.text() == default
    window.choose_pixel(0, 1)
    assert window.deck.spectrum.quality.text() == "too thin"
    screen.show(snapshot_at(stages["complete"]))
    assert window.deck.spectrum.where.text() == "Pixel 1, 0"


@pytest.mark.parametrize("reason", [Reason.THIN, Reason.UNSEEN, Reason.AMBIGUOUS])
def test_a_map_of_nothing_but_nan_is_shown_as_such(screen, snapshot_at, stages, reason):
    snapshot = snapshot_at(stages["filling"])
    nothing = np.full(snapshot.map.lithium.shape, np.nan)
    fields = ("lithium", "lithium_error", "thickness", "thickness_error", "background", "chi2", "r_factor")
    nan_map = replace(
        snapshot.map,
        **dict.fromkeys(fields, nothing),
        fraction=np.stack([nothing, nothing]),
        fraction_error=np.stack([nothing, nothing]),
        frame_age_s=np.full(5, np.nan),
        reason=np.full(nothing.shape, reason, np.uint8),
    )
    window = screen.show(replace(snapshot, map=nan_map))
    for choice in choices_of(snapshot):
        show_map(window, choice)
        if choice.kind not in {MapKind.OD, MapKind.AGE}:
            assert np.all(drawn(large(window)) < FIRST_COLOUR)
    window.choose_pixel(50, 50)
    assert window.deck.spectrum.result.text() == "x = –"
    window.grab()


def test_closing_stops_the_timer_and_says_so_once(screen):
    screen.window.timer.start()
    screen.window.close()
    assert not screen.window.timer.isActive()
    screen.window.close()
    assert screen.closed == 1


def test_news_are_drawn_at_most_ten_times_a_second_and_hardly_wait_where_none_came_before(
    qtbot, snapshot_at, stages
):
    hasty = Screen(interval_ms=1)
    qtbot.addWidget(hasty.window)
    glance_ms, snapshot = hasty.window.timer.interval(), snapshot_at(stages["filling"])
    taken = []
    for glance in range(40):
        hasty.waiting = [snapshot]
        hasty.window.glance()
        if not hasty.waiting:
            taken.append(glance * glance_ms)
    assert min(after - before for before, after in pairwise(taken)) == 100
    assert len(taken) == 10
    hasty.waiting = []
    for _ in range(7):
        hasty.window.glance()
    hasty.waiting = [snapshot]
    hasty.window.glance()
    assert not hasty.waiting


def test_silence_greys_the_screen_and_news_lift_the_veil(screen, snapshot_at, stages):
    window = screen.show(snapshot_at(stages["filling"]))
    screen.now_s = 59.0
    window.refresh()
    assert not window.deck.veil.isVisible()
    screen.now_s = 130.0
    window.refresh()
    assert window.deck.veil.isVisible()
    assert window.deck.veil.words == "NO NEW DATA FOR 2 min 10 s"
    assert window.deck.strip.state.text() == "◆ STALE"
    screen.show(snapshot_at(stages["filling"]))
    assert not window.deck.veil.isVisible()
    screen.now_s = 1000.0
    screen.show(snapshot_at(stages["finished"]))
    screen.now_s = 99999.0
    window.refresh()
    assert not window.deck.veil.isVisible()
    assert window.deck.strip.state.text() == "■ FINISHED"


def test_before_the_first_snapshot_the_screen_says_what_it_waits_for(screen):
    screen.window.refresh()
    assert screen.window.deck.veil.words == "WAITING FOR A RUN"
    assert screen.window.deck.strip.state.text() == "○ WAITING"


def test_counts_and_optical_density_of_the_frame(screen, snapshot_at, stages):
    snapshot = snapshot_at(stages["first_frame"])
    window = screen.show(snapshot)
    od = drawn(window.deck.frame_panel.image).copy()
    window.deck.frame_panel.toggle.click()
    assert window.deck.frame_panel.toggle.text() == "Counts"
    counts = drawn(window.deck.frame_panel.image)
    seen = snapshot.frame.rows_seen
    # What absorbs is bright in one and dark in the other.
    assert np.corrcoef(od[seen].ravel().astype(float), counts[seen].ravel().astype(float))[0, 1] < -0.9
    window.deck.frame_panel.toggle.click()
    np.testing.assert_array_equal(drawn(window.deck.frame_panel.image), od)


def test_every_kind_of_map_is_drawn_and_its_scale_can_be_fitted_unless_fixed(screen, snapshot_at, stages):
    window = screen.show(snapshot_at(stages["complete"]))
    fixed = {MapKind.LITHIUM, MapKind.FRACTION, MapKind.PHASE, MapKind.RESIDUAL}
    for choice in choices_of(window.session.live):
        show_map(window, choice)
        window.grab()
        assert np.any(drawn(large(window)) >= FIRST_COLOUR) or choice.kind is MapKind.CHANGE
        assert window.deck.maps.autoscale.isEnabled() == (choice.kind not in fixed)


def test_scales_hold_still_until_autoscale(screen, snapshot_at, stages):
    snapshot = snapshot_at(stages["complete"])
    window = screen.show(snapshot)
    choice = MapChoice(MapKind.THICKNESS)
    show_map(window, choice)
    before = window.session.levels_of(choice)
    screen.show(replace(snapshot, map=replace(snapshot.map, thickness=5 * snapshot.map.thickness)))
    assert window.session.levels_of(choice) == before
    window.deck.maps.autoscale.click()
    assert window.session.levels_of(choice).high > 4 * before.high
    window.act(Action.RESET)
    assert window.session.panes[0] == LITHIUM


def test_names_from_strangers_are_text_and_nothing_else(screen, snapshot_at, stages):
    snapshot = snapshot_at(stages["filling"], sample=HOSTILE)
    phases = snapshot.phases
    hostile = PhaseSpectra(
        (HOSTILE, "FePO₄"),
        phases.lithium,
        phases.at_energies,
        phases.energy_ev,
        phases.curves,
        phases.unit,
        False,
    )
    finding = Finding("x", Severity.ALARM, HOSTILE, HOSTILE)
    window = screen.show(
        replace(snapshot, phases=hostile, findings=(finding,), delivery=Delivery(source=HOSTILE))
    )
    assert window.deck.strip.sample.text() == HOSTILE
    for label in window.findChildren(QLabel):
        assert "<img" not in label.text() or label.textFormat() == Qt.TextFormat.PlainText
        assert "<b>" not in label.text() or label.textFormat() == Qt.TextFormat.PlainText
    assert "&lt;b&gt;cell" in window.deck.spectrum.legend.text()


def test_a_small_share_is_not_swallowed_as_markup(screen, snapshot_at, stages):
    snapshot = snapshot_at(stages["filling"])
    window = screen.show(snapshot)
    row, column = np.argwhere(snapshot.map.valid)[0]
    fraction = snapshot.map.fraction.copy()
    fraction[:, row, column] = 0.996, 0.004
    screen.show(replace(snapshot, map=replace(snapshot.map, fraction=fraction)))
    window.choose_pixel(int(row), int(column))
    assert "FePO₄ &lt; 1 %" in window.deck.spectrum.legend.text()


def test_fifty_snapshots_leave_no_objects_behind(screen, snapshot_at, stages):
    states = [snapshot_at(stages[name], findings=()) for name in ("filling", "complete")]
    states += [snapshot_at(stages["filling"]), snapshot_at(stages["first_frame"])]

    def number():
        gc.collect()
        window = screen.window
        scenes = (large(window).plot, window.deck.time.plot, window.deck.spectrum._plot)
        return len(window.findChildren(QObject)) + sum(len(plot.scene().items()) for plot in scenes)

    for snapshot in states:
        screen.show(snapshot).grab()
    before = number()
    for turn in range(50):
        screen.show(states[turn % len(states)])
    screen.window.grab()
    assert number() == before


def test_another_run_with_another_grid_takes_over(screen, snapshot_at, stages):
    screen.show(snapshot_at(stages["filling"])).choose_pixel(90, 90)
    other = snapshot_at(stages["filling"], shape=(24, 40))
    window = screen.show(replace(other, plan=replace(other.plan, run="another")))
    assert drawn(large(window)).shape == (24, 40)
    window.grab()
    assert "Pixel 90, 90" not in window.deck.spectrum.where.text()


def test_a_finding_that_comes_does_not_take_the_focus(screen, qtbot, snapshot_at, stages):
    window = screen.show(snapshot_at(stages["filling"], findings=()))
    window.deck.editor.name.setFocus()
    before = window.focusWidget()
    screen.show(snapshot_at(stages["filling"]))
    assert window.focusWidget() is before
    shown = [entry.message.text() for entry in window.deck.notes.findings.entries if not entry.isHidden()]
    assert shown[0].startswith("I0 jumped")
    assert len(shown) == 3


def test_the_same_map_is_not_drawn_twice(screen, snapshot_at, stages):
    snapshot = snapshot_at(stages["complete"])
    window = screen.show(snapshot)
    before = drawn(large(window))
    screen.show(replace(snapshot, findings=()))
    assert drawn(large(window)) is before


def test_energies_that_come_unannounced_widen_the_axis(screen, snapshot_at, stages):
    snapshot = snapshot_at(stages["filling"])
    fewer = replace(
        snapshot,
        map=None,
        plan=replace(snapshot.plan, energies_ev=snapshot.plan.energies_ev[:3], is_open=True),
        phases=replace(
            snapshot.phases, energy_ev=snapshot.phases.energy_ev[:150], curves=snapshot.phases.curves[:150]
        ),
        od=snapshot.od[:3],
        od_error=snapshot.od_error[:3],
        row_time_s=snapshot.row_time_s[:3],
        ring_current_ma=None,
    )
    window = screen.show(fewer)
    assert "3 energies begun" in window.deck.maps.badge.text()
    reach_ev = window.deck.spectrum._plot.viewRange()[0][1]
    screen.show(snapshot)
    assert window.deck.spectrum._plot.viewRange()[0][1] > reach_ev
