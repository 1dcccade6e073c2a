"""Registration in the pipeline: laws of the set of lines, what is found, held and said, and left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_increment import assert_same_bits

from operando.core.absorption import Detector
from operando.core.advice import Memory, Rules, advise
from operando.core.drift import Drift, drift_findings
from operando.core.fit import Background
from operando.core.incident import IncidentMode, IncidentRule
from operando.core.increment import Solved
from operando.core.pipeline import PipelineState, due, look, look_again, record, start, step
from operando.core.placing import Place, placing_of
from operando.core.stack import HISTORY_CYCLES, Estimator, Recipe
from operando.core.track import Kind, Registering, RegistrationRule
from operando.io.frozen import Frozen, freeze, thaw
from operando.types import FloatArray, Line, Severity, Snapshot
from scans import library, lines_of, plan_of, recipe

ENERGIES_EV = np.array([700.0, 708.0, 709.0, 711.0])
NY, NX, CYCLES = 40, 44, 5
PLAN = plan_of(shape=(NY, NX), cycles=None, energies_ev=ENERGIES_EV)
PER_CYCLE = ENERGIES_EV.size * NY
STEP_PX = np.array([0.11, -0.23])
"""(y, x), from image to image."""
FAR_PX = np.array([9.0, -8.0])


def od_of(energy: int, shift_px: FloatArray, seed: int = 4) -> FloatArray:
    """Return optical densities of soft particles of two phases on bare membrane, moved by a shift."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:NY, :NX].astype(float)
    values = [np.interp(ENERGIES_EV[energy], phase.energy_ev, phase.value) for phase in library().phases]
    od = np.zeros((NY, NX))
    for _ in range(6):
        centre, size = rng.uniform((8, 8), (NY - 8, NX - 8)), rng.uniform(2.5, 5.0, 2)
        share = rng.uniform()
        distance = ((y - centre[0] - shift_px[0]) / size[0]) ** 2
        distance += ((x - centre[1] - shift_px[1]) / size[1]) ** 2
        od += (share * values[0] + (1 - share) * values[2]) * np.exp(-(distance**2))
    return od


def where(cycle: int, energy: int) -> FloatArray:
    """Return how far an image lies from the first."""
    return STEP_PX * (cycle * ENERGIES_EV.size + energy)


def scanned(shifts: FloatArray, seed: int = 0) -> list[Line]:
    """Return the lines of a sample at given places, shape (cycle, energy, 2), with an I0 channel."""
    rng = np.random.default_rng(seed)
    cycles = len(shifts)
    mean = [[od_of(energy, shift) for energy, shift in enumerate(row)] for row in shifts]
    counts = rng.poisson(20_000.0 * np.exp(-np.array(mean))).astype(float)
    plan = replace(PLAN, cycles=cycles)
    return [replace(line, i0=rng.poisson(9_000.0, NX).astype(float)) for line in lines_of(plan, counts)]


SHIFTS = np.array([[where(cycle, energy) for energy in range(4)] for cycle in range(CYCLES)])
LINES = scanned(SHIFTS)
LONG = scanned(np.array([[where(cycle, energy) for energy in range(4)] for cycle in range(7)]) / 2)
STILL = scanned(np.zeros((2, 4, 2)))
RULES = {
    IncidentMode.FILE: recipe().incident,
    IncidentMode.BLANK: IncidentRule(IncidentMode.BLANK),
    IncidentMode.CHANNEL: IncidentRule(IncidentMode.CHANNEL, 20.0 / 9.0),
    IncidentMode.REFERENCES: IncidentRule(IncidentMode.REFERENCES, 20.0 / 9.0),
}


def recipe_with(
    rule: RegistrationRule, mode: IncidentMode = IncidentMode.BLANK, estimator: Estimator = Estimator.TIMED
) -> Recipe:
    return replace(recipe(), incident=RULES[mode], estimator=estimator, registration=rule)


ON = recipe_with(RegistrationRule(Registering.ON))


