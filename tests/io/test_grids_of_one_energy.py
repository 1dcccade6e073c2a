"""Grid scans of one energy each, from a real RunEngine: one series, as one scan of all energies is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import bluesky.plans as bp
import bluesky.preprocessors as bpp
import numpy as np
import pytest
from bluesky import RunEngine
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd.sim import SynAxis, SynSignal

from following import ALWAYS, killed_and_started_again, offline, record
from operando.io.layouts import DocumentReader, Item, Rejection
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from operando.types import Line, RunClosed, ScanPlan
from scans import library, plan_of, recipe, stack_of

Documents = list[tuple[str, dict[str, Any]]]
PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
ENERGIES_EV = PLAN.energies_ev.tolist()
WORK = Work(library(), recipe(), LayoutSettings(dwell_ms=1.0))


class Microscope:
    """Motors, and a counter that knows the sample: which cycle it is, it is told."""

    def __init__(self) -> None:
        self.cycle = 0
        self.energy = SynAxis(name="mono_energy")
        self.x = SynAxis(name="sample_x")
        self.y = SynAxis(name="sample_y")
        self.counter = SynSignal(name="counter", func=self.count)

    def count(self) -> float:
        axes = (PLAN.energies_ev, self.energy), (PLAN.grid.y_um, self.y), (PLAN.grid.x_um, self.x)
        energy, row, column = (int(np.argmin(np.abs(axis - motor.position))) for axis, motor in axes)
        return float(COUNTS[self.cycle, energy, row, column])


@pytest.fixture(scope="module")
def engine() -> RunEngine:
    return RunEngine({}, context_managers=[])


def ran(engine: RunEngine, plan: Any) -> Documents:
    documents: Documents = []
    engine(plan, lambda name, document: documents.append((name, dict(document))))
    return documents


def grid_of(scope: Microscope, where: str, shift_um: float = 0.0) -> Iterator[Any]:
    """Yield the plan of one image; its energy stands in the events, the baseline or the start document."""
    y, x = PLAN.grid.y_um, PLAN.grid.x_um
    axes = [scope.y, y[0], y[-1], y.size, scope.x, x[0] + shift_um, x[-1] + shift_um, x.size]
    about = {"energy": scope.energy.position} if where == "start" else {}
    detectors = [scope.counter, scope.energy] if where == "event" else [scope.counter]
    plan = bp.grid_scan(detectors, *axes, snake_axes=True, md={**about, "detectors": ["counter"]})
    return bpp.baseline_wrapper(plan, [scope.energy]) if where == "baseline" else plan


def series(engine: RunEngine, where: str = "baseline", cycles: int = 2) -> list[Documents]:
    """Return the documents of each image of `COUNTS`, each begun a second after the one before."""
    scope, runs = Microscope(), []
    for cycle, energy_ev in itertools.product(range(cycles), ENERGIES_EV):
        scope.cycle = cycle
        scope.energy.set(energy_ev)
        runs.append(at(ran(engine, grid_of(scope, where)), 1000.0 + 100.0 * len(runs)))
    return runs


def at(documents: Documents, began_s: float) -> Documents:
    """Return documents as if their run had begun then, each a second behind the one before."""
    for number, (_, document) in enumerate(documents):
        document["time"] = began_s + number
        if "timestamps" in document:
            document["timestamps"] = dict.fromkeys(document["timestamps"], began_s + number)
    return documents


def read(runs: Iterable[Documents], layout: LayoutSettings | None = None) -> list[Item]:
    reader = DocumentReader(layout)
    items = [item for name, document in itertools.chain(*runs) for item in reader.read(name, document)]
    return [*items, *reader.endings()]


def counts_in(items: Iterable[Item], energies_ev: Sequence[float] = ENERGIES_EV) -> np.ndarray:
    found = np.full(COUNTS.shape, np.nan)
    known: list[float] = []
    for item in items:
        assert not isinstance(item, Rejection), item
        if isinstance(item, ScanPlan):
            known = item.energies_ev.tolist()
        elif isinstance(item, Line):
            found[item.cycle, energies_ev.index(known[item.energy]), item.row] = item.counts
    return found


@pytest.mark.parametrize("where", ["event", "baseline", "start"])
def test_runs_of_one_energy_are_one_series(engine: RunEngine, where: str) -> None:
    runs = series(engine, where)
    items = read(runs)
    np.testing.assert_array_equal(counts_in(items), COUNTS)
    plans = [item for item in items if isinstance(item, ScanPlan)]
    assert [plan.energies_ev.size for plan in plans] == [1, 2, 3, 4, 4]
    assert [plan.is_open for plan in plans] == [True] * 4 + [False]
    assert {item.run for item in items} == {runs[0][0][1]["uid"]}
    assert [item for item in items if isinstance(item, RunClosed)] == [
        RunClosed(runs[0][0][1]["uid"], "success", "")
    ]


@pytest.fixture(scope="module")
def taken(engine: RunEngine) -> list[Documents]:
    return series(engine)


@settings(max_examples=15, deadline=None)
@given(first=st.permutations(range(4)), second=st.permutations(range(4)))
def test_the_order_of_the_energies_does_not_matter(
    taken: list[Documents], first: list[int], second: list[int]
) -> None:
    order = [*first, *(4 + energy for energy in second)]
    runs = [at(deepcopy(taken[number]), 1000.0 + 100.0 * place) for place, number in enumerate(order)]
    np.testing.assert_array_equal(counts_in(read(runs)), COUNTS)


def test_the_maps_are_those_of_one_scan_of_all_energies(engine: RunEngine, tmp_path: Path) -> None:
    runs = series(engine, cycles=1)
    scope = Microscope()
    # By turns over the list: one scan, in which the energy moves.
    lists = [scope.energy, ENERGIES_EV, scope.y, PLAN.grid.y_um.tolist(), scope.x, PLAN.grid.x_um.tolist()]
    whole = ran(engine, bp.list_grid_scan([scope.counter], *lists, snake_axes=False))
    lines = [item for item in read([whole]) if isinstance(item, Line)]
    joined = [item for item in read(runs) if isinstance(item, Line)]
    assert [line.counts.tolist() for line in joined] == [line.counts.tolist() for line in lines]
    assert [(line.cycle, line.energy, line.row) for line in joined] == [
        (line.cycle, line.energy, line.row) for line in lines
    ]
    assert any(
        name.endswith(".h5") for name in offline(list(itertools.chain(*runs)), tmp_path / "out.h5", WORK)
    )


def test_live_and_replayed_are_the_same_bits_also_after_a_kill(engine: RunEngine, tmp_path: Path) -> None:
    documents = list(itertools.chain(*series(engine)))
    log = record(tmp_path / "series.runlog", documents)
    expected = offline(documents, tmp_path / "one" / "out.h5", WORK)
    found = killed_and_started_again(log, tmp_path / "two" / "out.h5", WORK, (3, 5, 4), 11, ALWAYS)
    assert found == expected


def test_two_fields_by_turns_are_two_series(engine: RunEngine) -> None:
    scope, runs = Microscope(), []
    for energy_ev, shift_um in itertools.product(ENERGIES_EV, (0.0, 50.0)):
        scope.energy.set(energy_ev)
        runs.append(at(ran(engine, grid_of(scope, "baseline", shift_um)), 1000.0 + 100.0 * len(runs)))
    items = read(runs)
    plans = {item.run: item for item in items if isinstance(item, ScanPlan)}
    assert [plan.energies_ev.tolist() for plan in plans.values()] == [ENERGIES_EV, ENERGIES_EV]
    assert list(plans) == [runs[0][0][1]["uid"], runs[1][0][1]["uid"]]
    assert [item.exit_status for item in items if isinstance(item, RunClosed)] == ["success"] * 2


def test_an_energy_that_no_cycle_had_and_one_that_is_missing_are_named(engine: RunEngine) -> None:
    runs = series(engine)
    late = series(engine)[3]
    for name, document in late:
        if name == "event":
            document["data"] = {
                key: 733.0 if key.startswith("mono_energy") else value
                for key, value in document["data"].items()
            }
    items = read([*runs[:6], at(late, 5000.0)])
    (refusal,) = [item for item in items if isinstance(item, Rejection)]
    assert "733.000 eV, which the first cycle did not have" in str(refusal.error)
    assert refusal.run == runs[0][0][1]["uid"]
    (closed,) = [item for item in items if isinstance(item, RunClosed)]
    assert closed.exit_status == "incomplete"
    assert closed.reason == "cycle 1 has no image at 710.000, 715.000 eV"


def test_a_run_that_was_aborted_gives_what_came_and_is_named(engine: RunEngine) -> None:
    runs = series(engine, cycles=1)
    stop = {**runs[2][-1][1], "exit_status": "abort", "reason": "beam dump"}
    runs[2] = [*[each for each in runs[2] if each[0] != "stop"][:-3], ("stop", stop)]
    items = read(runs)
    assert np.isnan(counts_in(items)[0]).sum() == 2
    (closed,) = [item for item in items if isinstance(item, RunClosed)]
    assert closed.reason == f"run {runs[2][0][1]['uid'][:8]} ended as abort: beam dump"


def test_another_scan_ends_the_series(engine: RunEngine) -> None:
    runs = series(engine, cycles=1)
    scope = Microscope()
    lists = [scope.energy, ENERGIES_EV, scope.y, PLAN.grid.y_um.tolist(), scope.x, PLAN.grid.x_um.tolist()]
    other = at(ran(engine, bp.list_grid_scan([scope.counter], *lists)), 5000.0)
    items = read([*runs, other])
    closed = [item for item in items if isinstance(item, RunClosed)]
    assert [item.run for item in closed] == [runs[0][0][1]["uid"], other[0][1]["uid"]]
    assert items.index(closed[0]) < next(
        number
        for number, item in enumerate(items)
        if isinstance(item, ScanPlan) and item.run == other[0][1]["uid"]
    )


def test_which_of_several_energies_of_the_baseline_is_asked_for(engine: RunEngine) -> None:
    scope = Microscope()
    scope.energy.set(ENERGIES_EV[0])
    other = SynAxis(name="gap_energy")
    y, x = PLAN.grid.y_um, PLAN.grid.x_um
    axes = [scope.y, y[0], y[-1], y.size, scope.x, x[0], x[-1], x.size]
    documents = ran(engine, bpp.baseline_wrapper(bp.grid_scan([scope.counter], *axes), [scope.energy, other]))
    (refusal,) = [item for item in read([documents]) if isinstance(item, Rejection)]
    assert "which of mono_energy, gap_energy is the photon energy is not said" in str(refusal.error)
    items = read([documents], LayoutSettings(energy_key="mono_energy"))
    assert next(item for item in items if isinstance(item, ScanPlan)).energies_ev.tolist() == ENERGIES_EV[:1]
