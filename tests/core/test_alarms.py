"""Alarms as laws: once per onset, never more often than the rate, with hysteresis; and what each reads."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.core.alarm_readings import ALARM_CODE, readings_of
from operando.core.alarms import AlarmRule, Reading, Standing, Watched, judge
from operando.types import Delivery, Finding, Severity, Snapshot, Vitals
from operando.view.example import Stage, snapshot_at

EVERY_S = 600.0
RULE = AlarmRule("hot", Watched.RESIDUAL, above=1.0, margin=0.3, every_s=EVERY_S)
VALUES = st.lists(
    st.tuples(
        st.floats(0.1, 400.0),
        st.sampled_from(["run-1", "run-2"]),
        st.dictionaries(
            st.sampled_from(["", "a", "b"]), st.sampled_from([0.0, 0.8, 1.5, math.nan]), max_size=3
        ),
    ),
    max_size=60,
)


def followed(
    steps: list[tuple[float, str, dict[str, float]]], rule: AlarmRule = RULE
) -> list[tuple[float, tuple[Reading, ...]]]:
    """What is told, and when."""
    standing, now_s, told = Standing(), 0.0, []
    for wait_s, run, values in steps:
        now_s += wait_s
        readings = tuple(Reading(run, topic, value, "words") for topic, value in values.items())
        standing, onsets = judge(rule, standing, run, readings, now_s)
        if onsets:
            told.append((now_s, onsets))
    return told


def onsets_of(steps: list[tuple[float, str, dict[str, float]]]) -> int:
    """How often anything begins, by the plainest book-keeping: above 1, until at most 0.7 or gone."""
    active: set[tuple[str, str]] = set()
    begun = 0
    for _, run, values in steps:
        for topic in ("", "a", "b"):
            value, key = values.get(topic, 0.0), (run, topic)
            if value > 1.0 and key not in active:
                begun += 1
                active.add(key)
            elif value <= 0.7:
                active.discard(key)
    return begun


@given(steps=VALUES)
def test_nothing_is_told_more_often_than_the_rate(steps: list) -> None:
    times = [time_s for time_s, _ in followed(steps)]
    assert all(later - earlier >= EVERY_S for earlier, later in pairwise(times))


@given(steps=VALUES)
def test_an_onset_is_told_once_at_most_and_without_a_rate_exactly_once(steps: list) -> None:
    assert sum(len(onsets) for _, onsets in followed(steps)) <= onsets_of(steps)
    unlimited = followed(steps, replace(RULE, every_s=0.0))
    assert sum(len(onsets) for _, onsets in unlimited) == onsets_of(steps)


@given(steps=VALUES)
def test_the_first_onset_of_all_is_told_at_once(steps: list) -> None:
    told = followed(steps)
    beginnings = [index for index, step in enumerate(steps) if any(value > 1.0 for value in step[2].values())]
    assert bool(told) == bool(beginnings)
    if beginnings:
        assert told[0][0] == pytest.approx(sum(step[0] for step in steps[: beginnings[0] + 1]))


def one(values: list[float], wait_s: float = 1.0) -> list[tuple[float, str, dict[str, float]]]:
    return [(wait_s, "run-1", {"": value}) for value in values]


def test_a_value_that_trembles_about_its_limit_is_one_onset() -> None:
    rule = replace(RULE, every_s=0.0)
    assert len(followed(one([1.1, 0.9, 1.1, 0.9, 1.1]), rule)) == 1
    assert len(followed(one([1.1, 0.6, 1.1]), rule)) == 2
    below = replace(rule, above=None, below=1.0)
    assert len(followed(one([0.9, 1.1, 0.9, 1.4, 0.9]), below)) == 2


def test_what_is_not_known_changes_nothing() -> None:
    rule = replace(RULE, every_s=0.0)
    assert followed(one([math.nan] * 3), rule) == []
    assert len(followed(one([1.1, math.nan, 1.1]), rule)) == 1


def test_what_began_in_the_quiet_time_is_told_after_it_if_it_still_holds() -> None:
    still = followed(one([1.5, 0.0, 1.5, 1.5, 1.5], wait_s=250.0))
    assert [time_s for time_s, _ in still] == [250.0, 1000.0]
    over = followed(one([1.5, 0.0, 1.5, 0.0, 0.0], wait_s=250.0))
    assert [time_s for time_s, _ in over] == [250.0]


SNAPSHOT = snapshot_at(Stage(cycles=3, frames=2, rows=10))


def value_of(watched: Watched, snapshot: Snapshot = SNAPSHOT, age_s: float = 0.0, **more: str) -> float:
    (reading,) = readings_of(AlarmRule("a", watched, above=0.5, phase=more.get("phase")), snapshot, age_s)
    return reading.value


def test_each_rule_reads_its_quantity() -> None:
    fitted = SNAPSHOT.map
    assert fitted is not None
    vitals = Vitals(drift_nm_per_min=3.0, dose_mgy=12.0, disk_h=1.5)
    known = replace(SNAPSHOT, vitals=vitals, delivery=Delivery(lost=7))
    assert value_of(Watched.DRIFT, known) == 3.0
    assert value_of(Watched.DOSE, known) == 12.0
    assert value_of(Watched.DISK, known) == 1.5
    assert value_of(Watched.LOST, known) == 7.0
    assert value_of(Watched.I0) == SNAPSHOT.i0[SNAPSHOT.progress.energy]
    assert value_of(Watched.LITHIUM) == SNAPSHOT.curve.lithium[-1]
    assert value_of(Watched.RESIDUAL) == np.nanmedian(fitted.chi2[fitted.valid])
    shares = [value_of(Watched.FRACTION, phase=name) for name in SNAPSHOT.phases.names]
    assert sum(shares) == pytest.approx(1.0)
    assert math.isnan(value_of(Watched.FRACTION, phase="unobtainium"))
    assert value_of(Watched.GAP) == SNAPSHOT.rows_missing
    ring = replace(SNAPSHOT, ring_current_ma=np.full(SNAPSHOT.row_time_s.shape, 380.0))
    assert value_of(Watched.RING, ring) == 380.0
    assert math.isnan(value_of(Watched.RING, replace(ring, ring_current_ma=None)))


def test_before_the_first_map_nothing_is_known_of_it() -> None:
    early = replace(SNAPSHOT, map=None)
    assert math.isnan(value_of(Watched.RESIDUAL, early))
    assert math.isnan(value_of(Watched.FRACTION, early, phase=SNAPSHOT.phases.names[0]))


def test_only_a_run_that_should_go_on_is_stale() -> None:
    running = replace(SNAPSHOT, progress=replace(SNAPSHOT.progress, is_closed=False, exit_status="running"))
    assert value_of(Watched.STALE, running, age_s=90.0) == 90.0
    ended = replace(running, progress=replace(running.progress, is_closed=True, exit_status="success"))
    lost = replace(running, delivery=Delivery(failure="gone"))
    for quiet in (ended, lost, replace(running, delivery=Delivery(is_finished=True))):
        assert value_of(Watched.STALE, quiet, age_s=90.0) == 0.0


@pytest.mark.parametrize(
    ("status", "has_ended"),
    [("success", 1), ("abort", 1), ("incomplete", 1), ("unfinished", 0), ("refused", 0)],
)
def test_a_run_has_ended_when_its_documents_say_so(status: str, has_ended: int) -> None:
    closed = replace(SNAPSHOT, progress=replace(SNAPSHOT.progress, is_closed=True, exit_status=status))
    assert value_of(Watched.ENDED, closed) == has_ended


def test_findings_are_chosen_by_code_and_severity_and_an_alarm_is_no_cause_for_another() -> None:
    found = (
        Finding("i0-jump", Severity.ALARM, "I0 jumped"),
        Finding("model", Severity.INFO, "computed"),
        Finding(ALARM_CODE, Severity.ALARM, "cannot be passed on"),
    )
    snapshot = replace(SNAPSHOT, findings=found, delivery=Delivery(failure="no such host"))

    def topics(rule: AlarmRule) -> list[str]:
        return [reading.topic for reading in readings_of(rule, snapshot, 0.0)]

    anything = AlarmRule("a", Watched.FINDING, above=0.0, severity=Severity.INFO)
    assert topics(anything) == ["source", "i0-jump", "model"]
    assert topics(replace(anything, severity=Severity.WARNING)) == ["source", "i0-jump"]
    assert topics(replace(anything, severity=None, code="model")) == ["model"]
