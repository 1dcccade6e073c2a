"""The series: regions in turn, a control in the dark, energies now and then, a lost beam, a potentiostat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.simulators import RunEngineSimulator
from event_model import DocumentNames, schema_validators
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd import Component, Device, Signal

from fake_parts import FailedOnPurposeError, FakePart, Lab, fake_stxm
from microscope import microscope
from operando.io.layouts import DocumentReader, Rejection
from operando.types import Line
from operando_plans import (
    STXM,
    BeamGuard,
    BeamLostError,
    Clock,
    Field,
    Region,
    ScanOptions,
    Until,
    energy_stack,
    operando_series,
    regions_of,
)
from operando_sim import BeamLoss, World, static_settings
from parts_of_a_microscope import a_microscope, a_world

Documents = list[tuple[str, dict]]
FIELD = Field((0.0, 0.0), (2.0, 2.0), (4, 2))
OTHER = Field((5.0, 1.0), (1.0, 1.0), (4, 3))
COUNTS = np.arange(1.0, 1 + 6 * 3 * 3 * 4).reshape(6, 3, 3, 4)


def region(name: str = "a", field: Field = FIELD, **more: Any) -> Region:
    return Region(name, field, more.pop("energies_ev", [700.0, 708.0]), more.pop("dwell_ms", 1.0), **more)


def ran(plan: Any) -> Documents:
    documents: Documents = []
    RunEngine({}, context_managers=[])(plan, lambda name, document: documents.append((name, document)))
    return documents


def by_run(documents: Documents) -> dict[str, Documents]:
    """Return the documents of each region's run, by its name."""
    names: dict[str, str] = {}
    runs: dict[str, Documents] = defaultdict(list)
    for name, document in documents:
        if name == "start":
            names[document["uid"]] = document["operando"]["region"]
        elif name == "descriptor":
            names[document["uid"]] = names[document["run_start"]]
        key = document.get("uid") if name in ("start", "descriptor") else None
        key = key or document.get("descriptor") or document.get("run_start")
        runs[names[key]].append((name, document))
    return dict(runs)


def lines_in(documents: Documents) -> list[Line]:
    reader = DocumentReader()
    items = [item for name, document in documents for item in reader.read(name, document)]
    assert not [item for item in items if isinstance(item, Rejection)]
    return [item for item in items if isinstance(item, Line)]


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


@given(st.floats(-8, 8), st.floats(-8, 8), st.sampled_from([FIELD, OTHER]), st.booleans())
def test_a_control_that_another_region_shines_on_is_refused(x, y, field, is_coarse) -> None:
    stxm, lab = fake_stxm(COUNTS)
    stage = {axis: FakePart(lab, axis, 0.0) for axis in ("coarse_x", "coarse_y")}
    stxm = STXM(replace(stxm.parts, **stage))
    # Moved by either stage, it comes to the same place of the sample.
    moved = replace(field, centre_um=(0.0, 0.0) if is_coarse else (x, y))
    control = region("control", moved, is_control=True, coarse_um=(x, y) if is_coarse else (0.0, 0.0))
    lit = region("a", coarse_um=(0.0, 0.0))
    # What a region shines on reaches half a pixel beyond the middles of its outermost ones.
    reach = [
        0.5 * sum(each.size_um[axis] * each.points[axis] / (each.points[axis] - 1) for each in (field, FIELD))
        for axis in (0, 1)
    ]
    if abs(x) < reach[0] and abs(y) < reach[1]:
        with pytest.raises(ValueError, match="'control' lies under the beam of region 'a'"):
            operando_series(stxm, [lit, control], Until(cycles=1))
    else:
        operando_series(stxm, [lit, control], Until(cycles=1)).close()
    assert lab.calls == 0


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


class Ring(FakePart):
    """A ring current that follows a list, and stays at the last of it."""

    def __init__(self, lab: Lab, currents: list[float]) -> None:
        super().__init__(lab, "ring_current", currents[0])
        self._currents = currents

    def read(self) -> dict:
        self.position = self._currents.pop(0) if len(self._currents) > 1 else self._currents[0]
        return super().read()


def beamless(currents: list[float], **guard: Any) -> tuple[STXM, ScanOptions, list[float]]:
    """Return a microscope whose ring current is read as these, and options that guard it."""
    stxm, lab = fake_stxm(COUNTS)
    slept: list[float] = []

    def sleep(seconds: float) -> Any:
        slept.append(seconds)
        assert stxm.parts.shutter.position == "closed"
        yield from ()

    options = ScanOptions(beam=BeamGuard(10.0, **guard), clock=Clock(now_s=lambda: sum(slept), sleep=sleep))
    return STXM(replace(stxm.parts, ring_current=Ring(lab, currents))), options, slept


