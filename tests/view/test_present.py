"""Snapshot → what to draw, without Qt: levels, masks, words, curves and the spectrum of a pixel."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.types import Delivery, Finding, Reason, Severity, Vitals
from operando.view.history import History
from operando.view.maps import map_levels, present_map
from operando.view.present import (
    FrameKind,
    arriving_row,
    frame_levels,
    map_words,
    present_findings,
    present_frame,
    renewed_rows,
    undetermined_words,
    unseen_words,
)
from operando.view.quantities import MapChoice, MapKind, quantity
from operando.view.scales import FIRST_COLOUR, UNDETERMINED, UNSEEN, Levels
from operando.view.spectrum import default_pixel, spectrum_at
from operando.view.status import CATCHING_UP_FROM, State, present_status
from operando.view.timeline import headline_of, present_timeline

STALE_S = 60.0
FITTED = (MapKind.LITHIUM, MapKind.LITHIUM_ERROR, MapKind.THICKNESS, MapKind.CHI2, MapKind.R_FACTOR)


@pytest.fixture(scope="module")
def filling(snapshot_at, stages):
    return snapshot_at(stages["filling"])


def test_nothing_of_qt_is_imported_with_the_package():
    code = (
        "import sys, operando.view, operando.view.present, operando.view.status; "
        "sys.exit(any(name.startswith(('PySide6', 'pyqtgraph')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_lithium_scale_is_that_of_the_phases_whatever_the_map(filling):
    phases = replace(filling.phases, lithium=np.array([0.1, 0.6]))
    for snapshot in (replace(filling, phases=phases), replace(filling, phases=phases, map=None)):
        assert map_levels(snapshot, MapChoice(MapKind.LITHIUM), Levels(0, 9)) == Levels(
            0.0, 0.6, is_locked=True
        )


@pytest.mark.parametrize("kind", FITTED)
def test_invalid_pixels_move_no_level_and_get_no_colour(filling, kind):
    choice = MapChoice(kind)
    values = getattr(filling.map, kind.value)
    poisoned = replace(
        filling, map=replace(filling.map, **{kind.value: np.where(filling.map.valid, values, 1e9)})
    )
    levels = map_levels(filling, choice, None)
    assert map_levels(poisoned, choice, None) == levels
    picture = present_map(poisoned, choice, levels)
    assert picture.values.dtype == np.float32
    np.testing.assert_array_equal(picture.index >= FIRST_COLOUR, filling.map.valid)
    np.testing.assert_array_equal(picture.index == UNSEEN, filling.map.reason == Reason.UNSEEN)


def test_levels_are_fixed_by_the_first_complete_map(snapshot_at, stages, filling):
    complete = snapshot_at(stages["complete"])
    provisional = map_levels(filling, MapChoice(MapKind.THICKNESS), None)
    assert not provisional.is_locked
    fixed = map_levels(complete, MapChoice(MapKind.THICKNESS), provisional)
    assert fixed.is_locked
    tripled = replace(complete, map=replace(complete.map, thickness=3 * complete.map.thickness))
    assert map_levels(tripled, MapChoice(MapKind.THICKNESS), fixed) == fixed


def test_a_map_without_any_value_is_drawn_neutral(filling):
    nothing = np.full(filling.map.lithium.shape, np.nan)
    reason = np.full(nothing.shape, Reason.THIN, np.uint8)
    snapshot = replace(
        filling, map=replace(filling.map, lithium=nothing, lithium_error=nothing, chi2=nothing, reason=reason)
    )
    for kind in FITTED:
        choice = MapChoice(kind)
        picture = present_map(snapshot, choice, map_levels(snapshot, choice, None))
        assert np.all(picture.index == UNDETERMINED)
    assert undetermined_words(snapshot) == "no x:  too thin 100 %"


def test_before_a_map_everything_is_unseen(snapshot_at, stages):
    snapshot = snapshot_at(stages["first_frame"])
    assert np.all(present_map(snapshot, MapChoice(MapKind.CHI2), Levels(0, 1)).index == UNSEEN)
    assert map_words(snapshot) == "No map yet: 1 of 5 energies begun"
    assert unseen_words(snapshot) == "not measured yet"
    assert undetermined_words(snapshot) == ""
    assert not np.any(renewed_rows(snapshot))


@pytest.mark.parametrize("kind", list(FrameKind))
def test_a_frame_shows_the_rows_that_have_come(snapshot_at, stages, kind):
    snapshot = snapshot_at(stages["first_frame"])
    picture = present_frame(snapshot, kind, frame_levels(snapshot, kind, None))
    np.testing.assert_array_equal(np.any(picture.index != UNSEEN, axis=1), snapshot.frame.rows_seen)
    assert arriving_row(snapshot) == 39


def test_rows_without_i0_are_measured_but_undetermined(snapshot_at, stages):
    snapshot = snapshot_at(stages["first_frame"])
    blind = replace(snapshot, frame=replace(snapshot.frame, od=np.full_like(snapshot.frame.od, np.nan)))
    index = present_frame(blind, FrameKind.OD, Levels(0, 1)).index
    assert np.all(index[blind.frame.rows_seen] == UNDETERMINED)
    assert np.all(index[~blind.frame.rows_seen] == UNSEEN)


def test_only_a_provisional_map_has_renewed_rows(snapshot_at, stages, filling):
    assert renewed_rows(filling).sum() == 58
    assert map_words(filling).startswith("PROVISIONAL")
    complete = snapshot_at(stages["complete"])
    assert not np.any(renewed_rows(complete))
    assert arriving_row(complete) is None
    assert map_words(complete) == "Cycle 4 complete"


def test_a_linear_background_leans_about_the_middle_of_the_range(snapshot_at, stages):
    snapshot = snapshot_at(stages["complete"])
    row, column = np.argwhere(snapshot.map.valid)[0]
    leaning = replace(
        snapshot.map,
        background=np.full_like(snapshot.map.background, 0.2),
        background_slope=np.full_like(snapshot.map.background, 0.01),
    )
    spectrum = spectrum_at(replace(snapshot, map=leaning), row, column)
    energies_ev = snapshot.plan.energies_ev
    middle_ev = (energies_ev.min() + energies_ev.max()) / 2
    np.testing.assert_allclose(spectrum.ground, 0.2 + 0.01 * (spectrum.dense_ev - middle_ev))


@given(row=st.integers(0, 95), column=st.integers(0, 95))
def test_the_fitted_curve_is_the_sum_of_what_is_drawn_and_the_residual_its_distance(
    snapshot_at, stages, row, column
):
    snapshot = snapshot_at(stages["filling"])
    spectrum = spectrum_at(snapshot, row, column)
    assert np.all(np.diff(spectrum.energy_ev) > 0)
    if spectrum.why_not:
        assert spectrum.fit.size == 0
        assert np.all(np.isnan(spectrum.residual_sigma))
        return
    np.testing.assert_allclose(
        spectrum.fit, sum(part.od for part in spectrum.components) + spectrum.ground, rtol=1e-12
    )
    # The dense curve, interpolated, stands off by what a quarter of its pitch can bend: 1e-3.
    at_points = np.interp(spectrum.energy_ev, spectrum.dense_ev, spectrum.fit)
    np.testing.assert_allclose(
        spectrum.od - spectrum.residual_sigma * spectrum.od_error, at_points, atol=2e-3
    )
    assert sum(part.share for part in spectrum.components) == pytest.approx(1)


def test_ages_and_the_cycle_of_each_energy(filling):
    spectrum = spectrum_at(filling, 90, 10)
    # Cycle 4 has energies 0 and 1 complete and rows 0..57 of energy 2: row 90 is new for two of five.
    np.testing.assert_array_equal(spectrum.is_this_cycle, [True, True, False, False, False])
    assert np.argmin(spectrum.age_s) == 1
    np.testing.assert_array_equal(spectrum_at(filling, 3, 10).is_this_cycle, [True, True, True, False, False])


def test_energies_not_yet_seen_have_no_point(snapshot_at, stages):
    spectrum = spectrum_at(snapshot_at(stages["first_frame"]), 5, 5)
    assert spectrum.energy_ev.tolist() == [704.4]
    assert spectrum.why_not == "no map yet"


def test_the_default_pixel_is_thick_valid_and_fitted_well(snapshot_at, stages, filling):
    row, column = default_pixel(filling)
    assert filling.map.valid[row, column]
    well = filling.map.valid & (filling.map.chi2 <= np.percentile(filling.map.chi2[filling.map.valid], 90))
    assert filling.map.thickness[row, column] == filling.map.thickness[well].max()
    assert default_pixel(snapshot_at(stages["empty"])) is None
    first = snapshot_at(stages["first_frame"])
    assert first.od[0][default_pixel(first)] == np.nanmax(first.od[0])


def test_the_curve_counts_time_from_the_start_in_a_unit_that_fits(snapshot_at, stages):
    finished = snapshot_at(stages["finished"])
    timeline = present_timeline(finished, History())
    assert timeline.unit == "min"
    last_s = timeline.strands[0].time[-1] * timeline.scale_s
    assert last_s == pytest.approx(finished.curve.time_s[-1] - finished.plan.started_s)
    value, caption = headline_of(finished, None)
    assert value == f"{finished.curve.lithium[-1]:.3f} ± {finished.curve.lithium_error[-1]:.3f}"
    assert "cycle 12" in caption
    assert "cycle 3\n" in headline_of(finished, 2)[1]
    days = replace(finished, curve=replace(finished.curve, time_s=finished.curve.time_s + 3 * 86400))
    assert present_timeline(days, History()).unit == "d"
    assert headline_of(snapshot_at(stages["empty"]), None)[0] == "–"


@pytest.mark.parametrize(
    ("changes", "age_s", "state"),
    [
        ({}, 0, State.LIVE),
        ({"delivery": Delivery(behind=CATCHING_UP_FROM)}, 0, State.CATCHING_UP),
        ({"delivery": Delivery(behind=CATCHING_UP_FROM - 1)}, 0, State.LIVE),
        ({"delivery": Delivery(behind=CATCHING_UP_FROM)}, STALE_S + 1, State.STALE),
        ({}, STALE_S, State.LIVE),
        ({"delivery": Delivery(is_finished=True)}, STALE_S + 1, State.INCOMPLETE),
        ({"delivery": Delivery(failure="unplugged", is_finished=True)}, 0, State.LOST),
    ],
)
def test_the_state_of_an_open_run(filling, changes, age_s, state):
    assert present_status(replace(filling, **changes), age_s, STALE_S).state is state


@pytest.mark.parametrize(("exit_status", "state"), [("success", State.FINISHED), ("abort", State.ABORTED)])
def test_a_closed_run_is_never_stale(filling, exit_status, state):
    progress = replace(filling.progress, is_closed=True, exit_status=exit_status)
    assert present_status(replace(filling, progress=progress), 10 * STALE_S, STALE_S).state is state


def test_every_state_has_a_shape_and_a_word_of_its_own():
    assert len({state.shape for state in State}) == len({state.word for state in State}) == len(State)


def test_the_strip_says_where_the_scan_is(filling):
    status = present_status(filling, 2.0, STALE_S)
    values = {field.caption: field.value for field in status.fields}
    assert values["Cycle"] == "4 of 12"
    assert values["Energy"] == "708.25 eV"
    assert values["Row"] == "58 of 96"
    assert values["Data age"] == "2 s"
    assert values["Lag"] == "80 ms · 0"
    assert values["Gaps"] == "0 rows"
    assert values["I0 now"] == "9\u202f000"
    assert values["Ring"] == "499 mA"
    # Nobody measures these: unknown, not made up.
    assert {values[name] for name in ("Drift", "Dose", "Disk")} == {"–"}
    assert status.run == "5f3c9a1e · stxm_energy_stack · run.operando"
    assert status.detail == "map provisional"
    lossy = present_status(replace(filling, delivery=Delivery(lost=2)), 0, STALE_S)
    assert [field.caption for field in lossy.fields if field.is_alarming] == ["Lost · again · refused"]


def test_an_unknown_end_is_not_invented(filling):
    plan = replace(filling.plan, cycles=None)
    progress = replace(filling.progress, run_remaining_s=float("nan"), lines_planned=None)
    status = present_status(replace(filling, plan=plan, progress=progress), 0, STALE_S)
    values = {field.caption: field.value for field in status.fields}
    assert (values["Cycle"], values["Run ends in"]) == ("4", "–")


def test_what_is_measured_beside_the_maps_is_shown_as_it_is(filling):
    vitals = Vitals(drift_nm_per_min=3.21, dose_mgy=12.0, disk_h=30.5)
    status = present_status(replace(filling, vitals=vitals), 0, STALE_S)
    values = {field.caption: field.value for field in status.fields}
    assert (values["Drift"], values["Dose"], values["Disk"]) == ("3.21 nm/min", "12 MGy", "1 d 06 h")


def test_rows_that_were_left_out_are_counted_where_the_order_is_known(filling):
    short = replace(filling, progress=replace(filling.progress, lines_seen=filling.progress.lines_seen - 7))
    assert filling.rows_missing == 0
    assert short.rows_missing == 7
    assert replace(short, plan=replace(short.plan, is_open=True)).rows_missing is None


def test_a_lost_source_is_a_finding(filling):
    lost = replace(filling, delivery=Delivery(failure="unplugged"))
    assert present_findings(lost)[0].message == "the source is lost: unplugged"


def test_findings_come_worst_first_and_once(filling):
    twice = Finding("i0-jump", Severity.ALARM, "another of the same kind")
    shown = present_findings(replace(filling, findings=(*filling.findings, twice)))
    assert [finding.severity for finding in shown] == [Severity.ALARM, Severity.WARNING, Severity.INFO]
    assert len({finding.code for finding in shown}) == len(shown)


def test_r_factor_and_thickness_say_what_they_are(filling):
    assert "Σr²/Σy²" in quantity(MapChoice(MapKind.R_FACTOR), None).label
    for unit, words in (("od_per_nm", "nm"), ("optical_density", "references")):
        snapshot = replace(filling, phases=replace(filling.phases, unit=unit))
        assert words in quantity(MapChoice(MapKind.THICKNESS), snapshot).label
