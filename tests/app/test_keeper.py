"""The keeper: whatever goes missing or wrong, what was finished is in the file, and the fit goes on."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.app.keeper import Keeper
from operando.app.open_source import runs_of
from operando.core.stack import Estimator
from operando.core.study_rules import DoseRule
from operando.errors import ConfigurationError, DamagedFileError
from operando.io.results import map_of, read_results
from operando.io.runlog import LogWriter
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import LithiationMap, Snapshot
from scans import documents_of, library, plan_of, recipe, stack_of

CYCLES = 4
PLAN = replace(plan_of(shape=(4, 5)), cycles=CYCLES)
COUNTS = stack_of(PLAN, np.random.default_rng(0), cycles=CYCLES)
DOCUMENTS = documents_of(PLAN, COUNTS)
EVENTS = len(DOCUMENTS) - 3
PER_CYCLE = EVENTS // CYCLES
# Of the latest images alone, so that a line that is missing is felt in its own cycle only.
WORK = Work(library(), replace(recipe(), estimator=Estimator.LATEST), LayoutSettings())


def kept(documents: Iterable[tuple[str, dict]], path: Path, work: Work = WORK) -> tuple[Monitor, Keeper]:
    """Fit documents in this thread, and keep the results."""
    keeper = Keeper(path, work)
    monitor = Monitor(DocumentSource(iter(documents), "memory"), work, keeper)
    while monitor.pull():
        pass
    monitor.finish()
    keeper.finish()
    return monitor, keeper


def maps_in(path: Path) -> dict[int, bytes]:
    """Return the maps of a results file as bytes, by cycle."""
    results = read_results(path)
    assert results.cycle.tolist() == sorted(results.cycle.tolist())
    maps = [map_of(results, index) for index in range(results.cycle.size)]
    return {
        found.cycle: b"".join(
            np.asarray(getattr(found, entry.name)).tobytes() for entry in fields(LithiationMap)
        )
        for found in maps
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    path = tmp_path_factory.mktemp("whole") / "out.h5"
    _, keeper = kept(DOCUMENTS, path)
    assert keeper.trouble == ""
    assert keeper.results[0].path == path
    maps = maps_in(path)
    assert list(maps) == list(range(CYCLES))
    return maps


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(missing=st.integers(0, EVENTS - 1))
def test_a_missing_line_costs_its_own_cycle_at_most(
    tmp_path_factory: pytest.TempPathFactory, whole: dict[int, bytes], missing: int
) -> None:
    path = tmp_path_factory.mktemp("missing") / "out.h5"
    monitor, keeper = kept((doc for place, doc in enumerate(DOCUMENTS) if place != missing + 2), path)
    assert keeper.trouble == ""
    assert monitor.refusals == ()
    found = maps_in(path)
    assert list(found) == list(range(CYCLES))
    damaged = missing // PER_CYCLE
    assert {cycle for cycle in whole if found[cycle] != whole[cycle]} == {damaged}
    assert read_results(path).is_provisional.tolist() == [cycle == damaged for cycle in range(CYCLES)]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(late=st.integers(0, EVENTS - 1), delay=st.integers(1, PER_CYCLE + 2))
def test_a_late_line_changes_no_bit_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, whole: dict[int, bytes], late: int, delay: int
) -> None:
    order = [event for event in range(EVENTS) if event != late]
    order.insert(min(late + delay, EVENTS - 1), late)
    path = tmp_path_factory.mktemp("late") / "out.h5"
    _, keeper = kept(documents_of(PLAN, COUNTS, order=order), path)
    assert keeper.trouble == ""
    assert maps_in(path) == whole


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_keeper import *
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
wide = replace(plan_of(shape=(4, 400)), cycles=CYCLES)
monitor, keeper = kept(documents_of(wide, stack_of(wide, np.random.default_rng(1), cycles=CYCLES)), path)
print(keeper.records, len(monitor.refusals), read_results(path).cycle.tolist(), keeper.trouble)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
keeper.finish()
print(read_results(path).cycle.tolist(), repr(keeper.trouble))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on the size of files")
def test_a_full_disk_neither_stops_the_fit_nor_costs_a_finished_cycle(tmp_path: Path) -> None:
    path = tmp_path / "out.h5"
    folders = [Path(__file__).parent, Path(__file__).parents[1]]
    found = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path, *folders], check=False, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    full, again = found.stdout.splitlines()
    assert full.startswith(f"{CYCLES} 0 [0")
    assert str(list(range(CYCLES))) not in full
    assert "could not be written" in full
    assert again == f"{list(range(CYCLES))} ''"
    assert found.stderr.count("results are not being written") == 1


def test_another_result_in_the_way_is_left_alone_and_the_fit_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "out.h5"
    kept(DOCUMENTS, path)
    before = path.read_bytes()
    louder = replace(WORK, recipe=replace(WORK.recipe, estimator=Estimator.TIMED))
    with caplog.at_level(logging.CRITICAL):
        monitor, keeper = kept(DOCUMENTS, path, louder)
    assert monitor.refusals == ()
    assert keeper.records >= CYCLES
    assert "other settings" in keeper.trouble
    assert [result.path for result in keeper.results] == [None]
    assert path.read_bytes() == before
    assert len(caplog.records) == 1


def test_a_run_goes_beside_the_file_of_another_run_and_is_continued_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, beside = tmp_path / "out.h5", tmp_path / "out-2-anotherr.h5"
    kept(DOCUMENTS, path)
    before = path.read_bytes()
    other = documents_of(replace(PLAN, run="another run"), COUNTS)
    for _ in range(2):
        caplog.clear()
        _, keeper = kept(other, path)
        assert keeper.trouble == ""
        assert [result.path for result in keeper.results] == [beside]
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert path.read_bytes() == before
    assert read_results(beside).plan.run == "another run"
    assert sorted(tmp_path.iterdir()) == [beside, path]


def test_while_one_keeps_results_in_a_file_no_other_can(tmp_path: Path) -> None:
    path = tmp_path / "out.h5"
    first = Keeper(path, WORK)
    first.prepare()
    with pytest.raises(ConfigurationError, match=f"another program \\(process {os.getpid()}\\)"):
        Keeper(path, WORK).prepare()
    _, second = kept(DOCUMENTS, path)
    assert "another program" in second.trouble
    assert not path.exists()
    first.finish()
    second.finish()
    assert second.trouble == ""
    assert list(maps_in(path)) == list(range(CYCLES))
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_refused_is_not_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "out.h5"
    kept(DOCUMENTS, path)
    keeper = Keeper(path, WORK)
    with pytest.raises(ConfigurationError, match="another run"):
        keeper.prepare({"another"})
    Keeper(path, WORK).prepare()


class Meddled(Keeper):
    """A keeper that finds its file changed by somebody before the third cycle."""

    def meddle(self) -> None:
        self.path.unlink()

    def __call__(self, snapshot: Snapshot) -> str | None:
        if snapshot.map is not None and self.records == 2:
            self.meddle()
        return super().__call__(snapshot)


class Gutted(Meddled):
    """As that, and the file is then somebody else's."""

    def meddle(self) -> None:
        with h5py.File(self.path, "w") as file:
            file["entry"] = 1.0