def after(
    lines: list[Line], with_recipe: Recipe = ON, state: PipelineState | None = None
) -> tuple[PipelineState, dict[int, Snapshot]]:
    """Return the state after some lines, and the last record of each cycle."""
    state = start(PLAN, library(), with_recipe) if state is None else state
    records: dict[int, Snapshot] = {}
    for line in lines:
        state = step(state, line)
        while cycles := due(state):
            state, records[cycles[0]] = record(state, cycles[0])
    return state, records


WHOLE = after(LINES[: 3 * PER_CYCLE])[1]


def places_in(state: PipelineState, cycle: int) -> dict[tuple[int, int], Place]:
    placing = placing_of(state.stack, cycle)
    assert placing is not None
    return placing.places


@pytest.mark.parametrize("mode", list(IncidentMode))
def test_a_drifting_sample_stays_where_it_was_at_first(mode: IncidentMode) -> None:
    rule = RegistrationRule(Registering.ON)
    _, records = after(LINES, recipe_with(rule, mode))
    found = np.stack([records[cycle].map.shift_px for cycle in range(CYCLES)])
    # The first cycle compares energies of different contrast, and is recorded anew when the second has come.
    assert np.abs(found - SHIFTS)[0].max() < 0.06
    # A channel has noise of its own; errors of single images are 0.02 to 0.04.
    assert np.abs(found - SHIFTS)[1:].max() < 0.15
    _, still = after(scanned(np.zeros((CYCLES, 4, 2))), recipe_with(RegistrationRule(Registering.OFF), mode))
    _, left = after(LINES, recipe_with(RegistrationRule(Registering.OFF), mode))
    last = CYCLES - 1

    def off_by(snapshot: Snapshot) -> float:
        both = snapshot.map.valid & still[last].map.valid
        return float(np.sqrt(np.mean((snapshot.map.lithium - still[last].map.lithium)[both] ** 2)))

    assert off_by(records[last]) < off_by(left[last]) / 3


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(data=st.data())
def test_order_and_repetition_leave_no_trace(data: st.DataObject) -> None:
    known = data.draw(st.integers(2 * PER_CYCLE - 60, 3 * PER_CYCLE - 60), label="lines")
    mode = data.draw(st.sampled_from(list(IncidentMode)), label="I0")
    with_recipe = recipe_with(RegistrationRule(Registering.ON), mode)
    start_at = max(known - 100, 0)
    tail = data.draw(st.permutations(range(start_at, known)), label="order")
    again = data.draw(st.lists(st.integers(0, known - 1), max_size=6), label="again")
    straight, _ = after(LINES[:known], with_recipe)
    shuffled, _ = after([*LINES[:start_at], *(LINES[i] for i in (*tail, *again))], with_recipe)
    one, other = look(straight), look(shuffled)
    assert_same_bits(one.map, other.map)
    assert_same_bits(one.od, other.od)
    assert_same_bits(one.vitals, other.vitals)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(data=st.data())
def test_a_look_helped_by_the_last_is_a_look_without_help(data: st.DataObject) -> None:
    known = data.draw(st.integers(PER_CYCLE, 3 * PER_CYCLE), label="lines before the first look")
    mode = data.draw(st.sampled_from(list(IncidentMode)), label="I0")
    # Across the end of an image, with lines of images long finished taken again.
    rewound = data.draw(st.lists(st.integers(known - PER_CYCLE, known), max_size=3), label="rewound")
    state, _ = after(LINES[:known], recipe_with(RegistrationRule(Registering.ON), mode))
    later = [
        replace(LINES[i], counts=LINES[i].counts * 0.97, time_s=LINES[known + 12].time_s + i) for i in rewound
    ]
    solved: Solved | None = None
    for line in [*LINES[known : known + 12], *later]:
        state = step(state, line)
        helped, solved = look_again(state, solved)
        assert_same_bits(helped, look(state))
        for cycle in due(state):
            state, _ = record(state, cycle)


