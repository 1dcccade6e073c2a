"""The state is what is known: order, grouping and repetition of lines leave no trace."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.incident import IncidentMode, IncidentRule
from operando.core.pipeline import PipelineState, close, due, look, record, replan, start, step
from operando.core.references import resample
from operando.core.stack import Estimator
from operando.errors import ConfigurationError, FrameRejected, RunRejected
from operando.types import Line, LithiationMap, Reason, RunClosed, Snapshot
from scans import library, lines_of, plan_of, recipe, stack_of

PLAN = plan_of()
COUNTS = stack_of(PLAN, np.random.default_rng(0))
LINES = lines_of(PLAN, COUNTS)
PER_CYCLE = len(LINES) // 2


def run(lines: list[Line], state: PipelineState | None = None) -> tuple[PipelineState, dict[int, Snapshot]]:
    state = state or start(PLAN, library(), recipe())
    records: dict[int, Snapshot] = {}
    for line in lines:
        state = step(state, line)
        for cycle in due(state):
            state, records[cycle] = record(state, cycle)
    return state, records


def assert_same_bytes(one: LithiationMap | None, other: LithiationMap | None) -> None:
    assert one is not None
    assert other is not None
    for name in (entry.name for entry in fields(LithiationMap)):
        ours, theirs = np.asarray(getattr(one, name)), np.asarray(getattr(other, name))
        assert ours.tobytes() == theirs.tobytes(), name


REFERENCE = run(LINES)[1]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_order_and_repetition_within_a_cycle_change_no_bit(data: st.DataObject) -> None:
    order = [
        *data.draw(st.permutations(range(PER_CYCLE))),
        *(PER_CYCLE + index for index in data.draw(st.permutations(range(PER_CYCLE)))),
    ]
    again = data.draw(st.lists(st.sampled_from(range(PER_CYCLE)), max_size=5))
    shuffled = [LINES[index] for index in (*order[:PER_CYCLE], *again, *order[PER_CYCLE:])]
    _, records = run(shuffled)
    assert records.keys() == REFERENCE.keys()
    for cycle, snapshot in records.items():
        assert_same_bytes(snapshot.map, REFERENCE[cycle].map)


@settings(max_examples=25, deadline=None)
@given(index=st.integers(0, PER_CYCLE - 1), late=st.booleans())
def test_of_two_deliveries_of_a_row_the_one_taken_later_counts(index: int, late: bool) -> None:
    first = LINES[index]
    wrong = replace(first, counts=first.counts * 0.5, time_s=first.time_s - 0.5)
    before, after = (first, wrong) if late else (wrong, first)
    lines = [*LINES[:index], before, after, *LINES[index + 1 :]]
    _, records = run(lines)
    assert_same_bytes(records[0].map, REFERENCE[0].map)


def test_a_row_repeated_after_its_cycle_was_recorded_is_recorded_anew() -> None:
    state, _ = run(LINES[: PER_CYCLE + 3])
    corrected = replace(LINES[2], counts=LINES[2].counts * 0.9, time_s=LINES[PER_CYCLE + 3].time_s)
    _, records = run([corrected], state)
    assert list(records) == [0]
    expected = run([*LINES[:2], corrected, *LINES[3:PER_CYCLE]])[1]
    assert records[0].map is not None
    assert records[0].map.lithium.tobytes() == expected[0].map.lithium.tobytes()


def test_what_a_snapshot_holds_does_not_change_any_more() -> None:
    state, _ = run(LINES[:10])
    snapshot = look(state)
    assert snapshot.frame is not None
    before = (snapshot.od.tobytes(), snapshot.frame.counts.tobytes(), snapshot.row_time_s.tobytes())
    run(LINES[10:PER_CYCLE], state)
    assert before == (snapshot.od.tobytes(), snapshot.frame.counts.tobytes(), snapshot.row_time_s.tobytes())


def test_the_map_is_provisional_until_its_cycle_is_whole() -> None:
    state, records = run(LINES[: PER_CYCLE - 1])
    assert not records
    newest = look(state).map
    assert newest is not None
    assert newest.is_provisional
    assert (newest.energies_used[-1] == 3).all()
    assert (newest.energies_used[:-1] == 4).all()
    _, records = run([LINES[PER_CYCLE - 1]], state)
    assert records[0].map is not None
    assert not records[0].map.is_provisional


def test_pixels_seen_at_too_few_energies_are_nan_and_say_so() -> None:
    state, _ = run(LINES[: 2 * PLAN.grid.shape[0]])
    snapshot = look(state)
    assert snapshot.map is None, "two energies cannot tell three phases"
    state, _ = run(LINES[2 * PLAN.grid.shape[0] : 2 * PLAN.grid.shape[0] + 2], state)
    newest = look(state).map
    assert newest is not None
    assert (newest.reason[2:] == Reason.UNSEEN).all()
    assert np.isnan(newest.lithium[2:]).all()
    assert np.isfinite(newest.lithium[:2][newest.valid[:2]]).all()


def test_x_agrees_with_the_mixtures_the_counts_were_made_of() -> None:
    newest = REFERENCE[0].map
    assert newest is not None
    rng = np.random.default_rng(0)
    amounts = rng.uniform(0.0, 0.6, size=(2, 3, *PLAN.grid.shape))
    x = np.einsum("syx,s->yx", amounts[0], library().lithium) / amounts[0].sum(axis=0)
    deviation = np.abs(newest.lithium - x)[newest.valid] / newest.lithium_error[newest.valid]
    # 48 pixels at 3 σ: the chance of a false alarm at 4 σ is below one in a hundred.
    assert newest.valid.sum() > 40
    assert (deviation < 4).all()


def test_bad_readings_make_only_their_own_pixel_undetermined() -> None:
    spoiled = [replace(line, counts=line.counts.copy()) for line in LINES[:PER_CYCLE]]
    for value, column in ((np.nan, 0), (-5.0, 1), (0.0, 2), (np.inf, 3)):
        for line in spoiled:
            if line.row == 1 and line.energy < 2:
                line.counts[column] = value
    newest = run(spoiled)[1][0].map
    reference = REFERENCE[0].map
    assert newest is not None
    assert reference is not None
    assert (newest.reason[1, :4] >= Reason.UNSEEN).all()
    assert np.isnan(newest.lithium[1, :4]).all()
    untouched = np.ones(PLAN.grid.shape, dtype=bool)
    untouched[1, :4] = False
    assert newest.lithium[untouched].tobytes() == reference.lithium[untouched].tobytes()


def test_a_run_that_ends_in_mid_cycle_is_recorded_if_half_of_the_cycle_is_there() -> None:
    ended = RunClosed(PLAN.run, "abort", "")
    for lines, expected in ((PER_CYCLE // 2, (0,)), (PER_CYCLE // 2 - 1, ())):
        state, _ = run(LINES[:lines])
        assert due(close(state, ended)) == expected
    state, _ = run(LINES[: PER_CYCLE // 2])
    _, snapshot = record(close(state, ended), 0)
    assert {finding.code for finding in snapshot.findings} >= {"run-ended", "lines-missing"}


@pytest.mark.parametrize(
    "bad",
    [
        replace(LINES[0], energy=4),
        replace(LINES[0], row=6),
        replace(LINES[0], row=-1),
        replace(LINES[0], cycle=-1),
        replace(LINES[0], counts=np.ones(3)),
        replace(LINES[0], time_s=float("nan")),
    ],
)
def test_a_line_that_does_not_fit_is_rejected(bad: Line) -> None:
    with pytest.raises(FrameRejected):
        step(start(PLAN, library(), recipe()), bad)


def test_memory_holds_only_the_newest_cycles() -> None:
    state = start(replace(PLAN, cycles=None), library(), recipe())
    for cycle in range(7):
        shifted = [replace(line, cycle=cycle, time_s=line.time_s + 100 * cycle) for line in LINES[:PER_CYCLE]]
        state, _ = run(shifted, state)
    # Three that lines may still come for, and two that a map of the oldest of them looks back on.
    assert {key[0] for key in state.stack.images} == {2, 3, 4, 5, 6}
    assert look(state).curve.cycle.tolist() == list(range(7))
    with pytest.raises(FrameRejected):
        step(state, LINES[0])


def test_too_few_energies_are_refused_before_the_beam_is_used() -> None:
    with pytest.raises(RunRejected, match="2 energies"):
        start(plan_of(energies_ev=np.array([700.0, 708.0])), library(), recipe())


def test_an_energy_outside_the_references_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"covers 690\.00 to 729\.75 eV.*740\.00"):
        start(plan_of(energies_ev=np.array([700.0, 708.0, 740.0])), library(), recipe())


def test_a_plan_may_learn_of_more_energies_but_not_change_those_it_has() -> None:
    opened = replace(plan_of(energies_ev=np.array([700.0])), is_open=True)
    state = start(opened, library(), recipe())
    grown = replace(plan_of(energies_ev=np.array([700.0, 708.0, 710.0])))
    assert replan(state, grown).plan.energies_ev.size == 3
    with pytest.raises(RunRejected):
        replan(state, plan_of(energies_ev=np.array([701.0, 708.0, 710.0])))
    with pytest.raises(RunRejected):
        replan(state, plan_of(shape=(5, 8)))


WIDE = plan_of(shape=(8, 12))
MODES = {
    "blank": IncidentRule(IncidentMode.BLANK),
    "channel": IncidentRule(IncidentMode.CHANNEL),
    "file": recipe().incident,
}


def lines_in_beam() -> list[Line]:
    """Return two cycles of a field that is blank on its left, with a channel that misses some rows."""
    counts = stack_of(WIDE, np.random.default_rng(4))
    counts[..., :6] = np.random.default_rng(5).poisson(20_000.0, counts[..., :6].shape)
    channel = np.random.default_rng(6).poisson(20_000.0, counts.shape).astype(np.float64)
    return [
        replace(
            line, i0=None if (line.row + line.energy) % 5 == 0 else channel[line.cycle, line.energy, line.row]
        )
        for line in lines_of(WIDE, counts)
    ]


IN_BEAM = lines_in_beam()


@pytest.mark.parametrize("mode", sorted(MODES))
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_order_leaves_no_trace_wherever_i0_comes_from(mode: str, data: st.DataObject) -> None:
    half = len(IN_BEAM) // 2
    order = [
        *data.draw(st.permutations(range(half))),
        *(half + index for index in data.draw(st.permutations(range(half)))),
    ]
    used = replace(recipe(), incident=MODES[mode])
    reference = run(IN_BEAM, start(WIDE, library(), used))[1]
    shuffled = run([IN_BEAM[index] for index in order], start(WIDE, library(), used))[1]
    assert shuffled.keys() == reference.keys() == {0, 1}
    for cycle, snapshot in shuffled.items():
        assert_same_bytes(snapshot.map, reference[cycle].map)


def test_a_row_without_its_channel_reading_waits_and_the_one_before_stands_in() -> None:
    used = replace(recipe(), incident=MODES["channel"], estimator=Estimator.LATEST)
    first = [replace(line, i0=np.full(12, 20_000.0)) for line in IN_BEAM[: len(IN_BEAM) // 2]]
    second = IN_BEAM[len(IN_BEAM) // 2 :]
    state, _ = run([*first, *second], start(WIDE, library(), used))
    times = look(state).row_time_s
    for line in second:
        is_new = times[line.energy, line.row] == line.time_s
        assert is_new == (line.i0 is not None)


@pytest.mark.parametrize("cycle", [2, 1000, 10**9])
def test_a_damaged_cycle_number_does_not_make_the_others_look_old(cycle: int) -> None:
    state, _ = run(LINES[:5])
    with pytest.raises(FrameRejected, match="under way"):
        step(state, replace(LINES[5], cycle=cycle))
    assert run(LINES[5:], state)[1].keys() == {0, 1}


def test_blank_pixels_that_hold_a_film_are_an_alarm() -> None:
    used = replace(recipe(), incident=MODES["blank"])
    film = np.exp(-0.5 * resample(library(), WIDE.energies_ev).mean(axis=1))
    for covered, expected in ((np.ones(4), False), (film, True)):
        lines = [replace(line, counts=line.counts * covered[line.energy]) for line in IN_BEAM]
        _, records = run(lines, start(WIDE, library(), used))
        assert ("i0-contaminated" in {finding.code for finding in records[0].findings}) == expected


def test_a_line_delivered_again_changes_nothing_and_records_nothing() -> None:
    state, _ = run(LINES[: PER_CYCLE + 2])
    for line in (LINES[0], LINES[PER_CYCLE - 1], LINES[PER_CYCLE]):
        assert step(state, line) is state


def test_clocks_that_differ_are_said_and_times_are_counted_from_the_first_line() -> None:
    state, _ = run([replace(line, time_s=line.time_s + 1e7) for line in LINES[:PER_CYCLE]])
    snapshot = look(state)
    assert "clocks" in {finding.code for finding in snapshot.findings}
    assert snapshot.plan.started_s == LINES[0].time_s + 1e7
    assert look(run(LINES[:PER_CYCLE])[0]).plan.started_s == PLAN.started_s


@pytest.mark.parametrize(("gain", "expected"), [(1.0, False), (0.05, True)])
def test_a_fit_that_is_worse_than_its_errors_is_said(gain: float, expected: bool) -> None:
    used = replace(recipe(), detector=replace(recipe().detector, gain=gain))
    _, records = run(LINES[:PER_CYCLE], start(PLAN, library(), used))
    assert ("fit-poor" in {finding.code for finding in records[0].findings}) == expected
