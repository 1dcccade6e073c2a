"""The whole-frame flyer: one event an image, and every row of it was taken at its own time."""

from __future__ import annotations

import threading
from dataclasses import replace

import bluesky.plan_stubs as bps
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.protocols import EventCollectable, Flyable, Pausable, Preparable, Stoppable
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd.utils import LimitError

from operando.io.layouts import DocumentReader
from operando.types import Line
from operando_sim import SampleSettings, World, demo_settings, make_stxm

DEMO = demo_settings()
SETTINGS = replace(
    DEMO,
    sample=SampleSettings(field_um=3.0, length_um=(0.4, 1.4)),
    reaction=replace(DEMO.reaction, elapsed_s=600.0, rate=20.0),
)
X_UM, Y_UM = np.linspace(-1.0, 1.0, 5), np.linspace(-0.6, 0.6, 4)
DEADLINE_S = 20.0


def a_frame(x_um=X_UM, y_um=Y_UM, dwell_ms=1.0, **labels):
    return {"x_um": x_um, "y_um": y_um, "dwell_ms": dwell_ms, "labels": labels}


def flown(flyer, frame):
    flyer.prepare(frame)
    flyer.kickoff().wait(DEADLINE_S)
    flyer.complete().wait(DEADLINE_S)
    (event,) = flyer.collect()
    return event


def test_it_speaks_the_protocols_of_a_flyer() -> None:
    flyer = make_stxm(World(SETTINGS, seed=1)).frame_flyer
    for protocol in (Flyable, Preparable, EventCollectable, Stoppable, Pausable):
        assert isinstance(flyer, protocol)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(-2, 2), min_size=1, max_size=6),
    st.lists(st.floats(-2, 2), min_size=1, max_size=5),
    st.dictionaries(st.sampled_from(["energy", "cycle"]), st.integers(-5, 5)),
)
def test_the_description_fits_the_event_exactly(x_um, y_um, labels) -> None:
    flyer = make_stxm(SHARED, i0_channel="i0").frame_flyer
    event = flown(flyer, a_frame(x_um, y_um, **labels))
    keys = flyer.describe_collect()["primary"]
    assert set(event["data"]) == set(event["timestamps"]) == set(keys)
    assert {key: list(np.shape(value)) for key, value in event["data"].items()} == {
        key: described["shape"] for key, described in keys.items()
    }
    assert event["data"]["SampleX"] == x_um
    assert event["data"]["SampleY"] == y_um


SHARED = World(replace(SETTINGS, sample=replace(SETTINGS.sample, cover=0.0)), seed=1)


def test_a_frame_is_its_rows_one_after_another_as_the_sample_reacts() -> None:
    one, other = World(SETTINGS, seed=7), World(SETTINGS, seed=7)
    event = flown(make_stxm(one).frame_flyer, a_frame(dwell_ms=200.0))
    rows = [other.expose_line(X_UM, y_um, 200.0) for y_um in Y_UM]
    assert event["data"]["STXMFrameFlyer"] == [row.counts.tolist() for row in rows]
    assert event["time"] == one.time_s == other.time_s
    # So the reaction went on from the first to the last row, and the truth has to be asked row by row.
    row_time_s = np.array([[row.time_s.mean()] for row in rows])
    at_once = one.truth(X_UM, Y_UM, row_time_s[0, 0]).lithium
    assert not np.array_equal(one.truth(X_UM, Y_UM, row_time_s).lithium, at_once, equal_nan=True)


def test_a_run_of_frames_is_read_as_the_lines_that_it_is_made_of() -> None:
    flyer = make_stxm(World(SETTINGS, seed=1)).frame_flyer
    energies_ev = [513.0, 517.9]

    def plan():
        stxm = {
            "contract_version": 1,
            "shape": [2, 4, 5],
            "energies": energies_ev,
            "dwell_ms": 1.0,
            "x_extent": [-1.0, 1.0],
            "y_extent": [-0.6, 0.6],
            "data_field": flyer.name,
        }
        yield from bps.open_run({"plan_name": "stxm_energy_stack", "stxm": stxm})
        for index in range(2):
            yield from bps.prepare(flyer, a_frame(cycle=0, energy_index=index), wait=True)
            yield from bps.kickoff(flyer, wait=True)
            yield from bps.complete(flyer, wait=True)
            yield from bps.collect(flyer)
        yield from bps.close_run()

    reader, lines = DocumentReader(), []

    def read(name, document):
        lines.extend(item for item in reader.read(name, document) if isinstance(item, Line))

    RunEngine({}, context_managers=[])(plan(), read)
    assert [(line.energy, line.row) for line in lines] == [(e, row) for e in range(2) for row in range(4)]


def test_a_paced_frame_is_broken_off_after_a_row_and_flown_again() -> None:
    asleep, turns = threading.Semaphore(0), threading.Semaphore(0)

    def sleep(_seconds: float) -> None:
        asleep.release()
        assert turns.acquire(timeout=DEADLINE_S)

    world = World(SETTINGS, seed=1, pace=1.0, sleep=sleep)
    flyer = make_stxm(world).frame_flyer
    flyer.prepare(a_frame())
    flyer.kickoff()
    status = flyer.complete()
    assert asleep.acquire(timeout=DEADLINE_S)
    assert not status.done
    turns.release(2)
    paused = threading.Thread(target=flyer.pause)
    paused.start()
    turns.release(100)
    paused.join(DEADLINE_S)
    status.wait(DEADLINE_S)
    stands = world.position_um
    assert list(flyer.collect()) == [], "half a frame is none"
    flyer.resume()
    event = flown(flyer, a_frame())
    assert np.shape(event["data"]["STXMFrameFlyer"]) == (4, 5)
    assert stands[1] < Y_UM[-1]


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (a_frame(y_um=[]), ValueError, "at least one row"),
        (a_frame(y_um=[[0.0]]), ValueError, "at least one row"),
        (a_frame(y_um=[0.0, 1e3]), LimitError, "a frame from .* move the region"),
        (a_frame(y_um=[0.0, float("nan")]), LimitError, "move the region"),
        (a_frame(dwell_ms=0.0), ValueError, "more than 0"),
        ({"x_um": X_UM, "y_um": Y_UM}, ValueError, "a frame for STXMFrameFlyer"),
    ],
)
def test_a_frame_that_is_none_is_refused(frame, error, words) -> None:
    with pytest.raises(error, match=words):
        make_stxm(SHARED).frame_flyer.prepare(frame)