@pytest.mark.parametrize("by_px", [(0.5, 0.5), (0.3, 0.0), (2.0, -1.0)])
def test_moving_an_image_makes_its_pixels_surer_and_not_their_mean(by_px: tuple[float, float]) -> None:
    lines = scanned(np.zeros((1, 4, 2)))
    rule = RegistrationRule(Registering.OFF, None, {(0, energy): by_px for energy in range(4)})
    _, moved = after(lines, recipe_with(rule, IncidentMode.FILE))
    _, scanned_ = after(lines, recipe_with(RegistrationRule(Registering.OFF), IncidentMode.FILE))
    one, other = moved[0], scanned_[0]
    assert one.curve.lithium_error[0] == pytest.approx(other.curve.lithium_error[0], rel=0.05)
    both = one.map.valid & other.map.valid
    surer = np.median(one.map.lithium_error[both] / other.map.lithium_error[both])
    assert surer == pytest.approx({0.5: 0.70, 0.3: 0.92, 2.0: 1.0}[by_px[0]], abs=0.04)


def test_a_look_helped_by_the_last_knows_of_rows_that_left_the_field_as_it_moved() -> None:
    far = np.zeros((2, 4, 2))
    far[1] = (5.0, 0.0)
    rule = RegistrationRule(Registering.OFF, None, {(1, energy): (5.0, 0.0) for energy in range(4)})
    with_recipe = replace(recipe_with(rule), detector=Detector(gain=float("nan")))
    lines = scanned(far)
    state, _ = after(lines, with_recipe)
    _, solved = look_again(state, None)
    # Only the gain is read from this row: it is no part of the images once they are moved.
    noisy = np.random.default_rng(8).poisson(200.0, NX) * 100.0
    late = replace(lines[PER_CYCLE + NY], counts=noisy, time_s=lines[-1].time_s + 1.0)
    state = step(state, late)
    assert_same_bits(look_again(state, solved)[0], look(state))


