"""Energy with the zone plate following: the law, the limits, one move over two, and the correction."""

from __future__ import annotations

import threading

import bluesky.plan_stubs as bps
import pytest
from bluesky import RunEngine
from bluesky.protocols import Checkable, Configurable, Movable, Readable, Stoppable
from hypothesis import given
from hypothesis import strategies as st
from ophyd.status import Status
from ophyd.utils import LimitError

from operando_plans import FocusedEnergy, FocusLaw
from operando_sim import World, make_stxm
from parts_of_a_microscope import LAW, PLATE, SETTINGS, a_world

DEADLINE_S = 20.0


def focused(world: World, **options) -> FocusedEnergy:
    sim = make_stxm(world)
    return FocusedEnergy(sim.energy, sim.zone_plate, LAW, **options)


class Motor:
    """A positioner that arrives when it is told to, as a motor record does."""

    connected = True

    def __init__(self, name: str, position: float) -> None:
        self.name, self.position = name, position
        self.hints = {"fields": [name]}
        self.moves: list[tuple[float, Status]] = []
        self.stops = 0

    def check_value(self, position: float) -> None: ...

    def set(self, position: float) -> Status:
        self.moves.append((position, Status()))
        return self.moves[-1][1]

    def arrive(self) -> None:
        self.position, status = self.moves[-1]
        status.set_finished()

    def stop(self, *, success: bool = False) -> None:  # noqa: ARG002
        self.stops += 1


@given(st.floats(100, 3000), st.floats(0, 2000), st.floats(1, 30), st.sampled_from([-1, 1]))
def test_the_zone_plate_is_the_focal_length_before_the_sample(energy_ev, a0_um, a1, direction) -> None:
    law = FocusLaw(a0_um=a0_um, a1_um_per_ev=a1, direction=direction)
    before_the_osa_um = direction * law.zone_plate_um(energy_ev)
    assert before_the_osa_um + a0_um == pytest.approx(law.focal_length_um(energy_ev))


@pytest.mark.parametrize(("a0_um", "a1"), [(-1.0, 10.0), (500.0, 0.0), (500.0, -11.6), (float("nan"), 1.0)])
def test_a_law_that_is_none_is_refused(a0_um: float, a1: float) -> None:
    with pytest.raises(ValueError, match="sign of the axis by `direction`"):
        FocusLaw(a0_um=a0_um, a1_um_per_ev=a1)


def test_it_speaks_the_protocols_and_describes_what_it_reads() -> None:
    energy = focused(a_world())
    for protocol in (Readable, Movable, Stoppable, Configurable, Checkable):
        assert isinstance(energy, protocol)
        assert isinstance(energy.focus, protocol)
    assert set(energy.describe()) == set(energy.read()) == {"energy", "ZonePlateZ"}
    assert energy.hints == {"fields": ["energy"]}
    configuration = energy.read_configuration()
    assert set(configuration) == set(energy.describe_configuration())
    assert configuration["energy_a0_um"]["value"] == PLATE.a0_um
    assert configuration["energy_a1_um_per_ev"]["value"] == LAW.a1_um_per_ev
    assert set(energy.focus.describe()) == set(energy.focus.read()) == {"focus"}
    assert energy.focus.hints == {"fields": []}


@given(st.floats(505.0, 540.0), st.floats(-50.0, 50.0))
def test_at_every_energy_the_world_is_in_focus_but_for_the_correction(energy_ev, correction_um) -> None:
    energy = focused(SHARED)
    energy.set(energy_ev).wait(DEADLINE_S)
    assert energy.position == energy_ev
    assert SHARED.spot_fwhm_um == pytest.approx(SETTINGS.optics.spot_um, abs=1e-9)
    energy.focus.set(correction_um).wait(DEADLINE_S)
    assert energy.position == energy_ev
    assert SHARED.axes.position("zone_plate") == pytest.approx(PLATE.focus_um(energy_ev) + correction_um)
    energy.set(520.0).wait(DEADLINE_S)
    assert energy.focus.position == correction_um
    assert SHARED.axes.position("zone_plate") == pytest.approx(PLATE.focus_um(520.0) + correction_um)


