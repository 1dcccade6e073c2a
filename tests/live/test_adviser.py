"""The adviser writes for a plan that reads: whole, in time, and never into the monitor's way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from following import InBits, let_go_of, record, started
from operando.core.advice import Rules
from operando.core.fit import Background
from operando.io.sources import DocumentSource
from operando.live.adviser import Adviser
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando_plans import AdviceFile, Asked
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(5, 6), cycles=3)
COUNTS = stack_of(PLAN, np.random.default_rng(3), cycles=3)
WORK = Work(library(), recipe(), LayoutSettings())
RULES = Rules(stop_above_x=-1.0, confidence=0.6)


def followed(path: Path, rules: Rules = RULES) -> Monitor:
    adviser = Adviser(path, rules, Background.NONE)
    monitor = Monitor(DocumentSource(iter(documents_of(PLAN, COUNTS)), "memory"), WORK, adviser=adviser)
    while monitor.pull():
        pass
    monitor.finish()
    return monitor


def test_the_plan_reads_what_the_monitor_wrote(tmp_path: Path) -> None:
    path = tmp_path / "series.runlog.advice.json"
    followed(path)
    document = json.loads(path.read_text())
    assert (document["schema_version"], document["run"], document["cycle"]) == (1, PLAN.run, 2)
    answer = AdviceFile(path).suggest(Asked(PLAN.run, "cell", 2))
    assert answer.is_ready
    (suggestion,) = answer.suggestions
    assert suggestion.action == "stop"
    assert "mean x is" in suggestion.reason
    assert list(tmp_path.iterdir()) == [path], "nothing unfinished is left beside it"


def test_every_kind_of_suggestion_is_read(tmp_path: Path) -> None:
    path = tmp_path / "advice.json"
    followed(path, Rules(wished_sigma_x=1e-4, unchanged_cycles=1, confidence=0.999999999))
    actions = [
        suggestion.action for suggestion in AdviceFile(path).suggest(Asked(PLAN.run, "", 2)).suggestions
    ]
    assert actions == ["next_region", "dwell"]
    followed(path, Rules())
    (same,) = AdviceFile(path).suggest(Asked(PLAN.run, "", 2)).suggestions
    assert same.action == "same"


def test_the_dose_before_a_restart_counts(tmp_path: Path) -> None:
    """A pixel has had it, whatever has happened to the monitor since."""
    rules = Rules(max_dose_mgy=1e-9, dose_mgy_per_ms=1.0)
    log = record(tmp_path / "run.log", documents_of(PLAN, COUNTS))
    for pulls in (12, 100):
        monitor, keeper = started(InBits(log, 4), tmp_path / "out.h5", WORK)
        monitor._adviser = Adviser(tmp_path / "again.json", rules, Background.NONE)
        for _ in range(pulls):
            monitor.pull()
        let_go_of(keeper)
        assert "again.json" in {path.name for path in tmp_path.iterdir()}
    followed(tmp_path / "whole.json", rules)
    assert (tmp_path / "again.json").read_text() == (tmp_path / "whole.json").read_text()


def test_advice_that_cannot_be_written_is_said_and_the_fit_goes_on(tmp_path: Path) -> None:
    monitor = followed(tmp_path / "no" / "such" / "folder" / "advice.json")
    assert monitor.failure is None
    assert monitor.newest is not None
    assert monitor.newest.curve.cycle.size == 3
    (finding,) = [finding for finding in monitor.newest.findings if finding.code == "advice"]
    assert "cannot be written (No such file or directory)" in finding.message


def test_the_advice_about_a_cycle_does_not_depend_on_what_other_runs_did(tmp_path: Path) -> None:
    rules = Rules(max_dose_mgy=2.5, dose_mgy_per_ms=0.25)
    monitor = followed(tmp_path / "alone.json", rules)
    assert monitor.newest is not None
    adviser = Adviser(tmp_path / "among.json", rules, Background.NONE)
    snapshot = monitor.newest
    assert snapshot.map is not None
    for cycle in range(3):
        for run in ("other", PLAN.run):
            now = replace(
                snapshot, plan=replace(snapshot.plan, run=run), map=replace(snapshot.map, cycle=cycle)
            )
            assert adviser(now) is None
    alone, among = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("alone", "among"))
    assert alone["suggestions"] == among["suggestions"]
