"""Killed at any moment and started again, a monitor leaves what an offline fit of the recording leaves."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from following import (
    ALWAYS,
    InBits,
    content_of,
    ended,
    killed_and_started_again,
    let_go_of,
    offline,
    record,
    started,
)
from operando.core.references import Library
from operando.core.stack import Estimator
from operando.io.checkpoint import read_state, write_state
from operando.io.past_damage import PastDamage
from operando.io.runlog import LogReader
from operando.io.sources import FollowedLog
from operando.live.checkpoints import Checkpoints, Pace
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

CYCLES = 3
PLAN = replace(plan_of(shape=(4, 5)), cycles=CYCLES)
COUNTS = stack_of(PLAN, np.random.default_rng(0), cycles=CYCLES)
WORK = Work(library(), recipe(), LayoutSettings())
LINES = documents_of(PLAN, COUNTS)
EVENTS = len(LINES) - 3
patient = settings(deadline=None, max_examples=5, suppress_health_check=list(HealthCheck))
kills = st.lists(st.integers(0, 20), max_size=4)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return offline(LINES, tmp_path_factory.mktemp("whole") / "out.h5", WORK)


def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kills")


@patient
@given(pulls=kills, most=st.integers(1, 20))
def test_killed_anywhere_and_any_number_of_times_it_leaves_what_offline_leaves(
    tmp_path_factory: pytest.TempPathFactory, whole: dict[str, str], pulls: list[int], most: int
) -> None:
    folder = fresh(tmp_path_factory)
    log = record(folder / "run.log", LINES)
    assert killed_and_started_again(log, folder / "out.h5", WORK, pulls, most) == whole


@patient
@given(
    pulls=kills,
    most=st.integers(5, 30),
    shift=st.integers(0, 40),
    every=st.integers(1, 3),
    rewound=st.lists(st.integers(0, EVENTS - 1), max_size=4),
)
def test_so_it_is_with_several_runs_at_once_lines_out_of_order_and_pauses(
    tmp_path_factory: pytest.TempPathFactory,
    pulls: list[int],
    most: int,
    shift: int,
    every: int,
    rewound: list[int],
) -> None:
    order = list(range(EVENTS))
    for place in rewound:
        order.insert(min(place + 6, len(order)), order[place])
    second = replace(PLAN, run="run-2")
    # An open-ended run of whole frames, and one that never stops.
    runs = [documents_of(PLAN, COUNTS, order=order), [*[()] * shift, *documents_of(second, COUNTS)[:-1]]]
    documents = [
        each
        for several in zip_longest(*runs, fillvalue=())
        for each in several[:: 1 if every > 1 else -1]
        if each
    ]
    folder = fresh(tmp_path_factory)
    expected = offline(documents, folder / "offline" / "out.h5", WORK)
    assert len(expected) == 4
    log = record(folder / "run.log", documents)
    assert killed_and_started_again(log, folder / "out.h5", WORK, pulls, most) == expected


def frames() -> list[tuple[str, dict]]:
    """Return a run that does not say its energies: they are learned, which a checkpoint must know."""
    (_, start), (_, descriptor), *events, _, stop = documents_of(PLAN, COUNTS, group="frame")
    start = {key: value for key, value in start.items() if key not in {"stxm", "operando"}}
    start |= {"x_extent": [-1.0, 1.0], "y_extent": [-1.0, 1.0]}
    keys = {
        "counter": descriptor["data_keys"]["counter"],
        "energy": {"source": "t", "dtype": "number", "units": "eV"},
    }
    found: list[tuple[str, dict]] = [("start", start), ("descriptor", {**descriptor, "data_keys": keys})]
    for number, (name, event) in enumerate(events[: CYCLES * PLAN.energies_ev.size]):
        energy_ev = float(PLAN.energies_ev[number % PLAN.energies_ev.size])
        data = {"counter": event["data"]["counter"], "energy": energy_ev}
        found.append((name, {**event, "data": data}))
    return [*found, stop]


@patient
@given(pulls=st.lists(st.integers(0, 12), max_size=3))
def test_so_it_is_where_energies_are_learned_as_they_come(
    tmp_path_factory: pytest.TempPathFactory, pulls: list[int]
) -> None:
    folder = fresh(tmp_path_factory)
    work = replace(WORK, layout=LayoutSettings(dwell_ms=1.0))
    expected = offline(frames(), folder / "offline" / "out.h5", work)
    assert expected
    log = record(folder / "run.log", frames())
    assert killed_and_started_again(log, folder / "out.h5", work, pulls, 1) == expected


@patient
@given(pulls=st.lists(st.integers(1, 20), min_size=1, max_size=3), length=st.floats(0.0, 1.0))
def test_a_torn_checkpoint_is_said_and_costs_no_bit(
    tmp_path_factory: pytest.TempPathFactory, whole: dict[str, str], pulls: list[int], length: float
) -> None:
    folder = fresh(tmp_path_factory)
    log, output = record(folder / "run.log", LINES), folder / "out.h5"
    killed_and_started_again(log, output, WORK, pulls, 5)
    torn = output.with_suffix(".checkpoint")
    content = torn.read_bytes()
    torn.write_bytes(content[: int(length * (len(content) - 1))])
    monitor, keeper = started(InBits(log, 5), output, WORK)
    while monitor.pull():
        pass
    assert ended(monitor, keeper) == whole
    assert "checkpoint" in codes(monitor)


def codes(monitor: Monitor) -> dict[str, str]:
    assert monitor.newest is not None
    return {finding.code: finding.message for finding in monitor.newest.findings}


def stopped_half_way(folder: Path, work: Work = WORK, count: int = EVENTS // 2) -> tuple[Path, Path]:
    """Return a log and the output of a monitor that was killed after so many documents."""
    log, output = record(folder / "run.log", LINES), folder / "out.h5"
    monitor, keeper = started(InBits(log, 1), output, work)
    for _ in range(count):
        monitor.pull()
    let_go_of(keeper)
    return log, output


def test_it_reads_on_from_where_it_was_and_says_how_far_behind_it_was(tmp_path: Path) -> None:
    log, output = stopped_half_way(tmp_path)
    monitor, keeper = started(InBits(log, 10), output, WORK)
    assert monitor.pull() == 10
    assert monitor.delivery.documents == EVENTS // 2 + 10
    assert monitor.delivery.catch_up is not None
    assert not monitor.delivery.catch_up.is_done
    while monitor.pull():
        pass
    ended(monitor, keeper)
    found = monitor.delivery.catch_up
    assert found is not None
    assert (found.after, found.behind_documents, found.read, found.is_done) == (
        EVENTS // 2,
        len(LINES) - EVENTS // 2,
        len(LINES) - EVENTS // 2,
        True,
    )
    assert found.behind_s > 0
    assert codes(monitor)["caught-up"].startswith(f"read on after document {EVENTS // 2}: ")


def test_damage_that_was_passed_over_before_is_not_forgotten(tmp_path: Path) -> None:
    """The results lack it for ever, so that the exit code must say so too."""
    log, output = record(tmp_path / "run.log", LINES), tmp_path / "out.h5"
    with closing(sqlite3.connect(log)) as db, db:
        db.execute("UPDATE documents SET blob = x'8001' WHERE seq = 4")
    for _ in range(3):
        monitor, keeper = started(PastDamage(InBits(log, 5)), output, WORK)
        monitor.pull()
        let_go_of(keeper)
    monitor, keeper = started(PastDamage(InBits(log, 50)), output, WORK)
    while monitor.pull():
        pass
    ended(monitor, keeper)
    (damage,) = monitor.damage
    assert "1 damaged document of" in damage.message
    assert codes(monitor)["damage"] == damage.message


def test_a_checkpoint_of_other_settings_or_references_is_not_used(tmp_path: Path) -> None:
    log, output = stopped_half_way(tmp_path, count=4)
    phases = library().phases
    shifted = Library("Fe", "L", "test", (replace(phases[0], lithium=0.1), *phases[1:]), library().kind)
    for other in (
        replace(WORK, library=shifted),
        replace(WORK, recipe=replace(recipe(), estimator=Estimator.LATEST)),
        replace(WORK, layout=LayoutSettings(dwell_ms=2.0)),
        replace(WORK, energies_ev=PLAN.energies_ev[:3]),
    ):
        checkpoints = Checkpoints(output.with_suffix(".checkpoint"), other, Nothing())
        assert checkpoints.load() is None
        assert "other references or settings" in checkpoints.complaint
    same = Work(library(), recipe(), LayoutSettings())
    assert Checkpoints(output.with_suffix(".checkpoint"), same, Nothing()).load() is not None
    assert log.exists()


class Nothing:
    """Keeps no records."""

    def kept(self) -> dict | None:
        return {}

    def resume(self, kept: dict) -> str:
        return str(kept.get("trouble", ""))


@pytest.mark.parametrize("what", ["another log", "a shorter log", "no results", "fewer results"])
def test_what_does_not_belong_to_it_any_more_is_noticed_and_all_is_read_anew(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    log, output = stopped_half_way(tmp_path, count=2 + EVENTS * 2 // CYCLES + 3)
    documents = LINES
    if what == "no results":
        output.unlink()
    elif what == "fewer results":
        output.unlink()
        offline(LINES[:20], output, WORK)
    else:
        for part in tmp_path.glob("run.log*"):
            part.unlink()
        documents = documents_of(PLAN, COUNTS[::-1]) if what == "another log" else LINES[:20]
        output.unlink()
        record(log, documents)
    with caplog.at_level(logging.WARNING):
        monitor, keeper = started(InBits(log, 30), output, WORK)
        while monitor.pull():
            pass
    assert monitor.delivery.documents == len(documents)
    found = ended(monitor, keeper)
    assert found == offline(documents, tmp_path / "offline" / "out.h5", WORK)
    assert sum("is not used" in message for message in caplog.messages) == 1


def test_what_could_not_be_kept_is_not_taken_as_kept(tmp_path: Path) -> None:
    log, output = record(tmp_path / "run.log", LINES), tmp_path / "out.h5"
    monitor, keeper = started(InBits(log, 1), output, WORK)
    output.mkdir()  # no results can be written there
    while monitor.pull():
        pass
    assert keeper.trouble
    state = read_state(output.with_suffix(".checkpoint"))
    assert state is not None
    assert state.head["offset"] < 2 + EVENTS // CYCLES
    output.rmdir()
    monitor.finish()
    keeper.finish()
    assert keeper.trouble == ""


def test_saving_takes_its_share_of_the_worker_s_time_only(tmp_path: Path) -> None:
    now = [0.0]

    class Slow(Nothing):
        def kept(self) -> dict:
            now[0] += 2.0
            return {}

    log = record(tmp_path / "run.log", LINES)
    keeping = Checkpoints(tmp_path / "c", WORK, Slow(), Pace(every_s=1.0, share=0.1), clock=lambda: now[0])
    monitor = Monitor(InBits(log, 1), WORK, checkpoints=keeping)
    spent = 0.0
    while monitor.pull():
        spent += 1.0
        now[0] += 1.0
    saving = now[0] - spent
    assert 0 < saving <= 0.1 * now[0] + 2.0


def test_told_to_stop_and_started_again_it_goes_on_as_if_it_had_not(
    tmp_path: Path, whole: dict[str, str]
) -> None:
    log, output = record(tmp_path / "run.log", LINES), tmp_path / "out.h5"
    for count in (EVENTS // CYCLES + EVENTS // CYCLES * 2 // 3, 3):
        monitor, keeper = started(InBits(log, 1), output, WORK)
        for _ in range(count):
            monitor.pull()
        monitor.stop()
        monitor.finish()
        keeper.finish()
    monitor, keeper = started(FollowedLog(LogReader(log), "log", threading.Event()), output, WORK)
    monitor.pull()
    monitor.pull()
    assert ended(monitor, keeper) == whole


def test_the_files_themselves_are_the_same_bytes_where_no_cycle_was_recorded_twice(tmp_path: Path) -> None:
    offline(LINES, tmp_path / "offline.h5", WORK)
    log = record(tmp_path / "run.log", LINES)
    killed_and_started_again(log, tmp_path / "out.h5", WORK, [3, 10, 17, 2], 2, replace(ALWAYS, every_s=1e-4))
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "offline.h5").read_bytes()
    assert content_of(tmp_path / "out.h5") == content_of(tmp_path / "offline.h5")


def test_a_state_too_large_or_a_full_disk_keeps_the_one_before(tmp_path: Path) -> None:
    _, output = stopped_half_way(tmp_path)
    path = output.with_suffix(".checkpoint")
    before, state = path.read_bytes(), read_state(path)
    assert state is not None
    path.with_name(f"{path.name}.part").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - of whatever kind
        write_state(path, state)
    assert path.read_bytes() == before