def meddled(keeper: Keeper) -> Monitor:
    monitor = Monitor(DocumentSource(iter(DOCUMENTS), "memory"), WORK, keeper)
    while monitor.pull():
        pass
    monitor.finish()
    keeper.finish()
    return monitor


def test_cycles_that_were_deleted_are_missed_and_named(tmp_path: Path) -> None:
    keeper = Meddled(tmp_path / "out.h5", WORK)
    meddled(keeper)
    assert list(maps_in(keeper.path)) == list(range(2, CYCLES))
    assert "2 cycles could not be written" in keeper.trouble
    assert "no longer holds cycle 0, 1:" in keeper.trouble


def test_a_foreign_file_in_its_place_neither_stops_the_fit_nor_is_touched(tmp_path: Path) -> None:
    keeper = Gutted(tmp_path / "out.h5", WORK)
    monitor = meddled(keeper)
    assert monitor.failure is None
    assert keeper.records == CYCLES
    assert "HDF5 file by None" in keeper.trouble
    with h5py.File(keeper.path, "r") as file:
        assert list(file) == ["entry"]


def test_a_continued_file_keeps_its_curve_and_hands_it_on(tmp_path: Path) -> None:
    path = tmp_path / "out.h5"
    kept(DOCUMENTS, path)
    whole_curve = read_results(path).curve
    _, keeper = kept(DOCUMENTS[: 2 + PER_CYCLE], path)
    assert read_results(path).curve.cycle.tolist() == whole_curve.cycle.tolist()
    assert keeper.results[0].snapshot.curve.cycle.tolist() == whole_curve.cycle.tolist()


