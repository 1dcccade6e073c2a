"""History: what was shown comes back, memory is bounded, and the whole run stays in view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.regions import Marks, Outline, Region
from operando.types import LithiationMap
from operando.view.bands import Band, BandKind, Rows, bands_of
from operando.view.example import Stage, Story, records_until, snapshot_at, with_marks
from operando.view.history import History, HistoryBook, moment_of
from operando.view.timeline import present_timeline, summarised

STORY = Story(shape=(24, 24))
RECORDS = records_until(12, STORY)
LIVE = snapshot_at(Stage(cycles=12, frames=1, rows=5), STORY)


def history_of(records, budget_bytes=2**28):
    history = History(budget_bytes=budget_bytes)
    for record in records:
        history = history.including(record)
    return history


def test_a_moment_shows_what_was_shown():
    for record in RECORDS:
        past = moment_of(record).snapshot(LIVE)
        valid = record.map.valid
        for name in LithiationMap.__dataclass_fields__:
            ours, theirs = getattr(past.map, name), getattr(record.map, name)
            if isinstance(theirs, np.ndarray) and theirs.shape[-2:] == valid.shape:
                np.testing.assert_allclose(ours[..., valid], theirs[..., valid], rtol=1e-6, equal_nan=True)
            elif isinstance(theirs, np.ndarray):
                np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_allclose(past.od, record.od, rtol=1e-6)
        np.testing.assert_array_equal(past.blank, record.blank)
        assert past.frame is None
        # The run stands as it does now.
        assert past.curve is LIVE.curve
        assert past.progress.cycle == record.map.cycle


def test_regions_come_back_with_the_curves_of_now():
    marks = Marks((Region("r", Outline.RECTANGLE, ((1.0, -2.0), (2.0, -1.0))),))
    record, live = (with_marks(snapshot, marks, STORY) for snapshot in (RECORDS[3], LIVE))
    past = moment_of(record).snapshot(live)
    assert past.regions[0].lithium == record.regions[0].lithium
    assert past.regions[0].curve is live.regions[0].curve


def test_the_order_of_records_and_their_repetition_do_not_matter():
    twice = [*reversed(RECORDS), RECORDS[4], RECORDS[4]]
    one, other = history_of(RECORDS), history_of(twice)
    assert [moment.cycle for moment in one.moments] == [moment.cycle for moment in other.moments]
    assert one.recorded == other.recorded


@settings(max_examples=30, deadline=None)
@given(room=st.integers(0, 30), number=st.integers(1, 12))
def test_memory_is_bounded_and_both_ends_of_the_run_stay(room, number):
    size = moment_of(RECORDS[0]).nbytes
    history = history_of(RECORDS[:number], budget_bytes=room * size)
    kept = [moment.cycle for moment in history.moments]
    assert kept == sorted(kept)
    assert {0, number - 1} <= set(kept)
    # The first and the four newest stay whatever they take.
    assert sum(moment.nbytes for moment in history.moments) <= max(room, 5) * 1.1 * size
    assert kept[-4:] == list(range(number))[-4:]
    assert history.is_thinned == (len(kept) < number)
    # What is left before the newest is spread over the run; 3.2 was the worst of some long runs.
    gaps = np.diff(kept[:-4])
    assert gaps.size < 2 or gaps.max() <= 3.5 * gaps.min()


def test_before_and_after_walk_through_what_is_kept():
    history = history_of(RECORDS, budget_bytes=0)
    kept = [moment.cycle for moment in history.moments]
    walked = []
    moment = history.before(99)
    while moment is not None:
        walked.append(moment.cycle)
        moment = history.before(moment.cycle)
    assert walked[::-1] == kept
    assert history.after(kept[-1]) is None
    assert history.at(kept[1]).cycle == kept[1]


def test_another_run_begins_another_history():
    book = HistoryBook()
    for record in RECORDS[:3]:
        book.note(record)
    first = book.read()
    book.note(replace(RECORDS[0], plan=replace(RECORDS[0].plan, run="another")))
    assert len(first.moments) == 3
    assert [moment.cycle for moment in book.read().moments] == [0]


def test_a_snapshot_without_a_map_is_no_moment():
    assert history_of([replace(RECORDS[0], map=None)]).moments == ()


def rows_with(pause_after=None, pause_s=0.0):
    step_s = np.full(40, 1.0)
    step_s[::10] = 3.0
    if pause_after is not None:
        step_s[pause_after] += pause_s
    return Rows(np.cumsum(step_s).reshape(4, 10), np.full(4, 100.0))


@given(pause_after=st.integers(1, 39), pause_s=st.floats(0.0, 100.0))
def test_a_pause_is_a_step_that_is_much_longer_than_usual(pause_after, pause_s):
    bands = bands_of(rows_with(pause_after, pause_s))
    usual_s = 3.0 if pause_after % 10 == 0 else 1.0
    is_long = usual_s + pause_s > max(5 * usual_s, usual_s + 2.0)
    assert [band.kind for band in bands] == [BandKind.PAUSE] * is_long
    if is_long:
        assert bands[0].end_s - bands[0].start_s == pytest.approx(usual_s + pause_s)


def test_moving_to_another_energy_is_no_pause():
    assert bands_of(rows_with()) == ()


def test_a_lost_beam_is_seen_in_the_ring_current_where_it_is_recorded():
    rows = rows_with()
    current = np.full((4, 10), 500.0)
    current[2, 3:7] = 4.0
    bands = bands_of(replace(rows, ring_current_ma=current))
    assert bands == (Band(rows.time_s[2, 3], rows.time_s[2, 6], BandKind.BEAM_LOST),)
    assert bands_of(rows) == ()


def test_low_i0_is_seen_beside_the_cycles_before():
    rows = rows_with()
    weak = replace(rows, time_s=rows.time_s + 46.0, i0=np.array([100.0, 40.0, 100.0, 100.0]))
    assert [band.kind for band in bands_of(weak, (rows, rows))] == [BandKind.I0_LOW]
    assert bands_of(replace(weak, i0=np.full(4, np.nan)), (rows, rows)) == ()


def test_the_time_panel_has_pauses_of_the_past_and_of_the_present():
    story = replace(STORY, pause_s=300.0)
    history = history_of(records_until(4, story))
    spans = present_timeline(snapshot_at(Stage(cycles=4, frames=1), story), history).spans
    assert [span.words for span in spans] == ["pause 5 min"]
    # In the cycle that is running, before it is recorded.
    present = snapshot_at(Stage(cycles=2, frames=3), story)
    assert len(present_timeline(present, history_of(records_until(2, story))).spans) == 1


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=300), st.integers(1, 50))
def test_a_curve_of_many_points_keeps_its_order_and_its_extremes(values, most):
    value = np.array(values)
    time = np.arange(value.size, dtype=float)
    error = np.abs(np.sin(time))
    drawn, mean, _, low, high = summarised(time, value, error, most)
    assert drawn.size == min(value.size, most)
    assert np.all(np.diff(drawn) > 0)
    assert low.min() == (value - error).min()
    assert high.max() == (value + error).max()
    assert np.all((low <= mean + 1e-9) & (mean <= high + 1e-9))
