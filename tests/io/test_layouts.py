"""Documents to plans and lines, whatever shape they come in."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from event_model import compose_run
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import FrameRejected, RunRejected
from operando.io.layouts import DocumentReader, Item, Rejection
from operando.settings import LayoutSettings
from operando.types import Line, RunClosed, ScanPlan
from scans import SHARED_DATA, documents_of, plan_of, stack_of

PLAN = plan_of(shape=(3, 4))
COUNTS = stack_of(PLAN, np.random.default_rng(0))


def read(documents: Iterable[tuple[str, dict]], reader: DocumentReader | None = None) -> list[Item]:
    reader = reader or DocumentReader()
    return [item for name, document in documents for item in reader.read(name, document)]


def lines_in(items: Iterable[Item]) -> list[Line]:
    return [item for item in items if isinstance(item, Line)]


def counts_in(items: Iterable[Item]) -> np.ndarray:
    counts = np.full(COUNTS.shape, np.nan)
    for line in lines_in(items):
        counts[line.cycle, line.energy, line.row] = line.counts
    return counts


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
    dropped = data.draw(st.sets(st.sampled_from(range(events - 1)), max_size=4))
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


def image_run(**start: Any) -> tuple[list[tuple[str, dict]], Any, Any]:
    """Return a run of whole frames that does not say its energies beforehand, without its events."""
    run = compose_run(metadata={"plan_name": "list_scan", **start}, time=50.0)
    keys = {
        "camera": {"source": "t", "dtype": "array", "shape": [3, 4]},
        "mono_energy": {"source": "t", "dtype": "number", "shape": [], "units": "eV"},
        "mono_energy_setpoint": {"source": "t", "dtype": "number", "shape": [], "units": "eV"},
    }
    stream = run.compose_descriptor(name="primary", data_keys=keys, time=50.0)
    return [("start", run.start_doc), ("descriptor", stream.descriptor_doc)], run, stream


EXTENTS = {"x_extent": [3.0, 0.0], "y_extent": [0.0, 2.0]}


def image_event(stream: Any, number: int, energy_ev: float, image: Any) -> tuple[str, dict]:
    data = {"camera": image, "mono_energy": energy_ev, "mono_energy_setpoint": round(energy_ev)}
    stamps = dict.fromkeys(data, 100.0 + number)
    return "event", stream.compose_event(data=data, timestamps=stamps, seq_num=number, time=100.0 + number)


def test_frames_of_a_run_that_did_not_say_its_energies() -> None:
    documents, run, stream = image_run(**EXTENTS)
    rng = np.random.default_rng(1)
    images = rng.random((4, 3, 4))
    energies_ev = [700.0, 708.01, 700.01, 708.0]
    for number, (energy_ev, image) in enumerate(zip(energies_ev, images, strict=True), start=1):
        documents.append(image_event(stream, number, energy_ev, image[None] if number == 2 else image))
    documents.append(("stop", run.compose_stop()))
    items = read(documents)
    plans = [item for item in items if isinstance(item, ScanPlan)]
    assert [(plan.energies_ev.size, plan.is_open) for plan in plans] == [(1, True), (2, True), (2, False)]
    assert plans[-1].grid.x_um.tolist() == [3.0, 2.0, 1.0, 0.0]
    for number, (cycle, energy) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        found = [line for line in lines_in(items) if (line.cycle, line.energy) == (cycle, energy)]
        np.testing.assert_array_equal(np.stack([line.counts for line in found]), images[number])


def test_a_repeated_frame_stays_in_its_cycle() -> None:
    documents, _, stream = image_run(**EXTENTS)
    documents += [image_event(stream, number, 700.0, np.full((3, 4), number)) for number in (1, 2, 2)]
    assert [line.cycle for line in lines_in(read(documents))] == [0, 0, 0, 1, 1, 1, 1, 1, 1]


def refusals(items: Iterable[Item], kind: type[Exception]) -> list[str]:
    return [str(item.error) for item in items if isinstance(item, Rejection) and isinstance(item.error, kind)]


def test_without_a_pixel_size_the_profile_is_asked_for_one() -> None:
    documents, _, stream = image_run()
    documents.append(image_event(stream, 1, 700.0, np.ones((3, 4))))
    assert "pitch_um" in refusals(read(documents), RunRejected)[0]
    plan = read(documents, DocumentReader(LayoutSettings(pitch_um=0.05)))[0]
    assert isinstance(plan, ScanPlan)
    np.testing.assert_allclose(plan.grid.x_um, [0, 0.05, 0.1, 0.15])


def test_a_run_with_no_usable_layout_says_so_at_its_end() -> None:
    run = compose_run(metadata={"plan_name": "count"})
    items = read([("start", run.start_doc), ("stop", run.compose_stop())])
    assert "no layout" in refusals(items, RunRejected)[0]
    assert isinstance(items[-1], RunClosed)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [4, 3]},
        {"shape": [5, 3, 4]},
        {"shape": [4, 0, 4]},
        {"shape": [4, 3, 10**9]},
        {"shape": "huge"},
        {"energies": [700.0, 708.0, float("nan"), 715.0]},
        {"energies": [700.0, -708.0, 710.0, 715.0]},
        {"energies": None},
        {"x_extent": [0.0]},
        {"x_extent": [1.0, 1.0]},
        {"y_extent": [0.0, float("inf")]},
        {"dwell_ms": [1.0, 2.0]},
        {"contract_version": 2},
    ],
)
def test_a_block_that_makes_no_sense_refuses_the_run(change: dict[str, Any]) -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS))
    documents[0][1]["stxm"].update(change)
    items = read(documents)
    assert refusals(items, RunRejected)
    assert not lines_in(items)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event["data"].update(counter="a-datum-id"),
        lambda event: event["data"].update(counter=["a", "b"]),
        lambda event: event["data"].pop("counter"),
        lambda event: event.update(seq_num=10**9),
        lambda event: event.update(seq_num=0),
        lambda event: event["data"].update(row=None),
        lambda event: event.pop("data"),
        lambda event: event.update(time="noon", timestamps={}),
    ],
)
def test_one_bad_event_costs_one_line(spoil: Any) -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS))
    spoil(documents[5][1])
    items = read(documents)
    assert len(refusals(items, FrameRejected)) == 1
    assert len(lines_in(items)) == COUNTS[..., 0].size - 1


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
