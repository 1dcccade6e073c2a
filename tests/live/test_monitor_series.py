"""What the monitor makes of a series: regions side by side, and energies that come now and then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine

from fake_parts import fake_stxm
from operando.core.energies import select
from operando.core.stack import Estimator
from operando.errors import RunRejected
from operando.io.layouts import DocumentReader, Rejection
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import ScanPlan, Snapshot
from operando_plans import Advice, AdviceLimits, AdviceList, Field, Region, Suggestion, Until, operando_series
from scans import ENERGIES_EV, library, plan_of, recipe, stack_of

FIELD = Field((0.0, 0.0), (2.0, 2.0), (4, 3))
CYCLES = 6
COUNTS = stack_of(plan_of(shape=(3, 4)), np.random.default_rng(0), cycles=CYCLES)
EVERY = (4, 1, 1, 1)


def region(name: str = "a", every: tuple[int, ...] = ()) -> Region:
    return Region(name, FIELD, ENERGIES_EV.tolist(), 1.0, every=every)


def documents_of(*regions: Region) -> list[tuple[str, dict]]:
    documents: list[tuple[str, dict]] = []
    plan = operando_series(fake_stxm(COUNTS)[0], regions, Until(cycles=CYCLES))
    RunEngine({}, context_managers=[])(plan, lambda name, document: documents.append((name, document)))
    return documents


def records_of(documents: list[tuple[str, dict]]) -> tuple[Monitor, list[Snapshot]]:
    records: list[Snapshot] = []
    source = DocumentSource(iter(documents), "memory")
    monitor = Monitor(source, Work(library(), recipe(), LayoutSettings()), records.append)
    while monitor.pull():
        pass
    monitor.finish()
    return monitor, records


def lithium_of(records: list[Snapshot], run: str) -> list[bytes]:
    maps = [snapshot.map for snapshot in records if snapshot.plan.run == run]
    return [found.lithium.tobytes() + found.lithium_error.tobytes() for found in maps if found is not None]


def test_a_region_has_the_same_maps_alone_and_among_others() -> None:
    alone, together = documents_of(region()), documents_of(region("b"), region())
    own = [document["uid"] for name, document in together if name == "start"][1]
    expected = lithium_of(records_of(alone)[1], alone[0][1]["uid"])
    assert len(expected) == CYCLES
    assert lithium_of(records_of(together)[1], own) == expected


def test_cycles_without_the_pre_edge_are_whole_and_use_the_last_one_there_was() -> None:
    monitor, records = records_of(documents_of(region(every=EVERY)))
    maps = [snapshot.map for snapshot in records if snapshot.map is not None]
    assert [found.cycle for found in maps] == list(range(CYCLES))
    assert not any(found.is_provisional for found in maps)
    assert all((found.energies_used == 4).all() for found in maps)
    # Cycle 4 is the second one with a pre-edge image; the fifth is older by four images.
    ages = [np.nanmax(found.frame_age_s[0]) - np.nanmax(found.frame_age_s[1]) for found in maps]
    assert ages[3] > ages[4] < ages[5]
    assert monitor.newest is not None
    progress = monitor.newest.progress
    assert progress.lines_seen == progress.lines_planned == 3 * (2 + 3 * CYCLES)
    assert "lines-missing" not in {finding.code for finding in monitor.newest.findings}


def plan_in(**series: Any) -> ScanPlan | Rejection:
    name, start = documents_of(region())[0]
    item = next(iter(DocumentReader().read(name, {**start, "operando": series})))
    assert isinstance(item, ScanPlan | Rejection)
    return item


def test_choosing_energies_keeps_when_they_come() -> None:
    plan = plan_in(every=list(EVERY), cycles=10)
    assert isinstance(plan, ScanPlan)
    assert plan.every == EVERY
    assert plan.lines_planned == 3 * (3 + 30)
    chosen = select(plan, ENERGIES_EV[[0, 2, 3]])
    assert chosen is not None
    assert chosen[0].every == (4, 1, 1)


def test_a_plan_of_endless_cycles_is_counted_at_once() -> None:
    plan = plan_in(every=list(EVERY), cycles=2**30)
    assert isinstance(plan, ScanPlan)
    assert plan.lines_planned == 3 * (2**28 + 3 * 2**30)


@pytest.mark.parametrize(
    "every", [[1], [0, 1, 1, 1], [1.5, 1, 1, 1], ["x"], "1111", [1, 1, 1, 10**6], [float("nan")] * 4]
)
def test_what_no_energy_can_be_visited_in_is_refused(every: Any) -> None:
    item = plan_in(every=every)
    assert isinstance(item, Rejection)
    assert isinstance(item.error, RunRejected)


def test_a_dwell_that_the_plan_made_longer_changes_no_optical_density() -> None:
    """Also where the incident beam is known per ms, from a file."""
    longer = [[Suggestion("dwell", energy_index=2, dwell_ms=2.0)]]
    documents: list[tuple[str, dict]] = []
    counts = np.stack([COUNTS[0]] * 3)
    counts[1:, 2] *= 2.0
    plan = operando_series(
        fake_stxm(counts)[0],
        region(),
        Until(cycles=3),
        advice=Advice(AdviceList(longer), AdviceLimits(max_dwell_ms=5.0)),
    )
    RunEngine({}, context_managers=[])(plan, lambda name, document: documents.append((name, document)))
    work = Work(library(), replace(recipe(), estimator=Estimator.LATEST), LayoutSettings())
    records: list[Snapshot] = []
    monitor = Monitor(DocumentSource(iter(documents), "memory"), work, records.append)
    while monitor.pull():
        pass
    maps = [snapshot.map for snapshot in records if snapshot.map is not None]
    assert len(maps) == 3
    assert records[1].i0[2] == pytest.approx(2 * records[0].i0[2])
    # The same optical densities with other weights: the same thickness, but for noise.
    assert np.nanmedian(np.abs(maps[1].thickness - maps[0].thickness)) < 0.02
    assert np.nanmedian(maps[1].lithium_error) < np.nanmedian(maps[0].lithium_error)
