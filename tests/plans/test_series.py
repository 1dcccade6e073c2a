"""The series: regions in turn, a control in the dark, energies now and then, a potentiostat."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from bluesky.simulators import RunEngineSimulator
from event_model import DocumentNames, schema_validators
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_parts import fake_stxm
from operando_plans import STXM, Clock, ScanOptions, Until, operando_series, regions_of
from parts_of_a_microscope import a_microscope, a_world
from visited import COUNTS, FIELD, OTHER, by_run, lines_in, ran, region


def test_regions_are_visited_in_turn_each_in_a_run_of_its_own() -> None:
    stxm, _ = fake_stxm(COUNTS)
    regions = [region("a"), region("b", OTHER, energies_ev=[700.0, 708.0, 710.0], dwell_ms=[1.0, 2.0, 3.0])]
    documents = ran(operando_series(stxm, regions, Until(cycles=2)))
    for name, document in documents:
        schema_validators[DocumentNames[name]].validate(document)
    runs = by_run(documents)
    assert list(runs) == ["a", "b"]
    starts = {name: run[0][1] for name, run in runs.items()}
    assert starts["a"]["operando"]["series"] == starts["b"]["operando"]["series"]
    assert starts["b"]["stxm"]["dwell_ms"] == [1.0, 2.0, 3.0]
    assert starts["b"]["stxm"]["shape"] == [3, 3, 4]
    assert regions_of(starts["a"]["plan_args"]["regions"])[1] == replace(
        regions[1], energies_ev=(700.0, 708.0, 710.0), dwell_ms=[1.0, 2.0, 3.0]
    )
    for name, (energies, rows) in {"a": (2, 2), "b": (3, 3)}.items():
        places = [(line.cycle, line.energy, line.row) for line in lines_in(runs[name])]
        assert places == list(np.ndindex(2, energies, rows))
    assert [document["exit_status"] for name, document in documents if name == "stop"] == ["success"] * 2
    # Cycle by cycle, not region by region.
    order = [line.cycle for line in lines_in(documents)]
    assert order == sorted(order)


def test_a_control_region_is_visited_first_and_last_and_in_the_dark_between() -> None:
    stxm, _ = fake_stxm(COUNTS)
    regions = [region("a"), region("control", OTHER, is_control=True)]
    documents = ran(operando_series(stxm, regions, Until(cycles=4)))
    runs = by_run(documents)
    said = runs["control"][0][1]["operando"]
    assert (said["role"], said["cycles"]) == ("control", 2)
    pages = [document["data"] for name, document in runs["control"] if name == "event_page"]
    assert {(page["cycle"][0], page["series_cycle"][0]) for page in pages} == {(0, 0), (1, 4)}
    assert len(lines_in(runs["control"])) == 2 * 2 * 3
    assert len(lines_in(runs["a"])) == 4 * 2 * 2
    assert documents[-4][0] == "event_page"


def test_an_energy_can_be_visited_in_some_of_the_cycles() -> None:
    stxm, _ = fake_stxm(COUNTS)
    documents = ran(operando_series(stxm, region(every=[3, 1]), Until(cycles=5)))
    visited = {(line.cycle, line.energy) for line in lines_in(documents)}
    assert visited == {(cycle, 1) for cycle in range(5)} | {(0, 0), (3, 0)}
    assert documents[0][1]["operando"]["every"] == [3, 1]


@pytest.mark.parametrize(
    ("until", "cycles"),
    [
        (Until(cycles=3), 3),
        (Until(duration_s=2.5), 3),
        (Until(cycles=2, duration_s=100.0), 2),
        (Until(stop=lambda done: done == 4), 4),
    ],
)
def test_a_series_ends_when_it_is_told_to(until: Until, cycles: int) -> None:
    stxm, _ = fake_stxm(COUNTS)
    images = [0]
    shutter = stxm.parts.shutter
    # A clock that a cycle of two images puts on by a second.
    clock = Clock(now_s=lambda: 0.5 * shutter.visited.count("open"))
    documents = ran(operando_series(stxm, region(), until, options=ScanOptions(clock=clock)))
    assert {line.cycle for line in lines_in(documents)} == set(range(cycles))
    assert documents[0][1]["operando"]["cycles"] == until.cycles
    assert images == [0]


def test_whole_frames_are_one_event_an_image() -> None:
    stxm = a_microscope(a_world())
    stxm = STXM(replace(stxm.parts, i0_field="STXMFrameFlyer_i0"))
    energies_ev = [513.0, 517.9]
    plan = operando_series(
        stxm, region(energies_ev=energies_ev), Until(cycles=2), options=ScanOptions(flyer="frame")
    )
    documents = ran(plan)
    assert [name for name, _ in documents].count("event_page") == 4
    places = [(line.cycle, line.energy, line.row) for line in lines_in(documents)]
    assert places == list(np.ndindex(2, 2, 2))


def test_the_potentiostat_is_a_stream_of_its_own_on_the_same_clock() -> None:
    world = a_world()
    stxm = a_microscope(world)
    began_s = world.time_s
    documents = ran(operando_series(stxm, region(energies_ev=[513.0, 517.9]), Until(cycles=4)))
    streams = {document["uid"]: document["name"] for name, document in documents if name == "descriptor"}
    assert sorted(streams.values()) == ["potentiostat", "primary"]
    readings = [
        document
        for name, document in documents
        if name == "event" and streams[document["descriptor"]] == "potentiostat"
    ]
    times = [reading["timestamps"]["potentiostat_charge"] for reading in readings]
    assert len(times) >= 2
    assert all(one < other for one, other in pairwise(times))
    assert all(began_s <= time_s <= world.time_s for time_s in times[1:])
    # The reader of the scan does not take them for lines.
    assert len(lines_in(documents)) == 4 * 2 * 2


def test_what_the_metadata_say_is_in_every_start_document() -> None:
    stxm, _ = fake_stxm(COUNTS)
    said = {"sample_name": "LFP 7", "cell": "c1", "references_sha256": "ab" * 32}
    regions = [region("a"), region("b", OTHER)]
    documents = ran(operando_series(stxm, regions, Until(cycles=1), metadata=said))
    for name, document in documents:
        if name == "start":
            assert said.items() <= document.items()
            assert document["operando"]["schema_version"] == 1
            assert document["plan_args"]["until"] == {"cycles": 1, "duration_s": None}


@settings(max_examples=20, deadline=None)
@given(
    cycles=st.integers(1, 4),
    every=st.lists(st.integers(1, 3), min_size=2, max_size=2),
    names=st.integers(1, 3),
)
def test_as_messages_each_line_is_flown_once_and_only_in_the_light(
    cycles: int, every: list[int], names: int
) -> None:
    stxm, _ = fake_stxm(COUNTS)
    regions = [region(f"r{index}", every=every) for index in range(names)]
    messages = RunEngineSimulator().simulate_plan(operando_series(stxm, regions, Until(cycles=cycles)))
    is_open, flown = False, 0
    for message in messages:
        if message.command == "set" and message.obj is stxm.parts.shutter:
            is_open = message.args[0] == "open"
        elif message.command == "set":
            assert not is_open
        elif message.command == "kickoff":
            assert is_open
            flown += 1
    images = sum(len(regions[0].visited_in(cycle)) for cycle in range(cycles))
    assert flown == names * images * FIELD.points[1]
    assert not is_open
    assert [message.command for message in messages].count("open_run") == names
