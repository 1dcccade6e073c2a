"""A sample that drifts, through kills: its first cycle is recorded twice, its results are as offline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drifting import DRIFT_NM_PER_MIN, series_with
from following import killed_and_started_again, offline, record
from operando.core.study_rules import StudyRules
from operando.core.track import Registering, RegistrationRule
from operando.io.results import read_results
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from scans import documents_of

SERIES = series_with(DRIFT_NM_PER_MIN, "lixfepo4", 1.0, 1, pixels=40, cycles=2)
COUNTS = np.stack([line.counts for line in SERIES.lines]).reshape(2, *SERIES.plan.stack_shape)
DOCUMENTS = documents_of(SERIES.plan, COUNTS)
WORK = Work(
    SERIES.library,
    replace(SERIES.recipe, registration=RegistrationRule(Registering.ON)),
    LayoutSettings(),
    studies=StudyRules(least_pixels=6),
)


@pytest.mark.parametrize(("pulls", "most"), [([3, 2], 110), ([5, 0, 1], 75)])
def test_killed_before_or_after_the_first_cycle_is_told_anew_the_results_are_those_of_offline(
    tmp_path: Path, pulls: list[int], most: int
) -> None:
    whole = offline(DOCUMENTS, tmp_path / "whole" / "out.h5", WORK)
    log = record(tmp_path / "run.log", DOCUMENTS)
    assert killed_and_started_again(log, tmp_path / "out.h5", WORK, pulls, most) == whole
    assert read_results(tmp_path / "out.h5").cycle.tolist() == [0, 1]
