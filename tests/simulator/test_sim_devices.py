"""The devices speak bluesky: a real RunEngine makes documents of the shape that the ALS records."""

import json
from functools import cache
from pathlib import Path

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.protocols import (
    EventCollectable,
    Flyable,
    Movable,
    Pausable,
    Preparable,
    Readable,
    Stoppable,
    Triggerable,
)
from bluesky.utils import FailedStatus, RunEngineInterrupted
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd.utils import LimitError

from operando_sim import BeamLoss, SampleSettings, World, WorldSettings, make_stxm, static_settings

GOLDEN = Path(__file__).parents[3] / "shared" / "data" / "lightfall_run" / "golden_energy_stack_run.json"
X_UM = np.linspace(-1.0, 1.0, 4)


def make_world(seed=1):
    return World(WorldSettings(sample=SampleSettings(field_um=3.0, length_um=(0.4, 1.4))), seed=seed)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def stxm(world):
    return make_stxm(world)


@pytest.fixture
def engine():
    """A RunEngine and the list of all its documents."""
    engine, documents = RunEngine({}), []
    engine.subscribe(lambda name, document: documents.append((name, document)))
    yield engine, documents
    # Else the loop and its sockets are left to the garbage collector, which warns.
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join()
    engine.loop.close()


def a_line(y_um=0.0, x_um=X_UM, dwell_ms=1.0, **labels):
    return {"x_um": x_um, "y_um": y_um, "dwell_ms": dwell_ms, "labels": labels}


def fly(flyer, line):
    yield from bps.checkpoint()
    yield from bps.prepare(flyer, line, wait=True)
    yield from bps.kickoff(flyer, wait=True)
    yield from bps.complete(flyer, wait=True)
    yield from bps.collect(flyer)


def stack(stxm, energies_ev, rows_um, **labels):
    yield from bps.open_run()
    for energy_ev in energies_ev:
        yield from bps.mv(stxm.energy, energy_ev)
        for y_um in rows_um:
            yield from fly(stxm.flyer, a_line(y_um, **labels))
    yield from bps.close_run()


def test_the_devices_speak_the_protocols(stxm):
    for device in (stxm.energy, stxm.sample_x, stxm.sample_y, stxm.shutter):
        for protocol in (Readable, Movable, Stoppable):
            assert isinstance(device, protocol)
        assert device.hints == {"fields": [device.name]}
    assert isinstance(stxm.counter, Readable)
    assert isinstance(stxm.counter, Triggerable)
    assert isinstance(stxm.ring_current, Readable)
    for protocol in (Flyable, Preparable, EventCollectable, Stoppable, Pausable):
        assert isinstance(stxm.flyer, protocol)


def test_a_run_has_the_shape_of_the_golden_run(stxm, engine):
    if not GOLDEN.exists():
        pytest.skip("the recorded ALS run is not on this machine")
    golden = json.loads(GOLDEN.read_text())
    run, documents = engine
    run(stack(stxm, [510.0, 520.0], [-0.5, 0.0, 0.5]))
    assert [name for name, _ in documents] == [name for name, _ in golden]
    (_, ours), (_, theirs) = documents[1], golden[1]
    assert ours["hints"] == theirs["hints"] == {}
    assert ours["configuration"] == theirs["configuration"]
    assert ours["object_keys"] == theirs["object_keys"]
    for key, theirs_key in theirs["data_keys"].items():
        assert {k: ours["data_keys"][key][k] for k in ("dtype", "shape")} == {
            k: theirs_key[k] for k in ("dtype", "shape")
        }
    for (_, page), (_, golden_page) in list(zip(documents, golden, strict=True))[2:-1]:
        assert page["seq_num"] == golden_page["seq_num"]
        assert list(page["data"]) == list(golden_page["data"])
        for key, values in golden_page["data"].items():
            assert np.shape(page["data"][key]) == np.shape(values)
    json.dumps(documents)


