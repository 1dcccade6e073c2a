"""A real RunEngine that is paused and rewinds: of each line the last one counts, killed monitor or not."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bluesky import Msg, RunEngine
from bluesky.preprocessors import plan_mutator
from bluesky.utils import RunEngineInterrupted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from following import killed_and_started_again, offline
from operando.app.work import Options, work_of
from operando.io.runlog import LogReader
from operando.live.recorder import Recorder
from operando_plans import STXM, Field, Parts, Region, Until, operando_series
from operando_sim import World, make_stxm, material_named, static_settings
from operando_sim.references import write_references

FIELD = Field((0.0, 0.0), (2.0, 1.5), (16, 6))
ENERGIES_EV = material_named("lixv2o5").energies_ev[:4]
CYCLES = 3
LINES = CYCLES * len(ENERGIES_EV) * 6
Documents = list[tuple[str, dict[str, Any]]]
patient = settings(deadline=None, max_examples=4, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("references")
    write_references(folder, material_named("lixv2o5"))
    return folder / "library.toml"


def acquired(log: Path, pauses: set[int], keeps: int) -> Documents:
    """Acquire a series, paused after these lines; every so many lines the plan can be resumed from."""
    world = World(replace(static_settings(), start_time_s=time.time()), seed=5)
    # So few pixels hold no blank ones.
    devices = make_stxm(world, i0_channel="i0")
    parts = Parts(
        energy=devices.energy,
        line_flyer=devices.flyer,
        shutter=devices.shutter,
        i0_field="STXMLineFlyer_i0",
    )
    plan = operando_series(STXM(parts), Region("cell", FIELD, ENERGIES_EV, 1.0), Until(cycles=CYCLES))
    lines, checkpoints = [0], [0]

    def paused(message: Msg) -> tuple[Generator[Msg] | None, Generator[Msg] | None]:
        if message.command == "checkpoint":
            checkpoints[0] += 1
            # Where there is no checkpoint the RunEngine goes back over several lines.
            return (None, None) if checkpoints[0] % keeps == 1 or keeps == 1 else (_nothing(), None)
        if message.command == "collect":
            lines[0] += 1
            if lines[0] in pauses:
                return None, _pause()
        return None, None

    run_engine = RunEngine({}, context_managers=[])
    with Recorder(log) as recorder:
        run_engine.subscribe(recorder)
        with suppress(RunEngineInterrupted):
            run_engine(plan_mutator(plan, paused))
        while run_engine.state == "paused":
            with suppress(RunEngineInterrupted):
                run_engine.resume()
    with LogReader(log) as reader:
        return [(logged.name, logged.document) for logged in reader.read(0, 10_000)]


def _nothing() -> Generator[Msg]:
    yield Msg("null")


def _pause() -> Generator[Msg]:
    yield Msg("pause")


def last_of_each(documents: Documents) -> Documents:
    """Return a recording without what was sent again later, in the order of its numbers."""
    last = {page["seq_num"][0]: page for name, page in documents if name == "event_page"}
    rest = [(name, document) for name, document in documents if name != "event_page"]
    return [*rest[:-1], *(("event_page", last[number]) for number in sorted(last)), rest[-1]]


@patient
@given(
    pauses=st.sets(st.integers(1, LINES), min_size=1, max_size=3),
    keeps=st.integers(1, 9),
    pulls=st.lists(st.integers(1, 15), max_size=3),
)
def test_of_each_line_the_last_one_counts_whatever_is_killed(
    tmp_path_factory: pytest.TempPathFactory, references: Path, pauses: set[int], keeps: int, pulls: list[int]
) -> None:
    work = work_of(Options(references=references, i0="channel"))
    folder = tmp_path_factory.mktemp("rewound")
    log = folder / "series.runlog"
    documents = acquired(log, pauses, keeps)
    pages = [page for name, page in documents if name == "event_page"]
    assert len({page["seq_num"][0] for page in pages}) == LINES
    expected = offline(documents, folder / "offline" / "out.h5", work)
    assert expected["out.csv"].count("\n") == 1 + CYCLES
    assert offline(last_of_each(documents), folder / "last" / "out.h5", work) == expected
    assert killed_and_started_again(log, folder / "out.h5", work, pulls, 6) == expected


def test_a_rewind_does_repeat_lines(tmp_path: Path) -> None:
    documents = acquired(tmp_path / "series.runlog", {20, 40}, 7)
    assert sum(name == "event_page" for name, _ in documents) > LINES