def test_each_run_has_a_file_and_a_last_snapshot(tmp_path: Path) -> None:
    other = replace(PLAN, run="../run-2")
    _, keeper = kept([*DOCUMENTS, *documents_of(other, COUNTS[:2])], tmp_path / "out.h5")
    first, second = keeper.results
    assert (first.path, second.path) == (tmp_path / "out.h5", tmp_path / "out-2-run2.h5")
    for result, run, cycles in ((first, PLAN.run, CYCLES), (second, other.run, 2)):
        assert result.path is not None
        assert read_results(result.path).plan.run == result.snapshot.plan.run == run
        assert result.snapshot.map is not None
        assert result.snapshot.map.cycle == cycles - 1
        assert result.snapshot.curve.cycle.size == cycles


def test_the_output_is_made_ready_before_anything_is_fitted(tmp_path: Path) -> None:
    Keeper(tmp_path / "new" / "folder" / "out.h5", WORK).prepare()
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    with pytest.raises(ConfigurationError, match="is a folder"):
        Keeper(tmp_path / "new", WORK).prepare()
    (tmp_path / "text").write_text("text")
    with pytest.raises(DamagedFileError, match="not a results file"):
        Keeper(tmp_path / "text", WORK).prepare()
    with pytest.raises(ConfigurationError, match="choose another --output"):
        Keeper(tmp_path / "text" / "out.h5", WORK).prepare()


def test_every_run_of_a_log_is_known_however_late_it_begins(tmp_path: Path) -> None:
    log = tmp_path / "two.runlog"
    with LogWriter(log) as writer:
        writer.append(DOCUMENTS, 1.0)
        writer.append([("other", {"value": n}) for n in range(300)], 2.0)
        writer.append(documents_of(replace(PLAN, run="second"), COUNTS), 3.0)
    assert runs_of(str(log)) == {PLAN.run, "second"}
    (tmp_path / "documents.json").write_text("[]")
    assert runs_of(str(tmp_path / "documents.json")) == frozenset()


def test_only_results_of_the_same_run_and_settings_are_continued(tmp_path: Path) -> None:
    path = tmp_path / "out.h5"
    kept(DOCUMENTS, path)
    Keeper(path, WORK).prepare()
    Keeper(path, WORK).prepare({"another", PLAN.run})
    with pytest.raises(ConfigurationError, match="another run"):
        Keeper(path, WORK).prepare({"another"})
    louder = replace(WORK, recipe=replace(WORK.recipe, estimator=Estimator.TIMED))
    with pytest.raises(ConfigurationError, match="other settings"):
        Keeper(path, louder).prepare()


def test_results_of_a_run_whose_dose_is_counted_are_continued(tmp_path: Path) -> None:
    dose = DoseRule(1e9, float("nan"), 1e-5, 10.0)
    work = replace(WORK, studies=replace(WORK.studies, dose=dose))
    kept(DOCUMENTS[: PER_CYCLE + 5], tmp_path / "out.h5", work)
    again = Keeper(tmp_path / "out.h5", work)
    again.prepare()
    again.finish()
    _, keeper = kept(DOCUMENTS, tmp_path / "out.h5", work)
    assert keeper.trouble == ""
    assert list(maps_in(tmp_path / "out.h5")) == list(range(CYCLES))
