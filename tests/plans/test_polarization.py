"""The polarization: set once, in the dark, before anything is scanned; said in the documents; or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.simulators import RunEngineSimulator
from hypothesis import given
from hypothesis import strategies as st

from fake_parts import FakePart, Lab, fake_stxm
from microscope import microscope
from operando.app.acquire import options_of
from operando.settings import AcquisitionSettings
from operando_plans import (
    STXM,
    Field,
    Region,
    ScanOptions,
    Until,
    dry_run,
    energy_stack,
    operando_series,
)
from operando_plans.contract import violations
from operando_sim import World, make_stxm, static_settings

REGION = Region("a", Field((0.0, 0.0), (2.0, 2.0), (4, 2)), [700.0, 708.0], 1.0)
ONCE = Until(cycles=1)


def turnable(at: float = 0.0) -> tuple[STXM, Lab]:
    stxm, lab = fake_stxm(np.ones((2, 2, 2, 4)))
    return STXM(replace(stxm.parts, polarization=FakePart(lab, "polarization", at, (-90.0, 90.0)))), lab


def series(stxm: STXM, options: ScanOptions) -> Any:
    return operando_series(stxm, REGION, ONCE, options=options)


def stack(stxm: STXM, options: ScanOptions) -> Any:
    return energy_stack(stxm, REGION, options=options)


PLANS = pytest.mark.parametrize("plan", [series, stack])


@PLANS
@given(asked=st.floats(-90.0, 90.0))
def test_it_is_set_once_and_before_any_light(plan: Callable[..., Any], asked: float) -> None:
    stxm, _ = turnable()
    sent = RunEngineSimulator().simulate_plan(plan(stxm, ScanOptions(polarization=asked)))
    sets = [(message.obj.name, message.args[0]) for message in sent if message.command == "set"]
    assert [value for name, value in sets if name == "polarization"] == [asked]
    assert sets.index(("polarization", asked)) < sets.index(("shutter", "open"))


@PLANS
def test_it_is_left_alone_where_nobody_asks(plan: Callable[..., Any]) -> None:
    stxm, _ = turnable(at=30.0)
    starts = started(plan(stxm, ScanOptions(is_returning=True)))
    assert stxm.parts.polarization.visited == []
    assert "polarization" not in starts[0]["operando"]
    assert starts[0]["plan_args"]["options"]["polarization"] is None


@PLANS
def test_the_start_document_says_it(plan: Callable[..., Any]) -> None:
    stxm, _ = turnable()
    (start,) = started(plan(stxm, ScanOptions(polarization=45.0)))
    assert start["operando"]["polarization"] == 45.0
    assert start["plan_args"]["options"]["polarization"] == 45.0
    assert stxm.parts.polarization.position == 45.0


@PLANS
def test_it_goes_back_if_the_rest_does(plan: Callable[..., Any]) -> None:
    stxm, _ = turnable(at=30.0)
    started(plan(stxm, ScanOptions(polarization=45.0, is_returning=True)))
    assert stxm.parts.polarization.visited == [45.0, 30.0]


@PLANS
@pytest.mark.parametrize(
    ("make", "asked", "words"),
    [
        (lambda: fake_stxm(np.ones((1, 1, 2, 4))), 45.0, "has none to set; leave polarization out"),
        (turnable, 99.0, "polarization goes from -90 to 90, not to 99"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_moves(
    plan: Callable[..., Any], make: Callable[[], tuple[STXM, Lab]], asked: float, words: str
) -> None:
    stxm, lab = make()
    with pytest.raises(ValueError, match=words):
        plan(stxm, ScanOptions(polarization=asked))
    assert lab.calls == 0


def test_a_dry_run_refuses_it_too() -> None:
    stxm, lab = fake_stxm(np.ones((1, 1, 2, 4)))
    with pytest.raises(ValueError, match="has none to set"):
        dry_run(stxm, REGION, ONCE, options=ScanOptions(polarization=45.0))
    assert lab.calls == 0


def test_a_stack_of_the_simulated_microscope_stays_within_its_contract() -> None:
    world = World(static_settings(), seed=1)
    stxm = microscope(world, polarization=make_stxm(world).polarization)
    region = replace(REGION, energies_ev=[513.0, 517.9])
    documents: list[tuple[str, dict]] = []
    RunEngine({}, context_managers=[])(
        energy_stack(stxm, region, options=ScanOptions(polarization=-90.0)),
        lambda name, document: documents.append((name, document)),
    )
    assert violations(documents) == []
    assert stxm.parts.polarization.position == -90.0


def test_the_profile_s_own_gives_way_to_the_plan_s() -> None:
    settings = AcquisitionSettings(energies_ev=(700.0,), dwell_ms=1.0, polarization=10.0)
    assert options_of(settings).polarization == 10.0
    assert options_of(settings, 0.0).polarization == 0.0


def started(plan: Any) -> list[dict]:
    """Run a plan, and return its start documents."""
    starts: list[dict] = []
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(lambda _name, document: starts.append(document), "start")
    engine(plan)
    return starts
