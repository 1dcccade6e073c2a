"""Advice: followed within the user's limits, refused beyond them, written down, and never in the way."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_parts import FakePart, fake_stxm
from operando_plans import (
    STXM,
    Advice,
    AdviceFile,
    AdviceLimits,
    AdviceList,
    Answer,
    Asked,
    Clock,
    Region,
    ScanOptions,
    Suggestion,
    Until,
    operando_series,
)
from operando_plans.obey import Situation, decide
from operando_plans.visit import Standing
from visited import FIELD, Documents, lines_in

COUNTS = np.arange(1.0, 1 + 6 * 3 * 5 * 5).reshape(6, 3, 5, 5)
LIMITS = AdviceLimits(
    min_cycles=2, max_dwell_ms=5.0, max_shift_um=1.0, max_focus_um=3.0, dense_pitch_um=0.25, wait_s=0.5
)
ASKED = Asked("run-1", "a", 3)


def region(name: str = "a") -> Region:
    return Region(name, FIELD, [700.0, 708.0], 1.0)


def advised(
    suggestions: list[list[Suggestion]], limits: AdviceLimits = LIMITS, cycles: int = 5, names: str = "a"
) -> tuple[STXM, Documents]:
    stxm, lab = fake_stxm(COUNTS)
    stxm = STXM(_with(stxm, focus=FakePart(lab, "focus", 100.0, (90.0, 110.0))))
    documents: Documents = []
    plan = operando_series(
        stxm,
        [region(name) for name in names],
        Until(cycles=cycles),
        advice=Advice(AdviceList(suggestions), limits),
    )
    RunEngine({}, context_managers=[])(plan, lambda name, document: documents.append((name, document)))
    return stxm, documents


def _with(stxm: STXM, **parts: Any) -> Any:
    return replace(stxm.parts, **parts)


def written(documents: Documents) -> list[dict]:
    """Return what the documents say about advice."""
    return [document["data"] for name, document in documents if name == "event"]


def pages(documents: Documents) -> list[dict]:
    return [document["data"] for name, document in documents if name == "event_page"]


def test_a_longer_dwell_holds_from_the_next_cycle_on_and_stands_beside_the_lines() -> None:
    _, documents = advised([[Suggestion("dwell", "σ is large", energy_index=1, dwell_ms=3.0)]], cycles=3)
    dwells = {(page["cycle"][0], page["energy_index"][0]): page["dwell_ms"][0] for page in pages(documents)}
    assert dwells == {(0, 0): 1.0, (0, 1): 1.0, (1, 0): 1.0, (1, 1): 3.0, (2, 0): 1.0, (2, 1): 3.0}
    first, second = written(documents)
    assert first["advice_is_taken"] == 1
    assert (first["advice_cycle"], first["advice_reason"]) == (0, "σ is large")
    assert json.loads(first["advice_details"]) == {"energy_index": 1, "dwell_ms": 3.0}
    assert second["advice_action"] == "same"


def test_a_stop_waits_for_the_cycles_that_the_user_wants() -> None:
    stop = [Suggestion("stop", "enough")]
    _, documents = advised([stop, stop, stop])
    assert {line.cycle for line in lines_in(documents)} == {0, 1}
    assert [note["advice_is_taken"] for note in written(documents)] == [0, 1]
    assert documents[-1][1]["exit_status"] == "success"


def test_nothing_else_is_followed_once_the_series_ends() -> None:
    dense = Suggestion("dense_region", centre_um=(0.0, 0.0), size_um=(1.0, 1.0))
    _, documents = advised([[Suggestion("stop"), dense]], AdviceLimits(min_cycles=1, dense_pitch_um=0.25))
    assert [note["advice_is_taken"] for note in written(documents)] == [1, 0]
    assert sum(name == "start" for name, _ in documents) == 1


def test_a_shift_moves_the_field_after_the_sample_but_not_the_pixels() -> None:
    stxm, documents = advised(
        [[Suggestion("shift", shift_um=(0.5, -0.25))], [Suggestion("shift", shift_um=(0.5, 0.9))]], cycles=3
    )
    xs = {page["cycle"][0]: page["SampleX"][0][0] for page in pages(documents)}
    assert xs == {0: -1.0, 1: -0.5, 2: -0.5}
    assert {page["shift_y_um"][0] for page in pages(documents)} == {0.0, -0.25}
    assert documents[0][1]["stxm"]["x_extent"] == [-1.0, 1.0]
    assert [note["advice_is_taken"] for note in written(documents)] == [1, 0]
    assert "1.19 µm off; 1 µm are allowed" in written(documents)[1]["advice_verdict"]
    assert stxm.parts.sample_x.visited


def test_the_focus_is_moved_from_where_it_was() -> None:
    stxm, documents = advised(
        [
            [Suggestion("focus", focus_um=2.0)],
            [Suggestion("focus", focus_um=2.0)],
            [Suggestion("focus", focus_um=-5.0)],
        ]
    )
    # Once a cycle, the first one where it is: to 102, refused, to 97 at the least, and on.
    assert stxm.parts.focus.visited == [100.0, 102.0, 102.0, 97.0, 97.0]
    assert [note["advice_is_taken"] for note in written(documents)] == [1, 0, 1, 1]


def test_a_region_can_be_left_but_not_the_last_one() -> None:
    leave = [Suggestion("next_region", "reacted")]
    _, documents = advised([[], leave, leave], names="ab")
    names = {
        document["uid"]: document["operando"]["region"] for name, document in documents if name == "start"
    }
    cycles = {name: {line.cycle for line in lines_in(documents) if names[line.run] == name} for name in "ab"}
    assert cycles == {"a": {0, 1}, "b": {0, 1, 2, 3, 4}}
    stops = [names[document["run_start"]] for name, document in documents if name == "stop"]
    assert stops == ["a", "b"]
    assert "last region" in written(documents)[3]["advice_verdict"]


def test_a_denser_field_is_visited_once_in_a_run_of_its_own() -> None:
    dense = [Suggestion("dense_region", "the front", centre_um=(0.25, 0.0), size_um=(1.0, 1.0))]
    _, documents = advised([dense, dense], cycles=4)
    starts = [document for name, document in documents if name == "start"]
    assert [start["operando"]["role"] for start in starts] == ["series", "dense"]
    said = starts[1]
    assert (said["operando"]["parent"], said["operando"]["region"]) == ("a", "a-dense-1")
    assert said["stxm"]["shape"] == [2, 5, 5]
    assert said["stxm"]["x_extent"] == [-0.25, 0.75]
    assert sum(line.run == said["uid"] for line in lines_in(documents)) == 2 * 5
    assert [note["advice_is_taken"] for note in written(documents)] == [1, 0, 1]


SITUATION = Situation(5, 1, 0, lambda _field: "", lambda _focus: "")


@given(
    action=st.sampled_from(["stop", "dwell", "next_region", "dense_region", "shift", "focus"]),
    dwell_ms=st.floats(allow_nan=True, allow_infinity=True),
    pair=st.tuples(st.floats(allow_nan=True), st.floats(allow_nan=True)),
    number=st.floats(allow_nan=True),
    index=st.integers(-3, 5),
)
def test_whatever_is_suggested_the_result_is_within_the_limits(
    action: Any, dwell_ms: float, pair: tuple[float, float], number: float, index: int
) -> None:
    suggestion = Suggestion(action, "", index, dwell_ms, pair, pair, pair, number)
    verdict = decide(suggestion, Standing(region()), LIMITS, SITUATION)
    found = verdict.standing
    assert all(1.0 <= dwell <= 5.0 for dwell in found.region.dwells_ms)
    assert np.hypot(*found.shift_um) <= 1.0
    assert abs(found.focus_um) <= 3.0
    if verdict.dense is not None:
        field = verdict.dense.field
        assert -1.01 <= field.x_um[0] <= field.x_um[-1] <= 1.01
    if not verdict.is_taken:
        assert found == Standing(region())
        assert not verdict.is_stop
        assert verdict.dense is None
    assert decide(suggestion, Standing(region()), AdviceLimits(), SITUATION).standing.region == region()


def test_a_region_that_advice_may_not_change_is_left_alone() -> None:
    limits = AdviceLimits(min_cycles=1, regions=("b",))
    verdict = decide(Suggestion("stop"), Standing(region()), limits, SITUATION)
    assert not verdict.is_taken
    assert "may not change region 'a'" in verdict.words


def file_of(tmp_path: Path, **more: Any) -> Path:
    advice = {"schema_version": 1, "run": "run-1", "cycle": 3, "time_s": 1.0, "suggestions": [], **more}
    path = tmp_path / "advice.json"
    path.write_text(json.dumps(advice))
    return path


def test_a_file_says_what_the_monitor_wrote(tmp_path: Path) -> None:
    suggestions = [
        {"action": "dwell", "reason": "σ", "energy_index": 1, "dwell_ms": 2},
        {"action": "dense_region", "centre_um": [0, 1.5], "size_um": [1, 1]},
        {"action": "shift", "shift_um": [0.1, -0.1]},
        {"action": "focus", "focus_um": 1.5},
        {"action": "stop", "reason": "x\ud800\n" + "y" * 5000},
    ]
    answer = AdviceFile(file_of(tmp_path, suggestions=suggestions)).suggest(ASKED)
    assert answer.is_ready
    assert answer.suggestions[:4] == (
        Suggestion("dwell", "σ", 1, 2.0),
        Suggestion("dense_region", centre_um=(0.0, 1.5), size_um=(1.0, 1.0)),
        Suggestion("shift", shift_um=(0.1, -0.1)),
        Suggestion("focus", focus_um=1.5),
    )
    assert answer.suggestions[4].reason.startswith("x??yyy")
    assert len(answer.suggestions[4].reason) <= 300


def test_advice_about_each_run_is_remembered_when_the_file_goes_on_to_another(tmp_path: Path) -> None:
    source = AdviceFile(file_of(tmp_path, suggestions=[{"action": "stop"}]))
    assert source.suggest(Asked("run-2", "b", 3)) == Answer(
        is_ready=False, note=f"{tmp_path / 'advice.json'} is about another run"
    )
    file_of(tmp_path, run="run-2")
    assert source.suggest(ASKED).suggestions == (Suggestion("stop"),)
    assert source.suggest(Asked("run-2", "b", 3)).is_ready


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"cycle": 2}, "about cycle 2, not 3"),
        ({"cycle": "3"}, "whole number"),
        ({"cycle": True}, "whole number"),
        ({"schema_version": 2}, "schema_version 2"),
        ({"run": 7}, "expected its uid"),
        ({"suggestions": {}}, "list of at most"),
        ({"suggestions": [{"action": "stop"}] * 17}, "list of at most"),
        ({"suggestions": ["stop"]}, "expected an object"),
        ({"suggestions": [{"action": "explode"}]}, "expected one of"),
        ({"suggestions": [{"action": ["stop"]}]}, "expected one of"),
        ({"suggestions": [{"action": "shift"}]}, "lacks shift_um"),
        ({"suggestions": [{"action": "shift", "shift_um": [1]}]}, "two numbers"),
        ({"suggestions": [{"action": "shift", "shift_um": [1, float("nan")]}]}, "finite"),
        ({"suggestions": [{"action": "focus", "focus_um": True}]}, "expected a number"),
        ({"suggestions": [{"action": "dwell", "energy_index": -1, "dwell_ms": 1}]}, "from 0 on"),
        ({"suggestions": [{"action": "dwell", "energy_index": 0, "dwell_ms": 10**400}]}, "finite"),
        ({"padding": "x" * 70000}, "more than 65536 bytes"),
    ],
)
def test_a_file_that_is_not_advice_is_not_ready_and_says_why(tmp_path: Path, more: dict, words: str) -> None:
    answer = AdviceFile(file_of(tmp_path, **more)).suggest(ASKED)
    assert (answer.suggestions, answer.is_ready) == ((), False)
    assert words in answer.note


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_file_whatever_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    assert not AdviceFile(path).suggest(ASKED).is_ready


@settings(max_examples=100, deadline=None)
@given(
    values=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ),
    key=st.sampled_from(["schema_version", "run", "cycle", "suggestions"]),
)
def test_no_value_whatever_raises(tmp_path_factory: pytest.TempPathFactory, values: Any, key: str) -> None:
    AdviceFile(file_of(tmp_path_factory.getbasetemp(), **{key: values})).suggest(ASKED)
    suggestion = {"action": "shift", "shift_um": values, "reason": values}
    AdviceFile(file_of(tmp_path_factory.getbasetemp(), suggestions=[suggestion])).suggest(ASKED)


def test_nesting_without_end_and_a_pipe_hold_nothing_up(tmp_path: Path) -> None:
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 60000)
    assert not AdviceFile(deep).suggest(ASKED).is_ready
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "no advice" in AdviceFile(pipe).suggest(ASKED).note
    assert "no advice" in AdviceFile(tmp_path / "missing").suggest(ASKED).note


def test_missing_advice_costs_no_more_than_the_wait_and_counts_as_same(tmp_path: Path) -> None:
    stxm, _ = fake_stxm(COUNTS)
    slept: list[float] = []

    def sleep(seconds: float) -> Any:
        slept.append(seconds)
        yield from ()

    documents: Documents = []
    plan = operando_series(
        stxm,
        region(),
        Until(cycles=3),
        options=ScanOptions(clock=Clock(now_s=lambda: sum(slept), sleep=sleep)),
        advice=Advice(AdviceFile(tmp_path / "missing"), AdviceLimits(wait_s=0.5, poll_s=0.1)),
    )
    RunEngine({}, context_managers=[])(plan, lambda name, document: documents.append((name, document)))
    assert {line.cycle for line in lines_in(documents)} == {0, 1, 2}
    assert sum(slept) <= 2 * 0.5 + 1e-9
    assert [note["advice_action"] for note in written(documents)] == ["same", "same"]
    assert "no advice" in written(documents)[0]["advice_reason"]


def test_a_series_follows_a_file_that_is_written_while_it_waits(tmp_path: Path) -> None:
    stxm, _ = fake_stxm(COUNTS)
    documents: Documents = []

    def sleep(_seconds: float) -> Any:
        # The monitor, which has just finished the cycle.
        file_of(tmp_path, run=documents[0][1]["uid"], cycle=0, suggestions=[{"action": "stop"}])
        yield from ()

    plan = operando_series(
        stxm,
        region(),
        Until(cycles=9),
        options=ScanOptions(clock=Clock(sleep=sleep)),
        advice=Advice(AdviceFile(tmp_path / "advice.json"), AdviceLimits(min_cycles=1)),
    )
    RunEngine({}, context_managers=[])(plan, lambda name, document: documents.append((name, document)))
    assert {line.cycle for line in lines_in(documents)} == {0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_cycles": 0},
        {"max_shift_um": -1.0},
        {"wait_s": float("nan")},
        {"poll_s": 0.0},
        {"max_dwell_ms": -1.0},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="limits of advice"):
        AdviceLimits(**wrong)