@pytest.mark.parametrize("known", [NY // 2, PER_CYCLE + 3 * NY + 7, 4 * PER_CYCLE + NY + 3])
def test_a_state_that_was_stored_goes_on_to_the_same_bits(known: int) -> None:
    state, _ = after(LINES[:known])
    frozen = freeze(state)
    again = thaw(PipelineState, Frozen(frozen.plain, [array.copy() for array in frozen.arrays]))
    _, whole = after(LINES[known:], state=state)
    _, resumed = after(LINES[known:], state=again)
    assert whole.keys() == resumed.keys()
    for cycle, snapshot in whole.items():
        assert_same_bits(snapshot, resumed[cycle])


def test_a_line_taken_again_changes_all_images_that_are_compared_with_its_own() -> None:
    changed = replace(LINES[NY + 17], counts=LINES[NY + 17].counts * 0.5, time_s=LINES[0].time_s + 1e5)
    known = (HISTORY_CYCLES - 1) * PER_CYCLE
    _, late = after([*LINES[:known], changed])
    _, soon = after([*LINES[:NY], *(changed if i == NY + 17 else LINES[i] for i in range(NY, known))])
    for cycle in range(HISTORY_CYCLES - 1):
        assert_same_bits(late[cycle].map, soon[cycle].map)
    _, without = after(LINES[:known])
    assert not np.array_equal(without[1].map.shift_px, late[1].map.shift_px)


def test_the_first_cycle_is_told_anew_by_the_second_once_and_not_where_nothing_moves() -> None:
    for lines, mode, expected in (
        (LINES[: 3 * PER_CYCLE], Registering.ON, [0, 0, 1, 2]),
        (LINES[: 3 * PER_CYCLE], Registering.AUTO, [0, 0, 1, 2]),
        (STILL, Registering.AUTO, [0, 1]),
    ):
        state = start(PLAN, library(), recipe_with(RegistrationRule(mode)))
        seen: list[Snapshot] = []
        for line in lines:
            state = step(state, line)
            while cycles := due(state):
                state, snapshot = record(state, cycles[0])
                seen.append(snapshot)
        assert [snapshot.map.cycle for snapshot in seen] == expected
        off_px = [np.abs(snapshot.map.shift_px - SHIFTS[0]).max() for snapshot in seen[:2]]
        assert lines is STILL or off_px[1] < off_px[0] / 2


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(
    late=st.lists(st.tuples(st.integers(0, 2 * PER_CYCLE - 1), st.integers(1, PER_CYCLE)), max_size=3),
    again=st.lists(st.integers(0, 2 * PER_CYCLE - 1), max_size=3),
)
def test_lines_that_come_late_or_twice_leave_no_trace_in_any_record(
    late: list[tuple[int, int]], again: list[int]
) -> None:
    places = {place: place + later for place, later in late}
    order = sorted(range(3 * PER_CYCLE), key=lambda place: (places.get(place, place), place))
    _, records = after([LINES[place] for place in (*order, *again)])
    assert records.keys() == WHOLE.keys()
    for cycle, snapshot in records.items():
        assert_same_bits(snapshot.map, WHOLE[cycle].map)
        assert_same_bits(snapshot.of_record, WHOLE[cycle].of_record)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(
    dark=st.sets(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=12),
    estimator=st.sampled_from(list(Estimator)),
)
def test_a_cycle_recorded_again_is_the_same_whatever_has_left_since(
    dark: set[tuple[int, int]], estimator: Estimator
) -> None:
    noise = np.random.default_rng(5)
    lines = [
        replace(line, counts=noise.poisson(9.0, NX).astype(float))
        if (line.cycle, line.energy) in dark
        else line
        for line in LONG
    ]
    state, records = after(lines, recipe_with(RegistrationRule(Registering.ON), IncidentMode.FILE, estimator))
    for cycle in range(7 - HISTORY_CYCLES, 7):
        assert_same_bits(record(state, cycle)[1].map, records[cycle].map)


def test_nothing_is_done_where_it_is_off_and_a_still_sample_is_left_alone() -> None:
    off, records = after(STILL, recipe_with(RegistrationRule(Registering.OFF)))
    assert placing_of(off.stack, 1) is None
    assert np.isnan(records[1].map.shift_px).all()
    assert np.isnan(records[1].vitals.drift_nm_per_min)
    auto, same = after(STILL, recipe_with(RegistrationRule()))
    placing = placing_of(auto.stack, 1)
    assert placing is not None
    assert all(placing.images[key] is image for key, image in auto.stack.images.items())
    assert_same_bits(records[1].map.lithium, same[1].map.lithium)
    assert (same[1].map.shift_px == 0.0).all()


def test_what_was_not_in_the_field_is_unknown() -> None:
    far = np.zeros((2, 4, 2))
    far[1] = (5.0, -7.0)
    _, records = after(
        scanned(far), recipe_with(RegistrationRule(Registering.ON), estimator=Estimator.LATEST)
    )
    od = records[1].od
    # What was at column 0 to 6 is no longer in the field, nor what was in the last five rows.
    assert np.isnan(od[:, :, :6]).all()
    assert np.isnan(od[:, NY - 4 :]).all()
    assert np.isfinite(od[:, 4 : NY - 9, 11 : NX - 4]).all()


def test_lines_of_an_image_that_is_arriving_lie_where_the_image_before_does() -> None:
    state, _ = after(LINES[: 2 * PER_CYCLE + NY // 2])
    places = places_in(state, 2)
    assert places[2, 0].kind is Kind.HELD
    assert (places[2, 0].y_px, places[2, 0].x_px) == (places[1, 3].y_px, places[1, 3].x_px)
    snapshot = look(state)
    assert not [finding for finding in snapshot.findings if finding.code == "registration-held"]


def test_an_image_that_shows_nothing_is_held_and_said() -> None:
    dark = [
        replace(line, counts=np.random.default_rng(line.row).poisson(9.0, NX).astype(float))
        if (line.cycle, line.energy) == (1, 2)
        else line
        for line in LINES[: 2 * PER_CYCLE]
    ]
    state, records = after(dark)
    places = places_in(state, 1)
    assert places[1, 2].kind is Kind.HELD
    assert (places[1, 2].y_px, places[1, 2].x_px) == (places[1, 1].y_px, places[1, 1].x_px)
    assert np.isnan(records[1].map.shift_quality).tolist() == [False, False, True, False]
    assert np.hypot(*(np.array(records[1].map.shift_px[3]) - where(1, 3))) < 0.1
    held = next(finding for finding in records[1].findings if finding.code == "registration-held")
    assert held.severity is Severity.WARNING
    assert "1 of the 4" in held.message


@pytest.mark.parametrize("estimator", list(Estimator))
@pytest.mark.parametrize("dark", [{2}, {2, 3}, set(range(2, 11))])
def test_an_image_after_dark_ones_is_compared_with_the_last_that_showed_something(
    dark: set[int], estimator: Estimator
) -> None:
    energy, cycles = 2, max(dark) + 6
    one, other = od_of(energy, np.zeros(2)), od_of(energy, np.zeros(2), seed=7)
    # From one sample to another one: the second image is like the first, the third like the second only.
    turned = np.radians([10.0, 40.0, *[75.0] * cycles])
    noise = np.random.default_rng(3)

    def changed(line: Line) -> Line:
        if line.energy != energy:
            return line
        od = (np.cos(turned[line.cycle]) * one + np.sin(turned[line.cycle]) * other)[line.row]
        mean = 9.0 if line.cycle in dark else 20_000.0 * np.exp(-od)
        return replace(line, counts=noise.poisson(mean, NX).astype(float))

    rule = recipe_with(RegistrationRule(Registering.ON), IncidentMode.FILE, estimator)
    lines = [changed(line) for line in scanned(np.zeros((cycles, 4, 2)))]
    state, _ = after(lines[: (max(dark) + 2) * PER_CYCLE], rule)
    kinds = {cycle: places_in(state, cycle)[cycle, energy].kind for cycle in (1, max(dark), max(dark) + 1)}
    assert kinds == {1: Kind.FOUND, max(dark): Kind.HELD, max(dark) + 1: Kind.FOUND}
    # Nothing came that could change it; that images left must not.
    state, _ = after(lines[(max(dark) + 2) * PER_CYCLE :], rule, state)
    places = places_in(state, cycles - 1)
    assert {places[cycle, energy].kind for cycle in range(max(dark) + 1, cycles)} == {Kind.FOUND}


def test_a_first_image_that_shows_nothing_holds_its_energy_for_a_cycle_only() -> None:
    noise = np.random.default_rng(2)
    dark = [
        replace(line, counts=noise.poisson(9.0, NX).astype(float)) if line.cycle + line.energy == 0 else line
        for line in LINES[: 3 * PER_CYCLE]
    ]
    state, _ = after(dark)
    kinds = [[places_in(state, 2)[cycle, energy].kind for energy in range(4)] for cycle in range(3)]
    assert kinds[0] == [Kind.FIRST, *[Kind.HELD] * 3]
    assert kinds[1] == [Kind.HELD, *[Kind.FOUND] * 3]
    assert kinds[2] == [Kind.FOUND] * 4


def test_a_field_that_jumps_between_two_energies_is_found_again() -> None:
    shifts = SHIFTS[:2].copy()
    shifts[0, 2:] += FAR_PX
    shifts[1] += FAR_PX
    _, records = after(scanned(shifts))
    assert np.abs(records[0].map.shift_px - shifts[0]).max() < 0.2
    assert np.abs(records[1].map.shift_px - shifts[1]).max() < 0.2


def test_a_shift_by_hand_holds_and_with_all_else_off_for_the_images_after_it() -> None:
    manual = {(0, 1): (1.5, -2.0), (1, 2): (3.0, 4.0)}
    state, records = after(
        LINES[: 2 * PER_CYCLE], recipe_with(RegistrationRule(Registering.OFF, None, manual))
    )
    moved = np.concatenate([records[0].map.shift_px, records[1].map.shift_px]).tolist()
    assert moved == [[0.0, 0.0], *[[1.5, -2.0]] * 5, *[[3.0, 4.0]] * 2]
    assert not [finding for finding in records[1].findings if finding.code == "registration-held"]
    on, _ = after(LINES[: 2 * PER_CYCLE], recipe_with(RegistrationRule(Registering.ON, None, manual)))
    assert places_in(on, 1)[1, 2].moved_px == (3.0, 4.0)
    assert places_in(on, 1)[1, 3].kind is Kind.FOUND
    assert places_in(state, 1)[1, 3].kind is Kind.HELD


def test_drift_is_told_and_an_alarm_comes_before_the_field_is_lost() -> None:
    _, records = after(LINES, recipe_with(RegistrationRule(Registering.ON, cap_px=6.0)))
    assert np.isnan(records[0].vitals.drift_nm_per_min)
    grid = PLAN.grid
    pitch_um = np.array([grid.y_um[1] - grid.y_um[0], grid.x_um[1] - grid.x_um[0]])
    frame_s = LINES[NY].time_s - LINES[0].time_s
    expected = 60e3 * np.hypot(*(STEP_PX * pitch_um)) / frame_s
    assert records[4].vitals.drift_nm_per_min == pytest.approx(expected, rel=0.1)
    alarms = [any(finding.code == "drift" for finding in records[cycle].findings) for cycle in range(CYCLES)]
    # At 0.92 pixels a cycle in x, 4.4 are gone in the end and 1.6 left: less than two cycles.
    assert alarms[-1]
    assert not alarms[0]
    alarm = next(finding for finding in records[4].findings if finding.code == "drift")
    assert alarm.severity is Severity.ALARM
    assert "cycles" in alarm.message
    assert "max_shift_um" in alarm.advice


def test_of_a_drift_whose_cycle_takes_nobody_knows_how_long_only_the_way_is_told() -> None:
    nan = float("nan")
    rule = RegistrationRule(Registering.ON, cap_px=6.0)
    # The first image of the newest energy was held, so there is none to count a cycle from.
    (said,) = drift_findings(Drift((5.0, 0.0), (0.01, 0.0), 30.0, nan, 0, True), PLAN, rule)
    assert "5.0 pixels" in said.message
    assert "nan" not in said.message
    row = plan_of(shape=(1, NX), energies_ev=ENERGIES_EV)
    (said,) = drift_findings(Drift((0.0, 5.0), (nan, nan), nan, nan, 0, True), row, rule)
    assert "nan" not in said.message + said.advice


def test_beyond_the_cap_nothing_is_believed() -> None:
    shifts = np.zeros((2, 4, 2))
    shifts[1] = (0.0, 7.0)
    state, _ = after(scanned(shifts), recipe_with(RegistrationRule(Registering.ON, cap_px=5.0)))
    assert {places_in(state, 1)[1, energy].kind for energy in range(4)} == {Kind.HELD}


def test_places_of_images_that_left_are_kept_and_old_ones_forgotten() -> None:
    still = scanned(np.zeros((12, 4, 2)) + SHIFTS[1, 0])
    state, _ = after([replace(line, cycle=line.cycle) for line in still[: 11 * PER_CYCLE]])
    track = state.stack.track
    assert set(track.roots) == {0, 1, 2, 3}
    assert all(root.key[0] == 0 for root in track.roots.values())
    assert len(track.settled) < 11 * 4
    assert max(track.settled) == (10 - HISTORY_CYCLES, 3)


def test_advice_says_how_far_the_sample_has_moved() -> None:
    _, records = after(LINES)
    rules = Rules(shift_um=0.1)
    _, early = advise(records[0], Memory(), rules, Background.NONE)
    _, late = advise(records[4], Memory(), rules, Background.NONE)
    assert [suggestion.action for suggestion in early] == ["same"]
    (shift,) = late
    assert shift.action == "shift"
    pitch_um = PLAN.grid.x_um[1] - PLAN.grid.x_um[0]
    assert shift.details["shift_um"][0] == pytest.approx(where(4, 3)[1] * pitch_um, abs=0.01)
