"""Which exit code an outcome has, and what is said: worst first, and nothing hidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operando.app.ending import Exit, ending_of
from operando.app.keeper import Keeper
from operando.app.outcome import Outcome, RunResult, measures_of
from operando.core.incident import IncidentMode, IncidentRule
from operando.errors import ConfigurationError, DamagedFileError, RunRejected, SourceUnreachable
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import Delivery, Snapshot
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))
WORK = Work(library(), recipe(), LayoutSettings())
NO_SCAN = RunRejected("run 12345678 (count) has no layout this program knows")


def fitted(folder: Path, documents: int = len(DOCUMENTS), work: Work = WORK) -> Outcome:
    """Return what comes of so many documents."""
    keeper = Keeper(folder / "out.h5", work)
    monitor = Monitor(DocumentSource(iter(DOCUMENTS[:documents]), "memory"), work, keeper)
    while monitor.pull():
        pass
    monitor.finish()
    return Outcome(monitor.newest, keeper.records, keeper.results, None, monitor.refusals)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return fitted(tmp_path_factory.mktemp("whole"))


NOTHING = Outcome(None, 0, (), None)


def test_all_that_was_planned_is_done(whole: Outcome) -> None:
    ending = ending_of(whole)
    assert (ending.code, ending.reasons, ending.remarks) == (Exit.DONE, (), ())


def test_refusals_decide_only_where_nothing_was_fitted(whole: Outcome) -> None:
    ending = ending_of(replace(whole, refusals=(NO_SCAN,)))
    assert (ending.code, ending.reasons, ending.remarks) == (Exit.DONE, (), (str(NO_SCAN),))
    ending = ending_of(replace(NOTHING, refusals=(NO_SCAN,)))
    assert (ending.code, ending.reasons, ending.remarks) == (Exit.CONFIGURATION, (str(NO_SCAN),), ())


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ValueError("odd"), Exit.FAILED),
        (ConfigurationError("wrong"), Exit.CONFIGURATION),
        (SourceUnreachable("gone"), Exit.UNREACHABLE),
        (DamagedFileError("broken"), Exit.DAMAGED),
    ],
)
def test_a_failure_decides_whatever_was_fitted(whole: Outcome, failure: Exception, code: Exit) -> None:
    for outcome in (whole, NOTHING):
        ending = ending_of(replace(outcome, failure=failure, trouble="the disk is full"))
        assert ending.code == code
        assert ending.reasons[:2] == (str(failure), "the disk is full")


def test_damage_that_was_passed_over_is_damage_whatever_was_fitted(whole: Outcome) -> None:
    for outcome in (whole, NOTHING, replace(whole, was_interrupted=True)):
        ending = ending_of(replace(outcome, damage="2 damaged documents of the log passed over"))
        assert ending.code == (Exit.INTERRUPTED if outcome.was_interrupted else Exit.DAMAGED)
        assert ending.reasons[0] == "2 damaged documents of the log passed over"


def test_results_that_could_not_be_written_are_a_failure(whole: Outcome) -> None:
    ending = ending_of(replace(whole, trouble="the disk is full"))
    assert (ending.code, ending.reasons) == (Exit.FAILED, ("the disk is full",))


def test_after_ctrl_c_everything_is_said_before_130(whole: Outcome) -> None:
    stopped = replace(whole, was_interrupted=True)
    assert ending_of(stopped).code == Exit.INTERRUPTED
    ending = ending_of(
        replace(stopped, failure=SourceUnreachable("gone"), trouble="full", refusals=(NO_SCAN,))
    )
    assert (ending.code, ending.reasons, ending.remarks) == (
        Exit.INTERRUPTED,
        ("gone", "full"),
        (str(NO_SCAN),),
    )
    assert ending_of(replace(NOTHING, was_interrupted=True)).code == Exit.INTERRUPTED
    ending = ending_of(replace(NOTHING, was_interrupted=True, refusals=(NO_SCAN,)))
    assert (ending.code, ending.reasons) == (Exit.CONFIGURATION, (str(NO_SCAN),))


def test_lost_documents_and_lines_that_never_came_are_incomplete(whole: Outcome, tmp_path: Path) -> None:
    assert whole.last is not None
    lossy = replace(whole, last=replace(whole.last, delivery=Delivery(lost=3)))
    assert ending_of(lossy).code == Exit.INCOMPLETE
    assert "3 documents" in ending_of(lossy).reasons[0]
    partial = ending_of(fitted(tmp_path, len(DOCUMENTS) - 5))
    assert partial.code == Exit.INCOMPLETE
    assert "4 of 32 planned lines never came" in partial.reasons[0]


def test_documents_that_could_not_be_used_are_missing_in_the_results(whole: Outcome) -> None:
    assert whole.last is not None
    spoilt = replace(whole, last=replace(whole.last, delivery=Delivery(rejected=7)))
    ending = ending_of(spoilt)
    assert ending.code == Exit.INCOMPLETE
    assert "7 documents could not be used" in ending.reasons[0]


def test_what_is_missing_of_a_refused_run_does_not_count(whole: Outcome) -> None:
    assert whole.last is not None
    seen = replace(whole.last.progress, lines_seen=1, exit_status="refused")
    refused = replace(whole.last, plan=replace(PLAN, run="run-2"), progress=seen)
    ending = ending_of(replace(whole, last=refused, refusals=(NO_SCAN,)))
    assert (ending.code, ending.reasons, ending.remarks) == (Exit.DONE, (), (str(NO_SCAN),))


def test_no_cycle_is_said_only_when_there_is_none(tmp_path: Path) -> None:
    assert "held no run" in ending_of(NOTHING).reasons[0]
    ending = ending_of(fitted(tmp_path, 6))
    assert ending.code == Exit.INCOMPLETE
    assert "no cycle was finished" in ending.reasons[0]
    dark = replace(WORK, recipe=replace(WORK.recipe, incident=IncidentRule(IncidentMode.CHANNEL)))
    outcome = fitted(tmp_path, work=dark)
    ending = ending_of(outcome)
    assert ending.code == Exit.INCOMPLETE
    assert "cycles were finished, but x could not be determined" in ending.reasons[0]
    assert outcome.last is not None
    assert outcome.last.findings[0].message in ending.reasons[0]


def test_the_newest_of_each_run_is_told_also_without_results(whole: Outcome) -> None:
    first = whole.last
    assert first is not None
    other: Snapshot = replace(first, plan=replace(PLAN, run="run-2"))
    (told,) = whole.each
    assert told.snapshot.progress is first.progress
    # The curve is that of the file, which may know cycles from before a restart.
    assert told.snapshot.curve is whole.runs[0].snapshot.curve
    *known, unknown = replace(whole, last=other).each
    assert known == [*whole.runs]
    assert unknown == RunResult(other, None)


def test_measures_are_numbers_or_none(whole: Outcome) -> None:
    assert whole.last is not None
    said = measures_of(whole.last)
    assert (said["cycles"], said["lines_seen"], said["pixels"]) == (2, 32, 20)
    assert said["documents_read"] == len(DOCUMENTS)
    assert whole.last.map is not None
    assert said["valid_pixels"] == int(whole.last.map.valid.sum())
    assert all(isinstance(value, int | float) for value in said.values())
    empty = measures_of(replace(whole.last, map=None))
    assert (empty["median_sigma_x"], empty["median_chi2"], empty["valid_pixels"]) == (None, None, 0)
