"""Grid scans from a real RunEngine: rows are put together from points, whichever way they ran."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import bluesky.plans as bp
import numpy as np
import pytest
from bluesky import RunEngine
from event_model import compose_run
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd.sim import SynAxis, SynSignal

from operando.errors import RunRejected
from operando.io.layouts import DocumentReader, Item, Rejection
from operando.settings import LayoutSettings
from operando.types import Line, RunClosed, ScanPlan

Documents = list[tuple[str, dict[str, Any]]]
ENERGIES_EV = [700.0, 704.0, 708.0]
X_UM = [-1.0, -0.5, 0.0, 0.5]
Y_UM = [2.0, 3.0]


def value_at(energy_ev: float, y_um: float, x_um: float) -> float:
    return 100 * energy_ev + 10 * y_um + x_um


EXPECTED = np.array([[[value_at(e, y, x) for x in X_UM] for y in Y_UM] for e in ENERGIES_EV])


class Microscope:
    """Motors and a counter that knows where it is."""

    def __init__(self) -> None:
        self.energy = SynAxis(name="mono_energy")
        self.x = SynAxis(name="sample_x")
        self.y = SynAxis(name="sample_y")
        self.counter = SynSignal(
            name="counter",
            func=lambda: value_at(self.energy.position, self.y.position, self.x.position),
        )


def ran(plan: Any) -> Documents:
    documents: Documents = []
    engine = RunEngine({}, context_managers=[])
    engine(plan, lambda name, document: documents.append((name, dict(document))))
    return documents


def read(documents: Iterable[tuple[str, dict[str, Any]]], layout: LayoutSettings | None = None) -> list[Item]:
    reader = DocumentReader(layout)
    return [item for name, document in documents for item in reader.read(name, document)]


def counts_in(items: Iterable[Item], shape: tuple[int, ...] = EXPECTED.shape) -> np.ndarray:
    found = np.full(shape, np.nan)
    for item in items:
        assert not isinstance(item, Rejection), item
        if isinstance(item, Line):
            found[item.energy, item.row] = item.counts
    return found


def axes_of(scope: Microscope, order: Sequence[str]) -> list[Any]:
    axes = {
        "e": [scope.energy, ENERGIES_EV[0], ENERGIES_EV[-1], 3],
        "x": [scope.x, X_UM[0], X_UM[-1], 4],
        "y": [scope.y, Y_UM[0], Y_UM[-1], 2],
    }
    return [argument for name in order for argument in axes[name]]


@pytest.mark.parametrize("order", list(itertools.permutations("eyx")))
@pytest.mark.parametrize("snaking", [False, True])
def test_motors_in_any_order_with_and_without_snaking(order: Sequence[str], *, snaking: bool) -> None:
    scope = Microscope()
    items = read(ran(bp.grid_scan([scope.counter], *axes_of(scope, order), snake_axes=snaking)))
    plan = items[0]
    assert isinstance(plan, ScanPlan)
    assert plan.energies_ev.tolist() == ENERGIES_EV
    assert plan.grid.x_um.tolist() == X_UM
    assert plan.grid.y_um.tolist() == Y_UM
    assert plan.cycles == 1
    np.testing.assert_array_equal(counts_in(items), EXPECTED)
    lines = [item for item in items if isinstance(item, Line)]
    # A row comes once, when its last point came.
    assert len(lines) == len(ENERGIES_EV) * len(Y_UM)
    assert isinstance(items[-1], RunClosed)


@pytest.mark.parametrize("snaking", [False, True])
def test_relative_scans_stand_where_the_motors_stood(*, snaking: bool) -> None:
    scope = Microscope()
    for axis, at in ((scope.energy, 704.0), (scope.y, 2.5), (scope.x, -0.25)):
        axis.set(at)
    plan = bp.rel_grid_scan(
        [scope.counter],
        *(scope.energy, -4, 4, 3, scope.y, -0.5, 0.5, 2, scope.x, -0.75, 0.75, 4),
        snake_axes=snaking,
    )
    items = read(ran(plan))
    found = items[0]
    assert isinstance(found, ScanPlan)
    assert found.energies_ev.tolist() == ENERGIES_EV
    assert found.grid.x_um.tolist() == X_UM
    np.testing.assert_array_equal(counts_in(items), EXPECTED)


@pytest.mark.parametrize("snaking", [False, True])
def test_listed_positions_are_those_of_the_plan(*, snaking: bool) -> None:
    scope = Microscope()
    energies_ev = [700.0, 703.0, 708.0]
    plan = bp.list_grid_scan(
        [scope.counter], scope.energy, energies_ev, scope.y, Y_UM, scope.x, X_UM, snake_axes=snaking
    )
    items = read(ran(plan))
    found = items[0]
    assert isinstance(found, ScanPlan)
    assert found.energies_ev.tolist() == energies_ev
    np.testing.assert_array_equal(counts_in(items)[::2], EXPECTED[::2])


@settings(max_examples=12, deadline=None)
@given(data=st.data(), snaking=st.booleans())
def test_points_lost_and_repeated_cost_themselves_alone(*, data: st.DataObject, snaking: bool) -> None:
    scope = Microscope()
    documents = ran(bp.grid_scan([scope.counter], *axes_of(scope, "eyx"), snake_axes=snaking))
    events = [document for document in documents if document[0] == "event"]
    lost = data.draw(st.sets(st.integers(0, len(events) - 1), max_size=4))
    again = data.draw(st.lists(st.integers(0, len(events) - 1), max_size=4))
    kept = [event for number, event in enumerate(events) if number not in lost]
    kept += [events[number] for number in again if number not in lost]
    reader = DocumentReader()
    items = [
        item
        for name, document in [*documents[:2], *kept, documents[-1]]
        for item in reader.read(name, document)
    ]
    found = counts_in(items)
    assert np.isnan(found).sum() == len(lost)
    is_there = np.isfinite(found)
    np.testing.assert_array_equal(found[is_there], EXPECTED[is_there])
    assert reader.lost == len(lost)


def test_a_row_of_an_aborted_run_is_given_as_far_as_it_came() -> None:
    scope = Microscope()
    documents = ran(bp.grid_scan([scope.counter], *axes_of(scope, "eyx"), snake_axes=True))
    cut = documents[: 2 + 6]
    reader = DocumentReader()
    items = [item for name, document in cut for item in reader.read(name, document)]
    assert [(item.energy, item.row) for item in items if isinstance(item, Line)] == [(0, 0)]
    # Without a stop document, when nothing more comes; and asking changes nothing.
    for _ in range(2):
        (rest,) = reader.endings()
        assert isinstance(rest, Line)
        assert (rest.energy, rest.row) == (0, 1)
        np.testing.assert_array_equal(rest.counts, [np.nan, np.nan, *EXPECTED[0, 1, 2:]])
    stop = {**documents[-1][1], "exit_status": "abort"}
    items += list(reader.read("stop", stop))
    assert np.isfinite(counts_in(items)).sum() == 6
    assert items[-1] == RunClosed(documents[0][1]["uid"], "abort", "")


def test_one_energy_is_read_beside_the_points_or_told_at_the_start() -> None:
    scope = Microscope()
    scope.energy.set(708.0)
    axes = axes_of(scope, "yx")
    for plan in (
        bp.grid_scan([scope.counter, scope.energy], *axes),
        bp.grid_scan([scope.counter], *axes, md={"energy": 708.0}),
    ):
        items = read(ran(plan), LayoutSettings(data_field="counter"))
        assert isinstance(items[0], ScanPlan)
        assert items[0].energies_ev.tolist() == [708.0]
        np.testing.assert_array_equal(counts_in(items, (1, 2, 4)), EXPECTED[2:])
    (refusal,) = [
        item for item in read(ran(bp.grid_scan([scope.counter], *axes))) if isinstance(item, Rejection)
    ]
    assert isinstance(refusal.error, RunRejected)
    assert "does not say its energy" in str(refusal.error)


def test_what_the_profile_names_as_the_beam_is_not_the_counter() -> None:
    scope = Microscope()
    beam = SynSignal(name="i0", func=lambda: 7.0)
    items = read(
        ran(bp.grid_scan([scope.counter, beam], *axes_of(scope, "eyx"))), LayoutSettings(i0_field="i0")
    )
    np.testing.assert_array_equal(counts_in(items), EXPECTED)
    assert all((item.i0 == 7.0).all() for item in items if isinstance(item, Line) and item.i0 is not None)
    assert any(isinstance(item, Line) and item.i0 is not None for item in items)


def points_run(keys: dict[str, Any], data: dict[str, float], **start: Any) -> Documents:
    """Return a grid scan of one point, as other engines write it."""
    run = compose_run(
        metadata={"plan_name": "grid_scan", "plan_pattern": "outer_product", **start}, time=50.0
    )
    described = {key: {"source": "t", "dtype": "number", "shape": [], **keys.get(key, {})} for key in data}
    stream = run.compose_descriptor(name="primary", data_keys=described, time=50.0)
    event = stream.compose_event(data=data, timestamps=dict.fromkeys(data, 60.0), time=60.0)
    return [("start", run.start_doc), ("descriptor", stream.descriptor_doc), ("event", event)]


def test_units_are_those_of_the_motors() -> None:
    documents = points_run(
        {"mono": {"units": "keV"}, "sx": {"units": "mm"}, "sy": {"units": "nm"}},
        {"mono": 0.7, "sx": 0.0, "sy": 0.0, "counter": 5.0},
        motors=["mono", "sy", "sx"],
        shape=[2, 1, 1],
        detectors=["counter"],
        extents=[[0.7, 0.71], [500, 500], [0.001, 0.001]],
        snaking=[False, False, False],
    )
    plan, line = read(documents)
    assert isinstance(plan, ScanPlan)
    np.testing.assert_allclose(plan.energies_ev, [700.0, 710.0])
    np.testing.assert_allclose(plan.grid.x_um, [1.0])
    np.testing.assert_allclose(plan.grid.y_um, [0.5])
    assert isinstance(line, Line)
    assert line.counts.tolist() == [5.0]


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ({"motors": ["a", "b", "c"], "shape": [2, 2, 2]}, "at most one energy"),
        ({"extents": [[0, 1]]}, "expected first and last of each motor"),
        ({"snaking": [True]}, "true or false for each of 2 motors"),
        ({"shape": [2, 1e9]}, "16384 rows or columns"),
        ({"detectors": ["other"]}, "name it in the profile as [layout] data_field"),
    ],
)
def test_what_cannot_be_told_is_said(start: dict[str, Any], said: str) -> None:
    data = {"sy": 0.0, "sx": 0.0, "one": 1.0, "two": 2.0}
    about: dict[str, Any] = {"motors": ["sy", "sx"], "shape": [2, 2], "detectors": ["one"], "energy": 700.0}
    about |= start
    about.setdefault("extents", [[0, 1]] * len(about["motors"]))
    items = read(points_run({}, data, **about))
    (refusal,) = [item.error for item in items if isinstance(item, Rejection)]
    assert isinstance(refusal, RunRejected)
    assert said in str(refusal)