def test_a_line_during_which_the_beam_was_lost_is_taken_again_in_its_place() -> None:
    # Read: once for the image, then before and after each line. The second line loses its beam.
    stxm, options, slept = beamless([500.0, 500.0, 500.0, 500.0, 2.0, 2.0, 2.0, 2.0, 500.0])
    documents = ran(operando_series(stxm, region(), Until(cycles=1), options=options))
    assert [(line.energy, line.row) for line in lines_in(documents)] == list(np.ndindex(2, 2))
    numbers = [document["seq_num"][0] for name, document in documents if name == "event_page"]
    assert numbers == [1, 2, 3, 4]
    assert stxm.parts.line_flyer.flown == 5
    assert slept == [1.0] * 3
    assert all(line.counts.all() for line in lines_in(documents))


class SayingRing(FakePart):
    """A ring current that is there whenever it is read, and says what it is told to say."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, "ring_current", 500.0)
        self.listeners: list[Callable[..., None]] = []

    def subscribe(self, callback: Callable[..., None], *, run: bool) -> None:
        assert not run
        self.listeners.append(callback)

    def clear_sub(self, callback: Callable[..., None]) -> None:
        self.listeners.remove(callback)

    def say(self, *currents_ma: float) -> None:
        for current_ma in currents_ma:
            for listener in self.listeners:
                listener(value=current_ma, timestamp=0.0, sub_type="value")


@given(said=st.lists(st.floats(0.0, 600.0), max_size=4), at=st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_as_messages_a_line_is_taken_again_exactly_if_the_ring_said_meanwhile_that_it_was_low(
    said: list[float], at: int
) -> None:
    stxm, lab = fake_stxm(COUNTS)
    ring = SayingRing(lab)
    stxm = STXM(replace(stxm.parts, ring_current=ring))
    simulator, flown = RunEngineSimulator(), [0]

    def complete(_message: Any) -> None:
        flown[0] += 1
        assert len(ring.listeners) == 1
        if flown[0] == at:
            ring.say(*said)

    simulator.add_handler("complete", complete)
    plan = operando_series(stxm, region(), Until(cycles=1), options=ScanOptions(beam=BeamGuard(10.0)))
    messages = [message.command for message in simulator.simulate_plan(plan)]
    is_lost = any(current_ma < 10.0 for current_ma in said)
    assert flown[0] == messages.count("kickoff") == 4 + is_lost
    assert messages.count("collect") == 4
    assert not ring.listeners


class SilentRing(Device):
    """An ophyd Device that can be read, and says nothing by itself."""

    current_ma = Component(Signal, value=500.0, kind="hinted")


def test_a_ring_that_says_nothing_is_only_looked_at() -> None:
    stxm, _ = fake_stxm(COUNTS)
    stxm = STXM(replace(stxm.parts, ring_current=SilentRing(name="ring_current")))
    documents = ran(
        operando_series(stxm, region(), Until(cycles=1), options=ScanOptions(beam=BeamGuard(10.0)))
    )
    assert len(lines_in(documents)) == 4


def test_nobody_listens_to_the_ring_after_a_line_that_failed() -> None:
    stxm, lab = fake_stxm(COUNTS)
    ring = SayingRing(lab)
    stxm = STXM(replace(stxm.parts, ring_current=ring))

    def fail() -> Any:
        raise FailedOnPurposeError("the line")

    stxm.parts.line_flyer.complete = fail
    with pytest.raises(FailedOnPurposeError):
        ran(operando_series(stxm, region(), Until(cycles=1), options=ScanOptions(beam=BeamGuard(10.0))))
    assert not ring.listeners


@settings(max_examples=10, deadline=None)
@given(from_s=st.floats(0.5, 12.0), lasts_s=st.floats(0.2, 0.5))
def test_in_a_world_that_loses_its_beam_within_one_line_no_line_has_a_dark_pixel(
    from_s: float, lasts_s: float
) -> None:
    # Lines of more than 1.6 s: the beam is there when they begin and when they end.
    world = World(static_settings(), seed=1, faults=(BeamLoss(from_s, from_s + lasts_s),))

    def sleep(seconds: float) -> Any:
        world.wait(seconds)
        yield from ()

    options = ScanOptions(
        beam=BeamGuard(50.0, poll_s=0.05), clock=Clock(now_s=lambda: world.time_s, sleep=sleep)
    )
    wide = region(energies_ev=[517.9], field=Field((0, 0), (2, 2), (16, 4)), dwell_ms=100.0)
    lines = lines_in(ran(operando_series(microscope(world), wide, Until(cycles=1), options=options)))
    assert [line.row for line in lines] == list(range(4))
    assert all((line.counts > 10_000.0).all() for line in lines)


def test_a_stack_stays_within_its_contract_when_the_beam_is_lost() -> None:
    stxm, options, _ = beamless([500.0, 2.0, 2.0, 500.0])
    documents = ran(energy_stack(stxm, region(), options=options))
    assert [document["seq_num"][0] for name, document in documents if name == "event_page"] == [1, 2, 3, 4]
    assert stxm.parts.line_flyer.flown == 5


def test_a_line_is_taken_again_only_so_often() -> None:
    # Always there before a line, and never after it.
    stxm, options, _ = beamless([500.0] + 30 * [500.0, 2.0], repeats=2)
    documents = ran(operando_series(stxm, region(), Until(cycles=1), options=options))
    assert len(lines_in(documents)) == 4
    assert stxm.parts.line_flyer.flown == 4 * 3


def test_the_wait_for_the_beam_can_be_bounded() -> None:
    stxm, options, slept = beamless([500.0, 2.0], wait_s=5.0)
    with pytest.raises(BeamLostError, match="did not reach 10 mA within 5 s"):
        ran(operando_series(stxm, region(), Until(cycles=1), options=options))
    assert sum(slept) == 5.0
    assert stxm.parts.shutter.position == "closed"


def test_a_shutter_that_somebody_closed_is_a_lost_beam() -> None:
    stxm, _ = fake_stxm(COUNTS)
    flyer, shutter = stxm.parts.line_flyer, stxm.parts.shutter
    complete = flyer.complete

    def closing_once() -> Any:
        if flyer.flown == 1:
            shutter.position = "closed"
        return complete()

    flyer.complete = closing_once
    documents = ran(
        operando_series(stxm, region(), Until(cycles=1), options=ScanOptions(beam=BeamGuard(10.0)))
    )
    assert flyer.flown == 5
    assert all(line.counts.all() for line in lines_in(documents))


def test_in_a_world_that_loses_its_beam_no_line_is_dark() -> None:
    # A tenth of a second after the start of the third line, for 40 s.
    world = World(static_settings(), seed=1, faults=(BeamLoss(1.5, 40.0),))

    def sleep(seconds: float) -> Any:
        world.wait(seconds)
        yield from ()

    options = ScanOptions(beam=BeamGuard(50.0), clock=Clock(now_s=lambda: world.time_s, sleep=sleep))
    plan = operando_series(
        microscope(world),
        region(energies_ev=[513.0, 517.9], field=Field((0, 0), (2, 2), (8, 6))),
        Until(cycles=1),
        options=options,
    )
    began_s = world.time_s
    lines = lines_in(ran(plan))
    assert [(line.energy, line.row) for line in lines] == list(np.ndindex(2, 6))
    assert all((line.counts > 1000.0).all() for line in lines)
    assert world.time_s - began_s > 40.0


REFUSED: list[tuple[str, Callable[[STXM], Any], str]] = [
    ("dwell", lambda _stxm: region(dwell_ms=0.0), "dwell"),
    ("no energy", lambda _stxm: region(energies_ev=[]), "one or more"),
    (
        "energy",
        lambda stxm: operando_series(stxm, region(energies_ev=[99.0]), Until(cycles=1)),
        "energy goes from 690",
    ),
    (
        "field",
        lambda stxm: operando_series(stxm, region(field=Field((9.9, 0), (2, 2), (3, 3))), Until(cycles=1)),
        "SampleX goes from -10 to 10, not to 10.9",
    ),
    ("cycles", lambda stxm: operando_series(stxm, region(), Until(cycles=0)), "1 or more"),
    ("end", lambda stxm: operando_series(stxm, region(), Until()), "no end"),
    ("nothing", lambda stxm: operando_series(stxm, [], Until(cycles=1)), "give one that is not a control"),
    (
        "control only",
        lambda stxm: operando_series(stxm, region(is_control=True), Until(cycles=1)),
        "give one that is not a control",
    ),
    ("twice", lambda stxm: operando_series(stxm, [region(), region()], Until(cycles=1)), "each its own name"),
    (
        "coarse",
        lambda stxm: operando_series(stxm, region(coarse_um=(0.0, 0.0)), Until(cycles=1)),
        "no coarse stage",
    ),
    (
        "frame",
        lambda stxm: operando_series(stxm, region(), Until(cycles=1), options=ScanOptions(flyer="frame")),
        "no frame flyer",
    ),
    ("stack of dwells", lambda stxm: energy_stack(stxm, region(dwell_ms=[1.0, 2.0])), "one dwell"),
    (
        "metadata",
        lambda stxm: operando_series(stxm, region(), Until(cycles=1), metadata={"stxm": {}}),
        "which the plan says itself",
    ),
    (
        "text",
        lambda stxm: operando_series(stxm, region(), Until(cycles=1), metadata={"cell": 7}),
        "cell in the metadata is 7; give a text",
    ),
]


@pytest.mark.parametrize(("_what", "make", "words"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_cannot_be_is_refused_before_anything_moves(
    _what: str, make: Callable[[STXM], Any], words: str
) -> None:
    stxm, lab = fake_stxm(COUNTS)
    with pytest.raises(ValueError, match=words):
        make(stxm)
    assert lab.calls == 0


def test_a_part_out_of_reach_is_refused_before_anything_moves() -> None:
    stxm, lab = fake_stxm(COUNTS)

    def wait_for_connection(timeout: object) -> None:
        raise TimeoutError(f"no answer from SIM:energy within {timeout} s")

    stxm.parts.energy.connected = False
    stxm.parts.energy.wait_for_connection = wait_for_connection
    with pytest.raises(TimeoutError, match="energy of stxm cannot be reached"):
        operando_series(stxm, region(), Until(cycles=1))
    assert lab.calls == 0


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