def test_a_line_carries_its_labels_and_the_worlds_time(world, stxm, engine):
    run, documents = engine

    def plan():
        yield from bps.open_run()
        for cycle in range(3):
            yield from fly(stxm.flyer, a_line(0.1 * cycle, energy=510.5 + cycle, cycle=cycle))
        yield from bps.close_run()

    before = world.time_s
    run(plan())
    descriptors = [d for name, d in documents if name == "descriptor"]
    pages = [d for name, d in documents if name == "event_page"]
    assert len(descriptors) == 1
    assert descriptors[0]["data_keys"]["cycle"]["dtype"] == "number"
    assert [page["data"]["cycle"] for page in pages] == [[0], [1], [2]]
    assert [page["data"]["energy"] for page in pages] == [[510.5], [511.5], [512.5]]
    assert [page["data"]["SampleY"] for page in pages] == [[0.0], [0.1], [0.2]]
    duration = 1e-3 * (80 + 4)
    for number, page in enumerate(pages, start=1):
        stamps = {stamp for stamps in page["timestamps"].values() for stamp in stamps}
        # The clock counts from the epoch, where a double resolves a quarter of a microsecond.
        np.testing.assert_allclose(list(stamps), [before + number * duration], atol=1e-5, rtol=0)


def test_runs_may_differ_in_length_and_labels_but_lines_of_one_run_may_not(stxm, engine):
    run, documents = engine
    run(stack(stxm, [510.0], [0.0], cycle=0))
    run(stack(stxm, [510.0], [0.0], cycle=0, energy=510.0))
    assert [name for name, _ in documents].count("event_page") == 2

    def plan(second):
        yield from bps.open_run()
        yield from fly(stxm.flyer, a_line(cycle=0))
        yield from fly(stxm.flyer, second)

    for second in (a_line(), a_line(x_um=X_UM[:3], cycle=0)):
        with pytest.raises(ValueError, match="keep them the same within a run"):
            run(plan(second))


def test_a_pause_rewinds_and_the_line_is_flown_again(stxm, engine):
    run, documents = engine
    pauses = iter(["between complete and collect", "after collect"])

    def plan():
        yield from bps.open_run()
        for row in range(3):
            yield from bps.checkpoint()
            yield from bps.prepare(stxm.flyer, a_line(0.1 * row), wait=True)
            yield from bps.kickoff(stxm.flyer, wait=True)
            yield from bps.complete(stxm.flyer, wait=True)
            if row == 1 and next(pauses, None):
                yield from bps.pause()
            yield from bps.collect(stxm.flyer)
            if row == 2 and next(pauses, None):
                yield from bps.pause()
        yield from bps.close_run()

    with pytest.raises(RunEngineInterrupted):
        run(plan())
    with pytest.raises(RunEngineInterrupted):
        run.resume()
    run.resume()
    pages = [d for name, d in documents if name == "event_page"]
    # The last line was collected, rewound and collected again under the same number.
    assert [page["seq_num"][0] for page in pages] == [1, 2, 3, 3]
    assert [page["data"]["SampleY"][0] for page in pages] == [0.0, 0.1, 0.2, 0.2]
    assert documents[-1][1]["exit_status"] == "success"


def test_a_pause_after_a_checkpoint_before_collect_hands_the_line_over_again(stxm):
    flyer = stxm.flyer
    flyer.prepare(a_line())
    flyer.kickoff()
    flyer.complete()
    first = list(flyer.collect())
    assert list(flyer.collect()) == []
    flyer.pause()
    flyer.resume()
    assert list(flyer.collect()) == first


def test_an_aborted_run_leaves_nothing_behind(stxm, engine):
    run, documents = engine

    def plan():
        yield from bps.open_run()
        yield from bps.prepare(stxm.flyer, a_line(), wait=True)
        yield from bps.kickoff(stxm.flyer, wait=True)
        yield from bps.pause()

    with pytest.raises(RunEngineInterrupted):
        run(plan())
    run.abort()
    stxm.flyer.stop(success=False)
    with pytest.raises(RuntimeError, match="prepare first"):
        stxm.flyer.kickoff()
    documents.clear()
    run(stack(stxm, [515.0], [0.0, 0.1]))
    assert [name for name, _ in documents] == ["start", "descriptor", "event_page", "event_page", "stop"]


