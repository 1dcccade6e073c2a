"""The axes: they arrive, stop on their way in a paced world, and fail by name where they are stuck."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ophyd.utils import LimitError

from operando_sim import OpticsSettings, SampleSettings, World, WorldSettings, ZonePlateSettings, make_stxm
from operando_sim.axes import AXES
from operando_sim.positioners import WorldPositioner

SETTINGS = WorldSettings(
    sample=SampleSettings(field_um=2.0, length_um=(0.4, 1.0)),
    optics=OpticsSettings(zone_plate=ZonePlateSettings()),
)
DEADLINE_S = 20.0


class Sleeper:
    """Sleeps as long as somebody lets it: each sleep of a paced world waits for its turn."""

    def __init__(self) -> None:
        self.asleep = threading.Semaphore(0)
        self.turns = threading.Semaphore(0)

    def __call__(self, _seconds: float) -> None:
        self.asleep.release()
        assert self.turns.acquire(timeout=DEADLINE_S)


def positioner(world: World, axis: str) -> WorldPositioner:
    return WorldPositioner(world, axis, name=f"my_{axis}")


@given(st.sampled_from(AXES), st.floats(0.0, 1.0))
def test_an_axis_arrives_where_it_is_sent_and_takes_its_time(axis: str, share: float) -> None:
    world = World(EMPTY, seed=1)
    low, high = world.axes[axis].limits
    target = low + share * (high - low)
    before_s, way = world.time_s, target - world.axes.position(axis)
    moved = positioner(world, axis)
    status = moved.set(target)
    assert status.done
    assert status.success
    assert moved.position == moved.read()[f"my_{axis}"]["value"] == target
    assert world.time_s == pytest.approx(before_s + world.axes[axis].duration_s(way), abs=1e-5)
    described = moved.describe()[f"my_{axis}"]
    assert (described["dtype"], described["units"]) == ("number", world.axes[axis].units)


EMPTY = replace(SETTINGS, sample=replace(SETTINGS.sample, cover=0.0))


@pytest.mark.parametrize("axis", AXES)
def test_a_stuck_axis_fails_by_name_and_goes_on_when_it_is_free(axis: str) -> None:
    world = World(EMPTY, seed=1)
    moved, stands = positioner(world, axis), world.axes.position(axis)
    target = stands + 1.0
    world.stick(axis)
    with pytest.raises(TimeoutError, match=rf"my_{axis}.*is stuck; free it"):
        moved.set(target).wait(DEADLINE_S)
    assert moved.position == stands
    assert not moved.moving
    world.release(axis)
    moved.set(target).wait(DEADLINE_S)
    assert moved.position == target


@pytest.mark.parametrize("axis", AXES)
def test_a_place_beyond_the_limits_is_refused_before_anything_moves(axis: str) -> None:
    world = World(EMPTY, seed=1)
    before_s, stands = world.time_s, world.axes.position(axis)
    with pytest.raises(LimitError, match=f"my_{axis} cannot go to"):
        positioner(world, axis).set(world.axes[axis].limits[1] + 1.0)
    with pytest.raises(LimitError):
        positioner(world, axis).set(float("nan"))
    with pytest.raises(ValueError, match="outside"):
        world.move(axis, world.axes[axis].limits[1] + 1.0)
    assert (world.time_s, world.axes.position(axis)) == (before_s, stands)


def test_a_paced_move_is_stopped_on_its_way_and_the_next_one_arrives() -> None:
    sleeper = Sleeper()
    world = World(EMPTY, seed=1, pace=1.0, sleep=sleeper)
    moved = positioner(world, "sample_x")
    status = moved.set(10.0)  # half a second: ten steps
    assert sleeper.asleep.acquire(timeout=DEADLINE_S)
    assert not status.done
    assert moved.moving
    sleeper.turns.release(100)
    moved.stop()
    stopped_at = moved.position
    assert 0.0 < stopped_at < 10.0
    assert not moved.moving
    assert not status.success
    moved.set(-1.0).wait(DEADLINE_S)
    assert moved.position == -1.0


def test_a_new_move_takes_over_from_an_old_one() -> None:
    sleeper = Sleeper()
    world = World(EMPTY, seed=1, pace=1.0, sleep=sleeper)
    moved = positioner(world, "sample_x")
    first = moved.set(10.0)
    assert sleeper.asleep.acquire(timeout=DEADLINE_S)
    sleeper.turns.release(200)
    second = moved.set(2.0)
    second.wait(DEADLINE_S)
    assert moved.position == 2.0
    assert first.done
    assert not first.success


def test_an_axis_that_comes_free_in_time_arrives() -> None:
    sleeper = Sleeper()
    world = World(EMPTY, seed=1, pace=1.0, sleep=sleeper)
    world.stick("sample_y")
    moved = positioner(world, "sample_y")
    status = moved.set(1.0)
    assert sleeper.asleep.acquire(timeout=DEADLINE_S)
    world.release("sample_y")
    sleeper.turns.release(1000)
    status.wait(DEADLINE_S)
    assert moved.position == 1.0


def test_the_coarse_stage_moves_the_sample_under_the_fine_one() -> None:
    here, there = World(SETTINGS, seed=4), World(SETTINGS, seed=4)
    there.move("coarse_x", 0.5)
    there_s = there.time_s
    x_um = [-0.2, 0.0, 0.2]
    assert there.truth(x_um, [0.0], there_s).thickness_um == pytest.approx(
        here.truth([x + 0.5 for x in x_um], [0.0], there_s).thickness_um
    )


def test_the_counter_and_the_whole_microscope_describe_what_they_read() -> None:
    stxm = make_stxm(World(SETTINGS, seed=2))
    stxm.counter.trigger().wait(DEADLINE_S)
    described = stxm.counter.describe()
    assert set(described) == set(stxm.counter.read())
    assert {key["units"] for key in described.values()} == {"counts"}
    assert stxm.counter.describe_configuration()["counter_dwell_ms"]["units"] == "ms"
    assert stxm.zone_plate is not None
    assert make_stxm(World(WorldSettings(), seed=2)).zone_plate is None
