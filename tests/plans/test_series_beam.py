"""A beam that is lost during a series: the line is taken again in its place, and in the light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bluesky.simulators import RunEngineSimulator
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd import Component, Device, Signal

from fake_parts import FailedOnPurposeError, FakePart, Lab, fake_stxm
from microscope import microscope
from operando_plans import (
    STXM,
    BeamGuard,
    BeamLostError,
    Clock,
    Field,
    ScanOptions,
    Until,
    energy_stack,
    operando_series,
)
from operando_sim import BeamLoss, World, static_settings
from visited import COUNTS, lines_in, ran, region


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