@cache
def shared_stxm():
    return make_stxm(make_world(), i0_channel="i0")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-2, 2), min_size=1, max_size=12),
    st.floats(-2, 2),
    st.dictionaries(st.sampled_from(["energy", "cycle", "point"]), st.integers(-5, 5) | st.floats(-1e6, 1e6)),
)
def test_the_description_fits_every_event_exactly(x_um, y_um, labels):
    flyer = shared_stxm().flyer
    flyer.prepare({"x_um": x_um, "y_um": y_um, "dwell_ms": 0.5, "labels": labels})
    flyer.kickoff()
    flyer.complete()
    keys = flyer.describe_collect()["primary"]
    (event,) = flyer.collect()
    assert set(event["data"]) == set(event["timestamps"]) == set(keys)
    assert {"SampleX", "SampleY", "STXMLineFlyer", "STXMLineFlyer_i0", *labels} == set(keys)
    for key, value in event["data"].items():
        assert list(np.shape(value)) == keys[key]["shape"]
        assert keys[key]["dtype"] == ("array" if keys[key]["shape"] else "number")
    assert event["data"]["SampleX"] == x_um
    assert {label: event["data"][label] for label in labels} == labels


def test_the_flyer_measures_what_the_world_shows():
    one, other = make_world(7), make_world(7)
    flyer = make_stxm(one, i0_channel="i0").flyer
    flyer.prepare(a_line(0.3))
    flyer.kickoff()
    flyer.complete()
    (event,) = flyer.collect()
    exposure = other.expose_line(X_UM, 0.3, 1.0)
    assert event["data"]["STXMLineFlyer"] == exposure.counts.tolist()
    assert event["data"]["STXMLineFlyer_i0"] == exposure.i0.tolist()
    assert event["time"] == other.time_s


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ({"x_um": X_UM, "y_um": 0.0}, ValueError, "expected exactly"),
        ({**a_line(), "speed": 1.0}, ValueError, "expected exactly"),
        (a_line(x_um=[]), ValueError, "at least one pixel"),
        (a_line(x_um=[[0.0, 1.0]]), ValueError, "at least one pixel"),
        (a_line(dwell_ms=0.0), ValueError, "more than 0"),
        (a_line(dwell_ms=float("inf")), ValueError, "more than 0"),
        (a_line(x_um=[0.0, 1e3]), LimitError, "move the region"),
        (a_line(y_um=float("nan")), LimitError, "move the region"),
        (a_line(x_um=[0.0, float("nan")]), LimitError, "move the region"),
        (a_line(energy="high"), ValueError, "expected a number"),
        (a_line(cycle=True), ValueError, "expected a number"),
        (a_line(SampleY=1.0), ValueError, "rename them"),
    ],
)
def test_a_line_that_is_none_is_refused(stxm, line, error, words):
    with pytest.raises(error, match=words):
        stxm.flyer.prepare(line)


def test_steps_out_of_order_are_refused_with_what_to_do(stxm):
    for step, words in (
        (stxm.flyer.kickoff, "prepare first"),
        (stxm.flyer.describe_collect, "prepare first"),
        (stxm.flyer.complete, "kickoff first"),
    ):
        with pytest.raises(RuntimeError, match=words):
            step()
    assert list(stxm.flyer.collect()) == []


@given(st.floats(allow_nan=True))
def test_the_energy_goes_within_its_limits_and_nowhere_else(energy_ev):
    energy = shared_stxm().energy
    before = energy.position
    if 505.0 <= energy_ev <= 540.0:
        status = energy.set(energy_ev)
        assert status.done
        assert status.success
        assert energy.read()["energy"]["value"] == energy_ev
    else:
        with pytest.raises(LimitError, match="505 to 540 eV"):
            energy.set(energy_ev)
        assert energy.position == before


