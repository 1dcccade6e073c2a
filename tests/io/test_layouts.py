"""Documents to plans and lines, whatever shape they come in."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pytest
from event_model import compose_run
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import FrameRejected, RunRejected
from operando.io.layouts import DocumentReader, Rejection
from operando.settings import LayoutSettings
from operando.types import RunClosed, ScanPlan
from read_documents import COUNTS, PLAN, counts_in, lines_in, read, refusals, replaced
from scans import SHARED_DATA, documents_of, plan_of, stack_of


@pytest.mark.parametrize("group", ["line", "page", "frame"])
def test_lines_pages_and_frames_hold_the_same(group: str) -> None:
    items = read(documents_of(PLAN, COUNTS, group=group))
    assert isinstance(items[0], ScanPlan)
    assert items[0].cycles == 2
    np.testing.assert_array_equal(items[0].energies_ev, PLAN.energies_ev)
    np.testing.assert_allclose(items[0].grid.x_um, PLAN.grid.x_um)
    assert items[-1] == RunClosed(PLAN.run, "success", "")
    np.testing.assert_array_equal(counts_in(items), COUNTS)
    assert not [item for item in items if isinstance(item, Rejection)]


def test_without_labels_the_place_follows_from_the_number() -> None:
    documents = documents_of(PLAN, COUNTS)
    for name, document in documents:
        if name == "event":
            document["data"] = {"counter": document["data"]["counter"]}
    np.testing.assert_array_equal(counts_in(read(documents)), COUNTS)


def test_the_golden_als_run_is_read_completely() -> None:
    path = SHARED_DATA / "lightfall_run" / "golden_energy_stack_run.json"
    if not path.is_file():
        pytest.skip("the recorded ALS run is not on this machine")
    reader = DocumentReader()
    items = read(json.loads(path.read_text()), reader)
    plan = items[0]
    assert isinstance(plan, ScanPlan)
    assert plan.energies_ev.tolist() == [500.0, 510.0]
    assert plan.grid.x_um.tolist() == pytest.approx([-4.0, -4 / 3, 4 / 3, 4.0])
    assert plan.grid.y_um.tolist() == [-2.0, 0.0, 2.0]
    assert plan.dwell_ms.tolist() == [1.0, 1.0]
    assert [(line.cycle, line.energy, line.row) for line in lines_in(items)] == [
        (0, energy, row) for energy in range(2) for row in range(3)
    ]
    assert lines_in(items)[0].counts.tolist() == [10065.0, 9826.0, 10031.0, 10010.0]
    assert lines_in(items)[-1].counts.tolist() == [10010.0, 10053.0, 9996.0, 10103.0]
    assert items[-1] == RunClosed(plan.run, "success", "")
    assert (reader.lost, reader.repeated, reader.unknown) == (0, 0, 0)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_gaps_and_repetitions_are_counted_whatever_the_order(data: st.DataObject) -> None:
    events = COUNTS.shape[0] * COUNTS.shape[1] * COUNTS.shape[2]
    order = data.draw(st.permutations(range(events)))
    # The last one too: the stop document says how many there were.
    dropped = data.draw(st.sets(st.sampled_from(range(events)), max_size=4))
    again = data.draw(st.lists(st.sampled_from(sorted(set(range(events)) - dropped)), max_size=4))
    kept = [index for index in order if index not in dropped]
    reader = DocumentReader()
    read(documents_of(PLAN, COUNTS, order=[*kept, *again]), reader)
    assert reader.lost == len(dropped)
    assert reader.repeated == len(again)


def test_interleaved_runs_keep_apart() -> None:
    other = plan_of(shape=(3, 4))
    object.__setattr__(other, "run", "run-2")
    one, two = documents_of(PLAN, COUNTS), documents_of(other, COUNTS[::-1])
    mixed = [document for pair in zip(one, two, strict=True) for document in pair]
    items = read(mixed)
    for run, expected in (("run-1", COUNTS), ("run-2", COUNTS[::-1])):
        np.testing.assert_array_equal(
            counts_in(line for line in lines_in(items) if line.run == run), expected
        )


def test_a_run_with_no_usable_layout_says_so_at_its_end() -> None:
    run = compose_run(metadata={"plan_name": "count"})
    items = read([("start", run.start_doc), ("stop", run.compose_stop())])
    assert "no layout" in refusals(items, RunRejected)[0]
    assert isinstance(items[-1], RunClosed)


def count_run(events: int, *, dropped: Iterable[int] = ()) -> list[tuple[str, dict]]:
    """Return a run of scalars such as stand between the scans of a shift, without some of its events."""
    run = compose_run(metadata={"plan_name": "count"}, time=50.0)
    keys = {"counter": {"source": "t", "dtype": "number", "shape": []}}
    stream = run.compose_descriptor(name="primary", data_keys=keys, time=50.0)
    documents = [("start", run.start_doc), ("descriptor", stream.descriptor_doc)]
    for number in range(1, events + 1):
        event = stream.compose_event(data={"counter": 1.0}, timestamps={"counter": 50.0}, time=50.0)
        if number not in dropped:
            documents.append(("event", event))
    documents.append(("stop", run.compose_stop()))
    return documents


@settings(deadline=None)
@given(
    events=st.integers(0, 6),
    dropped=st.sets(st.integers(1, 6)),
    layout=st.sampled_from(
        [
            LayoutSettings(),
            LayoutSettings(data_field="counter", energy_key="mono_energy"),
            LayoutSettings(data_field="counter", energy_key="counter"),
        ]
    ),
)
def test_of_a_run_that_is_no_scan_nothing_is_lost_and_it_is_refused_once(
    events: int, dropped: set[int], layout: LayoutSettings
) -> None:
    reader = DocumentReader(layout)
    items = read([*documents_of(PLAN, COUNTS), *count_run(events, dropped=dropped)], reader)
    np.testing.assert_array_equal(counts_in(items), COUNTS)
    assert reader.lost == 0
    assert len(refusals(items, RunRejected)) == 1
    assert not refusals(items, FrameRejected)


@given(
    axes=st.integers(0, 3),
    group=st.sampled_from(["line", "frame"]),
    shape=st.sampled_from([(3, 4), (1, 4), (3, 1), (1, 1)]),
)
def test_leading_axes_of_length_one_are_passed_over(axes: int, group: str, shape: tuple[int, int]) -> None:
    plan = plan_of(shape=shape)
    counts = stack_of(plan, np.random.default_rng(0))
    items = read(
        replaced(
            documents_of(plan, counts, group=group),
            lambda data: data.update(counter=data["counter"].reshape((1,) * axes + data["counter"].shape)),
        )
    )
    found = np.full(counts.shape, np.nan)
    for line in lines_in(items):
        found[line.cycle, line.energy, line.row] = line.counts
    np.testing.assert_array_equal(found, counts)


@pytest.mark.parametrize("group", ["line", "frame"])
def test_the_incident_beam_may_be_one_number_and_must_fit(group: str) -> None:
    documents = documents_of(PLAN, COUNTS, group=group)
    documents[0][1]["stxm"]["i0_field"] = "diode"
    scalar = read(replaced(documents, lambda data: data.update(diode=7.0)))
    assert len(lines_in(scalar)) == COUNTS[..., 0].size
    for line in lines_in(scalar):
        np.testing.assert_array_equal(line.i0, np.full(4, 7.0))
    arrays = read(replaced(documents, lambda data: data.update(diode=2 * np.asarray(data["counter"])[None])))
    for line in lines_in(arrays):
        np.testing.assert_array_equal(line.i0, 2 * line.counts)
    wrong = read(replaced(documents, lambda data: data.update(diode=[1.0, 2.0])))
    assert not lines_in(wrong)
    assert "the incident beam 'diode' has shape (2,)" in refusals(wrong, FrameRejected)[0]
    absent = read(documents)
    assert all(line.i0 is None for line in lines_in(absent))
    assert len(lines_in(absent)) == COUNTS[..., 0].size


def test_other_streams_and_unknown_documents_are_passed_over() -> None:
    documents = documents_of(PLAN, COUNTS)
    run = compose_run()
    baseline = run.compose_descriptor(
        name="baseline", data_keys={"counter": {"source": "t", "dtype": "number", "shape": []}}
    )
    baseline.descriptor_doc["run_start"] = PLAN.run
    event = baseline.compose_event(data={"counter": 1.0}, timestamps={"counter": 1.0})
    documents[2:2] = [("descriptor", baseline.descriptor_doc), ("event", event)]
    documents[2:2] = [("resource", {}), ("nonsense", {"a": 1}), ("event", {"descriptor": "nobody's"})]
    reader = DocumentReader()
    items = read(documents, reader)
    np.testing.assert_array_equal(counts_in(items), COUNTS)
    assert reader.unknown == 2


def test_the_device_s_time_stamp_counts_not_the_engine_s() -> None:
    documents = documents_of(PLAN, COUNTS)
    for name, document in documents:
        if name == "event":
            document["time"] += 1000.0
    times = [line.time_s for line in lines_in(read(documents))]
    assert times == [PLAN.started_s + number for number in range(1, len(times) + 1)]