SHARED = a_world()


def test_an_energy_whose_focus_is_out_of_reach_is_refused_before_anything_moves() -> None:
    world = a_world(limits_um=(PLATE.focus_um(520.0), PLATE.focus_um(510.0)))
    energy, stands = focused(world), world.axes.position("zone_plate")
    for refused_ev in (509.0, 521.0):
        with pytest.raises(
            LimitError, match=rf"energy cannot go to {refused_ev:g} eV: ZonePlateZ would have"
        ):
            energy.set(refused_ev)
    with pytest.raises(LimitError, match="limits are 505 to 540 eV"):
        energy.set(600.0)
    with pytest.raises(LimitError, match="focus cannot be corrected by 500"):
        energy.focus.set(500.0)
    with pytest.raises(LimitError, match="not a number"):
        energy.focus.set(float("nan"))
    assert (world.energy_ev, world.axes.position("zone_plate"), energy.focus.position) == (513.0, stands, 0.0)


def test_a_move_is_over_when_both_are_there() -> None:
    mono, plate = Motor("mono", 510.0), Motor("zpz", -3000.0)
    energy = FocusedEnergy(mono, plate, LAW)
    assert energy.name == "mono"
    status = energy.set(515.0)
    assert plate.moves[0][0] == LAW.zone_plate_um(515.0)
    mono.arrive()
    assert not status.done
    plate.arrive()
    status.wait(DEADLINE_S)


def test_one_that_fails_stops_the_other_and_says_why() -> None:
    mono, plate = Motor("mono", 510.0), Motor("zpz", -3000.0)
    status = FocusedEnergy(mono, plate, LAW).set(515.0)
    plate.moves[0][1].set_exception(RuntimeError("zpz hit its switch"))
    with pytest.raises(RuntimeError, match="hit its switch"):
        status.wait(DEADLINE_S)
    stopped = threading.Event()
    status.add_callback(lambda _status: stopped.set())
    assert stopped.wait(DEADLINE_S)
    assert (mono.stops, plate.stops) == (1, 1)


def test_one_that_never_arrives_is_named_when_the_time_is_up() -> None:
    mono, plate = Motor("mono", 510.0), Motor("zpz", -3000.0)
    status = FocusedEnergy(mono, plate, LAW, timeout_s=0.02).set(515.0)
    mono.arrive()
    with pytest.raises(TimeoutError, match=r"mono going to 515 eV was not over within 0\.02 s: zpz did not"):
        status.wait(DEADLINE_S)


@pytest.mark.parametrize("axis", ["energy", "zone_plate"])
def test_a_stuck_axis_fails_the_move_by_name(axis: str) -> None:
    world = a_world()
    world.stick(axis)
    with pytest.raises(TimeoutError, match=f"{axis} was sent to .* is stuck"):
        focused(world).set(520.0).wait(DEADLINE_S)


def test_a_correction_that_was_stopped_on_its_way_keeps_what_it_has_come_to() -> None:
    mono, plate = Motor("mono", 510.0), Motor("zpz", LAW.zone_plate_um(510.0))
    energy = FocusedEnergy(mono, plate, LAW)
    status = energy.focus.set(30.0)
    assert energy.focus.position == 30.0
    plate.position = LAW.zone_plate_um(510.0) + 12.0
    plate.moves[0][1].set_finished()  # a stopped motor says that it is done
    status.wait(DEADLINE_S)
    assert energy.focus.position == pytest.approx(12.0)


def test_it_moves_in_a_run_engine_and_is_read_by_its_energy() -> None:
    energy = focused(a_world())
    readings = []

    def plan():
        yield from bps.mv(energy, 521.0)
        readings.append((yield from bps.rd(energy)))

    RunEngine({}, context_managers=[])(plan())
    assert readings == [521.0]