def test_moves_advance_the_worlds_clock_and_readings_carry_it(world, stxm):
    before = world.time_s
    stxm.energy.set(520.0)
    stxm.sample_x.set(1.0)
    stxm.sample_y.set(-1.0)
    assert world.position_um == (1.0, -1.0)
    assert world.time_s - before == pytest.approx(1.0 + 0.05 + 0.05)
    for device in (stxm.energy, stxm.sample_x, stxm.sample_y, stxm.shutter, stxm.ring_current):
        (reading,) = device.read().values()
        assert reading["timestamp"] == world.time_s
        assert list(device.describe()) == [device.name]


def test_everything_can_be_stopped_at_any_time(world, stxm):
    stxm.flyer.prepare(a_line())
    before = world.time_s
    for device in (stxm.energy, stxm.sample_x, stxm.sample_y, stxm.shutter, stxm.counter, stxm.flyer):
        device.stop(success=False)
    assert world.time_s == before
    assert stxm.energy.set(515.0).success


def test_the_shutter_knows_two_words(world, stxm):
    stxm.shutter.set("closed")
    assert stxm.shutter.read()["shutter"]["value"] == "closed"
    assert not world.is_shutter_open
    with pytest.raises(ValueError, match='"open" or "closed"'):
        stxm.shutter.set("ajar")
    stxm.shutter.set("open")
    assert world.is_shutter_open


def test_a_point_scan_with_the_counter_runs(stxm, engine):
    run, documents = engine
    run(bp.scan([stxm.counter, stxm.ring_current], stxm.energy, 510.0, 520.0, 5))
    events = [d for name, d in documents if name == "event"]
    assert [event["data"]["energy"] for event in events] == [510.0, 512.5, 515.0, 517.5, 520.0]
    assert all(event["data"]["counter"] > 0 for event in events)
    assert all(490 < event["data"]["ring_current"] <= 500 for event in events)
    stxm.counter.dwell_ms.put(-1.0)
    with pytest.raises(ValueError, match="more than 0"):
        stxm.counter.trigger()


def test_a_move_beyond_the_limits_fails_the_plan_with_the_reason(stxm, engine):
    run, _ = engine
    with pytest.raises((LimitError, FailedStatus), match="505 to 540 eV"):
        run(bps.mv(stxm.energy, 700.0))


@given(
    from_s=st.floats(0.0, 5.0),
    lasts_s=st.floats(0.11, 2.0),
    steps=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=6),
)
@settings(max_examples=12, deadline=None)
def test_the_ring_says_every_loss_that_lasts_longer_than_between_two_looks(from_s, lasts_s, steps):
    world = World(static_settings(), seed=1, faults=(BeamLoss(from_s, from_s + lasts_s),))
    began_s, said = world.time_s, []
    ring = make_stxm(world).ring_current
    ring.subscribe(lambda *, value, timestamp, **_more: said.append((timestamp - began_s, value)), run=False)
    for step in (*steps, 8.0):
        world.wait(step)
    dark = [time_s for time_s, current_ma in said if current_ma == 0.0]
    assert dark
    assert all(from_s - 1e-6 <= time_s <= from_s + lasts_s + 1e-6 for time_s in dark)
    times_s = [time_s for time_s, _ in said]
    assert times_s == sorted(times_s)


def test_a_plan_that_is_staged_knows_no_forms_of_the_one_before(stxm, engine):
    run, documents = engine
    run(stack(stxm, [515.0], [0.0]))
    stxm.flyer.unstage()
    stxm.flyer.stage()
    shorter = a_line(x_um=X_UM[:3])

    def undescribed():
        yield from bps.open_run()
        yield from bps.prepare(stxm.flyer, shorter, wait=True)
        yield from bps.kickoff(stxm.flyer, wait=True)
        yield from bps.complete(stxm.flyer, wait=True)
        yield from bps.collect(stxm.flyer)
        yield from bps.close_run()

    documents.clear()
    run(undescribed())
    (page,) = [document for name, document in documents if name == "event_page"]
    assert len(page["data"]["SampleX"][0]) == 3
    # And what it describes now is again all that it takes.
    stxm.flyer.prepare(a_line())
    stxm.flyer.kickoff()
    stxm.flyer.complete()
    with pytest.raises(ValueError, match="keep them the same within a run"):
        list(stxm.flyer.collect())
