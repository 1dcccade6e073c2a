"""The end of a plan: each step of the cleanup is tried, whichever of the others fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine

from fake_parts import FailedOnPurposeError, FakePart, FakeStatus, Lab, fake_stxm
from operando_plans import STXM, Field, Region, ScanOptions, Until, operando_series
from operando_plans.pausing import PausedShutter

COUNTS = np.ones((1, 2, 2, 4))
REGION = Region("a", Field((0.0, 0.0), (2.0, 2.0), (4, 2)), [705.0, 708.0], 1.0, coarse_um=(500.0, -500.0))


class Failing(FakePart):
    """Cannot go to one place, the first time or ever."""

    def __init__(self, lab: Lab, name: str, position: Any, place: Any, times: int = 10**9) -> None:
        super().__init__(lab, name, position)
        self._place, self._times = place, times

    def set(self, value: Any) -> FakeStatus:
        if value == self._place and self._times > 0 and self.visited:
            self._times -= 1
            status = FakeStatus()
            status.finish(FailedOnPurposeError(f"{self.name} is stuck"))
            return status
        return super().set(value)


class Stuck(FakePart):
    """Never arrives where it was at first."""

    def set(self, value: Any) -> FakeStatus:
        return FakeStatus() if self.visited else super().set(value)


def stxm_of(**parts: Any) -> tuple[STXM, Lab]:
    stxm, lab = fake_stxm(COUNTS)
    stage = {"coarse_x": FakePart(lab, "CoarseX", 1.0), "coarse_y": FakePart(lab, "CoarseY", 2.0)}
    return STXM(replace(stxm.parts, **stage, **{key: make(lab) for key, make in parts.items()})), lab


def run(stxm: STXM, **options: Any) -> list[str]:
    """Run a series and return the exit status of its runs."""
    documents: list[tuple[str, dict]] = []
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(lambda name, document: documents.append((name, document)))
    plan = operando_series(stxm, REGION, Until(cycles=1), options=ScanOptions(is_returning=True, **options))
    try:
        engine(plan)
    finally:
        statuses = [document["exit_status"] for name, document in documents if name == "stop"]
    return statuses


def test_everything_goes_back_to_where_it_was() -> None:
    stxm, _ = stxm_of()
    assert run(stxm) == ["success"]
    parts = stxm.parts
    assert (parts.coarse_x.position, parts.coarse_y.position) == (1.0, 2.0)
    assert (parts.energy.position, parts.sample_x.position) == (700.0, 0.0)
    assert parts.coarse_x.visited == [500.0, 1.0]


def test_nothing_goes_back_unless_asked() -> None:
    stxm, _ = stxm_of()
    plan = operando_series(stxm, REGION, Until(cycles=1))
    RunEngine({}, context_managers=[])(plan)
    assert stxm.parts.coarse_x.position == 500.0
    assert stxm.parts.energy.position == 708.0


@pytest.mark.parametrize("part", ["energy", "sample_y", "coarse_x"])
def test_a_part_that_cannot_go_back_keeps_no_other_from_it(part: str) -> None:
    homes = {"energy": 700.0, "sample_x": 0.0, "sample_y": 0.0, "coarse_x": 1.0, "coarse_y": 2.0}
    name = {"energy": "energy", "sample_y": "SampleY", "coarse_x": "CoarseX"}[part]
    stxm, _ = stxm_of()
    failing = Failing(Lab(), name, homes[part], homes[part])
    stxm = STXM(replace(stxm.parts, **{part: failing}))
    with pytest.raises(Exception, match="FakeStatus") as caught:
        run(stxm)
    assert isinstance(caught.value.__cause__, FailedOnPurposeError)
    assert stxm.parts.shutter.position == "closed"
    for other, home in homes.items():
        if other != part:
            assert getattr(stxm.parts, other).position == home


def test_a_part_that_never_arrives_is_waited_for_only_so_long() -> None:
    stxm, lab = stxm_of()
    stuck = Stuck(lab, "energy", 705.0)
    stxm = STXM(replace(stxm.parts, energy=stuck))
    region = replace(REGION, energies_ev=[708.0])
    plan = operando_series(
        stxm, region, Until(cycles=1), options=ScanOptions(is_returning=True, cleanup_s=0.05)
    )
    with pytest.raises(TimeoutError):
        RunEngine({}, context_managers=[])(plan)
    assert stxm.parts.coarse_x.position == 1.0


def test_a_shutter_that_does_not_close_at_once_is_closed_again() -> None:
    stxm, lab = stxm_of()
    # It closes after the first image, and not after the second, nor at the first attempt of the cleanup.
    shutter = Failing(lab, "shutter", "closed", "closed", times=2)
    shutter.limits = None  # type: ignore[assignment]
    flyer = stxm.parts.line_flyer
    flyer._is_lit = lambda: True
    stxm = STXM(replace(stxm.parts, shutter=shutter))
    with pytest.raises(Exception, match="FakeStatus"):
        run(stxm)
    assert shutter.position == "closed"
    assert stxm.parts.coarse_x.position == 1.0


def test_a_pause_goes_on_when_the_shutter_fails_and_a_resume_says_so() -> None:
    stxm, _ = stxm_of()

    class Deaf(FakePart):
        def set(self, value: Any) -> FakeStatus:
            raise RuntimeError(f"no answer to {value}")

    shutter = Deaf(Lab(), "shutter", "open")
    paused = PausedShutter(replace(stxm.parts, shutter=shutter))
    paused.pause()
    with pytest.raises(RuntimeError, match="no answer"):
        asyncio.run(paused.resume())
