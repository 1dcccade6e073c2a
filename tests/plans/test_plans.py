"""The plans: what they refuse, what they say, and that they leave the shutter closed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from bluesky import RunEngine
from bluesky.simulators import RunEngineSimulator
from bluesky.utils import RunEngineInterrupted
from event_model import DocumentNames, schema_validators
from hypothesis import given
from hypothesis import strategies as st

from microscope import microscope
from operando.io.layouts import DocumentReader
from operando.types import Line, ScanPlan
from operando_plans import STXM, Field, Region, Until, energy_stack, operando_series
from operando_sim import World, static_settings
from operando_sim.flyer import LineFlyer

FIELD = Field((0.5, -0.5), (2.0, 1.0), (5, 3))
ENERGIES_EV = [513.0, 517.9]


def simulated() -> tuple[STXM, World]:
    world = World(static_settings(), seed=1)
    return microscope(world), world


def region(energies_ev: Sequence[float] = ENERGIES_EV, dwell_ms: float | list[float] = 1.0) -> Region:
    return Region("cell", FIELD, energies_ev, dwell_ms)


def engine() -> RunEngine:
    return RunEngine({}, context_managers=[])


def documents_of(plan: Any) -> list[tuple[str, dict]]:
    documents: list[tuple[str, dict]] = []
    engine()(plan, lambda name, document: documents.append((name, document)))
    return documents


def lines_in(documents: list[tuple[str, dict]]) -> list[Line]:
    reader = DocumentReader()
    items = [item for name, document in documents for item in reader.read(name, document)]
    return [item for item in items if isinstance(item, Line)]


def test_an_energy_stack_meets_the_als_contract() -> None:
    devices, _ = simulated()
    documents = documents_of(energy_stack(devices, region(dwell_ms=1.5), metadata={"sample": "s"}))
    for name, document in documents:
        schema_validators[DocumentNames[name]].validate(document)
    start = documents[0][1]
    assert start["plan_name"] == "stxm_energy_stack"
    assert start["motors"] == ["energy", "SampleY"]
    assert start["detectors"] == ["STXMLineFlyer"]
    assert start["stxm"] == {
        "contract_version": 1,
        "shape": [2, 3, 5],
        "energies": ENERGIES_EV,
        "dwell_ms": 1.5,
        "x_extent": [-0.5, 1.5],
        "y_extent": [-1.0, 0.0],
        "x_motor": "SampleX",
        "y_motor": "SampleY",
        "energy_motor": "energy",
        "data_field": "STXMLineFlyer",
    }
    assert [name for name, _ in documents] == ["start", "descriptor", *["event_page"] * 6, "stop"]
    descriptor = documents[1][1]
    assert descriptor["name"] == "primary"
    assert set(descriptor["data_keys"]) == {"SampleX", "SampleY", "STXMLineFlyer"}
    assert descriptor["hints"] == {}
    assert [page["seq_num"] for _, page in documents[2:-1]] == [[number] for number in range(1, 7)]
    assert [(line.energy, line.row) for line in lines_in(documents)] == [
        (energy, row) for energy in range(2) for row in range(3)
    ]


def test_a_series_says_beside_each_line_which_one_it_is() -> None:
    world = World(static_settings(), seed=1)
    flyer = LineFlyer(world, name="STXMLineFlyer", i0_channel="i0")
    devices = microscope(world, line_flyer=flyer, i0_field="STXMLineFlyer_i0")
    documents = documents_of(operando_series(devices, region(), Until(cycles=2)))
    for name, document in documents:
        schema_validators[DocumentNames[name]].validate(document)
    said = documents[0][1]["operando"]
    assert (said["schema_version"], said["cycles"], said["region"], said["role"]) == (1, 2, "cell", "series")
    lines = lines_in(documents)
    assert [(line.cycle, line.energy, line.row) for line in lines] == [
        (cycle, energy, row) for cycle in range(2) for energy in range(2) for row in range(3)
    ]
    assert all(line.i0 is not None and line.i0.shape == (5,) for line in lines)
    assert all(one.time_s < other.time_s for one, other in pairwise(lines))
    page = documents[2][1]["data"]
    assert (page["energy_ev"], page["dwell_ms"]) == ([513.0], [1.0])
    assert page["ring_current_ma"][0] == pytest.approx(500.0, abs=1.0)


def test_the_shutter_is_open_for_images_and_for_nothing_else() -> None:
    devices, _ = simulated()
    messages = RunEngineSimulator().simulate_plan(operando_series(devices, region(), Until(cycles=1)))
    is_open = False
    for message in messages:
        if message.command == "set" and message.obj is devices.parts.shutter:
            is_open = message.args[0] == "open"
        elif message.command == "set":
            assert not is_open, "energies and stages move in the dark"
        elif message.command == "kickoff":
            assert is_open
    assert not is_open
    assert sum(message.command == "kickoff" for message in messages) == 6


@pytest.mark.parametrize("at", range(4, 60, 5))
def test_paused_and_resumed_anywhere_the_series_has_every_line(at: int) -> None:
    devices, world = simulated()
    documents: list[tuple[str, dict]] = []
    run_engine = engine()
    seen: list[Any] = []

    def pause_once(message: Any) -> None:
        seen.append(message)
        if len(seen) == at:
            # As a user's Ctrl-C does: from another thread, in the midst of whatever is under way.
            threading.Thread(target=run_engine.request_pause).start()

    run_engine.msg_hook = pause_once
    try:
        run_engine(
            operando_series(devices, region(), Until(cycles=1)),
            lambda name, document: documents.append((name, document)),
        )
    except RunEngineInterrupted:
        run_engine.resume()
    assert run_engine.state == "idle"
    assert {(line.energy, line.row) for line in lines_in(documents)} == {
        (energy, row) for energy in range(2) for row in range(3)
    }
    assert documents[-1][1]["exit_status"] == "success"
    assert not world.is_shutter_open


def test_a_failing_device_leaves_the_shutter_closed_and_the_next_plan_runs() -> None:
    devices, world = simulated()
    kickoff, calls = devices.parts.line_flyer.kickoff, []

    def fail_once() -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("the stage stands still")
        return kickoff()

    devices.parts.line_flyer.kickoff = fail_once
    run_engine = engine()
    documents: list[tuple[str, dict]] = []
    run_engine.subscribe(lambda name, document: documents.append((name, document)))
    with pytest.raises(RuntimeError, match="stands still"):
        run_engine(operando_series(devices, region(), Until(cycles=1)))
    assert documents[-1][1]["exit_status"] == "fail"
    assert not world.is_shutter_open
    run_engine(operando_series(devices, region(), Until(cycles=1)))
    assert documents[-1][1]["exit_status"] == "success"


@pytest.mark.parametrize(
    ("energies_ev", "dwell_ms", "words"),
    [
        ([], 1.0, "one or more"),
        ([513.0, -1.0], 1.0, "above 0"),
        ([float("nan")], 1.0, "above 0"),
        ([513.0], 0.0, "dwell"),
        ([513.0], float("nan"), "dwell"),
        ([513.0], [1.0, 1.0], "one dwell for all, or one each"),
    ],
)
def test_a_region_that_makes_no_sense_is_refused(
    energies_ev: list[float], dwell_ms: float | list[float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        region(energies_ev, dwell_ms)


@pytest.mark.parametrize(
    ("size_um", "points"), [((0.0, 1.0), (5, 5)), ((1.0, 1.0), (1, 5)), ((1.0, -1.0), (5, 5))]
)
def test_an_empty_field_is_refused(size_um: tuple[float, float], points: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="field"):
        Field((0.0, 0.0), size_um, points)


@given(
    centre=st.tuples(st.floats(-100, 100), st.floats(-100, 100)),
    size=st.tuples(st.floats(0.1, 50), st.floats(0.1, 50)),
    points=st.tuples(st.integers(2, 50), st.integers(2, 50)),
)
def test_a_field_is_evenly_spaced_about_its_centre(
    centre: tuple[float, float], size: tuple[float, float], points: tuple[int, int]
) -> None:
    field = Field(centre, size, points)
    for axis, middle, width, number in zip((field.x_um, field.y_um), centre, size, points, strict=True):
        assert len(axis) == number
        assert axis[-1] - axis[0] == pytest.approx(width)
        assert sum(axis) / number == pytest.approx(middle, abs=1e-9)


def test_the_same_plan_gives_a_plan_the_reader_understands() -> None:
    devices, _ = simulated()
    name, document = documents_of(energy_stack(devices, region(dwell_ms=2.0)))[0]
    plan = next(iter(DocumentReader().read(name, document)))
    assert isinstance(plan, ScanPlan)
    assert plan.grid.x_um.tolist() == pytest.approx(FIELD.x_um)
    assert plan.grid.y_um.tolist() == pytest.approx(FIELD.y_um)
    assert plan.dwell_ms.tolist() == [2.0, 2.0]
    assert plan.cycles == 1
