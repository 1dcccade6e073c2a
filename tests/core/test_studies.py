"""Studies follow from the set of lines: order, lateness and a stay on disk leave no trace in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drifting import series_with
from moving_front import Series
from operando.cell import CellReading
from operando.core.electrochemistry import Host
from operando.core.incident import IncidentMode
from operando.core.pipeline import PipelineState, close, hear, look, start, step
from operando.core.study_rules import CellRule, StudyRules
from operando.core.track import Registering, RegistrationRule
from operando.io.frozen import digest_of, freeze, thaw
from operando.oddities import Unexplained
from operando.types import RunClosed, Severity, Snapshot
from scans import library, recipe
from strange_cells import cell_of
from two_particles import (
    AREAL_G_CM2,
    CYCLES,
    LINES,
    PER_CYCLE,
    PHOTONS_PER_S,
    PLAN,
    RULES,
    recorded,
    run,
)

WHOLE, RECORDS = run(LINES)
KNOWN = digest_of(WHOLE.studies)


@settings(max_examples=8, deadline=None)
@given(
    late=st.lists(st.tuples(st.integers(0, PER_CYCLE - 1), st.integers(1, 2 * PER_CYCLE - 1)), max_size=3),
    again=st.lists(st.sampled_from(range(len(LINES))), max_size=3),
)
def test_lines_that_come_late_or_twice_leave_no_trace(late: list[tuple[int, int]], again: list[int]) -> None:
    # A place further on, but not so far that the history has passed.
    places = {place: place + later for place, later in late}
    order = sorted(range(len(LINES)), key=lambda place: (places.get(place, place), place))
    lines = [LINES[place] for place in order] + [LINES[place] for place in again if place >= 2 * PER_CYCLE]
    state, records = run(lines)
    assert records.keys() == RECORDS.keys()
    assert digest_of(state.studies) == KNOWN
    for cycle, snapshot in records.items():
        for name in ("particles", "unexplained", "clusters", "dose", "of_record"):
            mine, expected = getattr(snapshot, name), getattr(RECORDS[cycle], name)
            assert repr(mine) == repr(expected), name


@settings(max_examples=4, deadline=None)
@given(stop=st.integers(1, len(LINES) - 1))
def test_a_state_that_was_on_disk_goes_on_as_if_it_had_not(stop: int) -> None:
    state, _ = run(LINES[:stop])
    woken = thaw(PipelineState, freeze(state))
    assert digest_of(run(LINES[stop:], state=woken)[0].studies) == KNOWN


def test_a_cycle_that_was_never_completed_is_studied_before_the_later_ones() -> None:
    missing = {1 * PER_CYCLE + 3}
    lines = [line for place, line in enumerate(LINES) if place not in missing]
    state, records = run(lines)
    state = recorded(close(state, RunClosed(PLAN.run, "success", "")), records)
    book = state.studies.particles
    assert sorted(set(book.cycle.tolist())) == [0, 1, 2, 3]
    assert sorted(set(book.number.tolist())) == [1, 2]


def test_particles_keep_their_numbers_and_their_curves_grow() -> None:
    newest = RECORDS[CYCLES - 1].particles
    assert newest is not None
    assert [one.number for one in newest.particles] == [1, 2]
    for one, slope in zip(newest.particles, (0.15, 0.075), strict=True):
        assert one.curve.cycle.tolist() == list(range(CYCLES))
        assert one.curve.lithium[-1] == one.lithium
        per_cycle_h = PER_CYCLE / 3600
        assert abs(one.rate_per_h - slope / per_cycle_h) < 4 * one.rate_error_per_h
        assert one.pixels == (newest.labels == one.number).sum()
    # A look between cycles shows those of the last.
    assert repr(look(WHOLE).particles) == repr(newest)


def test_clusters_are_of_like_pixels_and_keep_their_numbers() -> None:
    for snapshot in RECORDS.values():
        assert snapshot.clusters is not None
        assert set(np.unique(snapshot.clusters.labels)) <= {0, 1, 2}


def test_the_dose_is_what_the_light_leaves_in_the_mass() -> None:
    snapshot = RECORDS[CYCLES - 1]
    assert snapshot.dose is not None
    assert snapshot.map is not None
    od = np.clip(np.nan_to_num(snapshot.od), 0.0, None)
    photons = CYCLES * PHOTONS_PER_S * 1e-3
    joule = 1.602176634e-19 * photons * np.einsum("e,eyx->yx", PLAN.energies_ev, -np.expm1(-od))
    pixel_cm2 = 1e-8 * (2 / 17) * (2 / 19)
    mass_kg = 1e-3 * AREAL_G_CM2 * snapshot.map.thickness * pixel_cm2
    valid = snapshot.map.valid
    assert snapshot.dose.pixels_mgy[valid] == pytest.approx(1e-6 * joule[valid] / mass_kg[valid])
    assert np.isnan(snapshot.dose.pixels_mgy[~valid]).all()
    assert snapshot.vitals.dose_mgy == snapshot.dose.field_mgy
    assert "dose" not in [finding.code for finding in snapshot.findings]


@pytest.mark.parametrize(("share", "severity"), [(0.99, Severity.ALARM), (1.1, Severity.WARNING)])
def test_a_dose_near_its_limit_is_said(share: float, severity: Severity) -> None:
    dose = RECORDS[CYCLES - 1].vitals.dose_mgy
    assert RULES.dose is not None
    rules = replace(RULES, dose=replace(RULES.dose, limit_mgy=share * dose))
    _, records = run(LINES, rules)
    said = [finding for finding in records[CYCLES - 1].of_record if finding.code == "dose"]
    assert [finding.severity for finding in said] == [severity]


ODD = st.sampled_from([0.0, -5.0, np.nan, np.inf, 1e29, 3.0, 20_000.0])


@settings(max_examples=8, deadline=None)
@given(
    odd=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 17), ODD), max_size=30),
    whole=st.lists(st.tuples(st.integers(0, 3), ODD), max_size=4),
)
def test_readings_of_any_kind_are_studied_without_a_complaint(
    odd: list[tuple[int, int, int, float]], whole: list[tuple[int, float]]
) -> None:
    rows = {(cycle, energy, row): value for cycle, energy, row, value in odd}
    images = dict(whole)
    lines = [
        replace(
            line,
            counts=np.full(20, rows.get((line.cycle, line.energy, line.row), images.get(line.energy, 0))),
        )
        if (line.cycle, line.energy, line.row) in rows or line.energy in images
        else line
        for line in LINES[: 2 * PER_CYCLE]
    ]
    for mode in (IncidentMode.FILE, IncidentMode.BLANK):
        rule = replace(recipe().incident, mode=mode)
        state = start(PLAN, library(), replace(recipe(), incident=rule), RULES)
        _, records = run(lines, state=state)
        said = [finding.code for snapshot in records.values() for finding in snapshot.of_record]
        assert "studies" not in said


def test_a_study_that_fails_is_said_and_costs_no_map(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        msg = "nobody foresaw this"
        raise ValueError(msg)

    monkeypatch.setattr("operando.core.pipeline.studied", fails)
    _, records = run(LINES)
    assert list(records) == list(range(CYCLES))
    assert records[0].map is not None
    assert "studies" in [finding.code for finding in records[0].of_record]
    assert records[0].particles is None


def with_charge(rule: CellRule, share: float) -> Snapshot:
    """Return the last record of a cell whose charge is `share` times what its field shows."""
    state = start(PLAN, library(), recipe(), replace(RULES, cell=rule))
    assert rule.host is not None
    curve = RECORDS[CYCLES - 1].curve
    for time_s in np.arange(PLAN.started_s, LINES[-1].time_s, 10.0).tolist():
        x = float(np.interp(time_s, curve.time_s, curve.lithium))
        charge_mah = -(x - rule.host.lithium_at_start) * 1e-3 * 96485.33212 / 3.6 * 1e-3 / share
        state = hear(state, CellReading(PLAN.run, time_s, 3.4 - 0.2 * x, float("nan"), charge_mah))
    return run(LINES, state=state)[1][CYCLES - 1]


def test_charge_that_the_field_follows_is_no_finding_and_one_it_does_not_is() -> None:
    first = float(RECORDS[0].curve.lithium[0])
    rule = CellRule(Host(1.0, 1000.0, first), longest_lag_s=60.0)
    agreeing = with_charge(rule, 1.0)
    assert agreeing.cell is not None
    assert agreeing.cell.comparison is not None
    assert agreeing.cell.comparison.share == pytest.approx(1.0, abs=0.05)
    assert "charge-differs" not in [finding.code for finding in agreeing.of_record]
    assert agreeing.cell.time_s[-1] <= agreeing.curve.time_s[-1]
    half = with_charge(rule, 0.5)
    assert "charge-differs" in [finding.code for finding in half.of_record]


def codes(series: Series, rules: StudyRules = RULES) -> list[list[str]]:
    """Return what was found in each cycle of a series."""
    state = start(series.plan, series.library, series.recipe, rules)
    records: dict[int, Snapshot] = {}
    for line in series.lines:
        state = recorded(step(state, line), records)
    return [[finding.code for finding in records[cycle].of_record] for cycle in sorted(records)]


SILENT = ["references-model"]


def test_an_unknown_phase_is_found_by_the_engine_in_the_second_cycle() -> None:
    found = codes(cell_of("lixv2o5", 1.0, 1, cycles=3, intruder=0.05))
    assert found == [SILENT, ["unknown-phase", *SILENT], ["unknown-phase", *SILENT]]


def test_moving_the_images_makes_an_unknown_phase_no_surer() -> None:
    series = cell_of("lixv2o5", 1.0, 1, cycles=2, intruder=0.05)

    def place_moved_by(*by_px: float) -> Unexplained:
        manual = {(cycle, energy): (by_px[0], by_px[1]) for cycle in range(2) for energy in range(5)}
        rule = RegistrationRule(Registering.OFF, None, manual)
        records: dict[int, Snapshot] = {}
        rules = StudyRules(health=False, energy_offset=False, particles=False)
        state = start(series.plan, series.library, replace(series.recipe, registration=rule), rules)
        for line in series.lines:
            state = recorded(step(state, line), records)
        return records[1].unexplained[0]

    whole, half = place_moved_by(2.0, 1.0), place_moved_by(0.5, 0.5)
    assert half.od_error == pytest.approx(whole.od_error, rel=0.1)
    # Of so small a place a part of the noise does average out.
    assert 0.8 < half.significance / whole.significance < 1.02


def test_an_energy_offset_is_found_by_the_engine_at_once_and_a_clean_cell_is_silent() -> None:
    assert codes(cell_of("lixfepo4", 0.0, 1, cycles=1, offset_ev=0.3)) == [["energy-offset", *SILENT]]
    assert codes(cell_of("lixfepo4", 1.0, 2, cycles=3, peak_od=(0.5, 1.3))) == [SILENT] * 3


def test_a_cell_that_drifts_is_lined_up_and_silent_too() -> None:
    assert codes(series_with((30.0, 0.0), "lixv2o5", 1.0, 5, pixels=64, cycles=4)) == [SILENT] * 4


def test_rows_whose_beam_fell_and_dead_pixels_are_found_by_the_engine() -> None:
    series = cell_of("lixv2o5", 0.0, 3, cycles=1)
    dimmed = [
        replace(line, counts=line.counts * 0.8) if line.energy == 2 and 20 <= line.row < 26 else line
        for line in series.lines
    ]
    assert "i0-jump" in codes(replace(series, lines=dimmed))[0]
    stuck = [replace(line, counts=np.where(np.arange(64) < 2, 777.0, line.counts)) for line in series.lines]
    assert "dead-pixels" in codes(replace(series, lines=stuck))[0]


def test_nothing_is_studied_where_nothing_is_asked_for() -> None:
    rules = StudyRules(health=False, unknown_phase=False, energy_offset=False, particles=False)
    state, records = run(LINES, rules)
    assert state.studies.newest is None
    assert records[0].particles is None
    assert records[0].dose is None
