"""Documents to plans and lines, whatever shape they come in."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
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


def replaced(documents: list[tuple[str, dict]], change: Callable[[dict], None]) -> list[tuple[str, dict]]:
    """Return documents of which the data of every event were changed."""
    documents = copy.deepcopy(documents)
    for name, document in documents:
        if name == "event":
            change(document["data"])
    return documents


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


def image_event(stream: Any, number: int, energy_ev: float, image: Any, **more: Any) -> tuple[str, dict]:
    data = {"camera": image, "mono_energy": energy_ev, "mono_energy_setpoint": round(energy_ev), **more}
    stamps = dict.fromkeys(data, 100.0 + number)
    event = stream.compose_event(
        data=data, timestamps=stamps, seq_num=number, time=100.0 + number, validate=False
    )
    return "event", event


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


def plans_in(items: Iterable[Item]) -> list[ScanPlan]:
    return [item for item in items if isinstance(item, ScanPlan)]


@settings(max_examples=50, deadline=None)
@given(
    set_points=st.lists(st.integers(7000, 7200), min_size=2, max_size=5, unique=True),
    cycles=st.integers(2, 4),
    data=st.data(),
)
def test_a_read_back_that_scatters_makes_no_new_energies(
    set_points: list[int], cycles: int, data: st.DataObject
) -> None:
    settings_of = data.draw(st.sampled_from([LayoutSettings(), LayoutSettings(energy_key="mono_energy")]))
    # Set points 0.1 eV apart can be told by the set point alone.
    step_ev = 0.1 if settings_of.energy_key is None else 1.0
    documents, run, stream = image_run(**EXTENTS)
    for number in range(cycles * len(set_points)):
        set_point_ev = step_ev * set_points[number % len(set_points)]
        off_ev = data.draw(st.floats(-0.03, 0.03))
        image = np.full((3, 4), number)
        event = image_event(
            stream, number + 1, set_point_ev + off_ev, image, mono_energy_setpoint=set_point_ev
        )
        documents.append(event)
    documents.append(("stop", run.compose_stop()))
    items = read(documents, DocumentReader(settings_of))
    plan = plans_in(items)[-1]
    np.testing.assert_allclose(plan.energies_ev, step_ev * np.array(set_points), atol=0.03)
    for line in lines_in(items):
        assert line.counts[0] == line.cycle * len(set_points) + line.energy


def test_an_energy_that_comes_late_is_refused_and_the_energies_stay() -> None:
    documents, _, stream = image_run(**EXTENTS)
    energies_ev = [700.0, 708.0, 700.0, 704.0, 708.0]
    for number, energy_ev in enumerate(energies_ev, start=1):
        documents.append(image_event(stream, number, energy_ev, np.full((3, 4), number)))
    items = read(documents)
    assert plans_in(items)[-1].energies_ev.tolist() == [700.0, 708.0]
    assert not plans_in(items)[-1].is_open
    (refusal,) = refusals(items, FrameRejected)
    assert "704.000 eV, which the first cycle did not have" in refusal
    assert [(line.cycle, line.energy) for line in lines_in(items)[::3]] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_frame_that_is_lost_does_not_shift_those_after_it() -> None:
    documents, _, stream = image_run(**EXTENTS)
    for number in (1, 2, 3, 4, 6, 7, 8, 9):
        energy = (number - 1) % 3
        documents.append(image_event(stream, number, 700.0 + energy, np.full((3, 4), number)))
    for line in lines_in(read(documents)):
        assert 1 + 3 * line.cycle + line.energy == line.counts[0]


def test_a_set_point_far_from_the_read_back_is_not_believed() -> None:
    documents, _, stream = image_run(**EXTENTS)
    for number, energy_ev in enumerate((700.0, 708.0), start=1):
        documents.append(image_event(stream, number, energy_ev, np.ones((3, 4)), mono_energy_setpoint=650.0))
    assert plans_in(read(documents))[-1].energies_ev.tolist() == [700.0, 708.0]


def test_a_set_point_that_is_stuck_loses_no_frame() -> None:
    documents, _, stream = image_run(**EXTENTS)
    energies_ev = [708.0, 708.3, 708.6, 709.0]
    for number in range(1, 9):
        energy_ev = energies_ev[(number - 1) % 4]
        image = np.full((3, 4), number)
        documents.append(image_event(stream, number, energy_ev, image, mono_energy_setpoint=708.0))
    items = read(documents)
    assert plans_in(items)[-1].energies_ev.tolist() == energies_ev
    assert not [item for item in items if isinstance(item, Rejection)]
    for line in lines_in(items):
        assert 1 + 4 * line.cycle + line.energy == line.counts[0]


def test_frames_without_a_block_have_the_incident_beam_and_dwell_of_the_profile() -> None:
    layout = LayoutSettings(i0_field="diode", dwell_ms=4.0)
    documents, _, stream = image_run(**EXTENTS)
    monitor = np.arange(12.0).reshape(3, 4)
    readings = [5.0, [5.0], monitor, monitor[None], None, monitor[:2], "word"]
    for number, i0 in enumerate(readings, start=1):
        documents.append(image_event(stream, number, 700.0 + number, np.ones((3, 4)), diode=i0))
    items = read(documents, DocumentReader(layout))
    assert (plans_in(items)[-1].dwell_ms == 4.0).all()
    assert len(refusals(items, FrameRejected)) == 2
    found = [line.i0 for line in lines_in(items)]
    assert len(found) == 15
    np.testing.assert_array_equal(found[:3], np.full((3, 4), 5.0))
    np.testing.assert_array_equal(found[3:6], np.full((3, 4), 5.0))
    np.testing.assert_array_equal(found[6:9], monitor)
    np.testing.assert_array_equal(found[9:12], monitor)
    assert found[12:] == [None, None, None]


def test_an_event_without_an_image_costs_itself_alone() -> None:
    documents, _, stream = image_run(**EXTENTS)
    documents += [image_event(stream, number, 700.0 + number, np.ones((3, 4))) for number in (1, 2, 3)]
    documents[3][1]["data"]["camera"] = 4.0
    items = read(documents)
    assert len(lines_in(items)) == 6
    assert not refusals(items, RunRejected)
    assert len(refusals(items, FrameRejected)) == 1


def test_a_run_that_grows_beyond_what_can_be_held_is_refused() -> None:
    documents, _, stream = image_run(**EXTENTS)
    image = np.zeros((1, 2**14 + 1))
    documents.append(image_event(stream, 1, 700.0, image))
    assert "16384 rows or columns" in refusals(read(documents), RunRejected)[0]
    documents, _, stream = image_run(**EXTENTS)
    image = np.zeros((2**10, 2**10))
    documents += [image_event(stream, number, 700.0 + number, image) for number in range(1, 66)]
    reader = DocumentReader()
    found: list[Item] = []
    for name, document in documents:
        found += [item for item in reader.read(name, document) if not isinstance(item, Line)]
    assert [plan.energies_ev.size for plan in plans_in(found)] == list(range(1, 65))
    assert f"{2**26} values" in refusals(found, RunRejected)[0]


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


@pytest.mark.parametrize("group", ["line", "page", "frame"])
@pytest.mark.parametrize("series", [None, {}, "no block"])
def test_a_run_that_does_not_say_its_cycles_is_open_ended(group: str, series: Any) -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS, group=group))
    documents[0][1]["operando"] = series
    items = read(documents)
    assert plans_in(items)[0].cycles is None
    np.testing.assert_array_equal(counts_in(items), COUNTS)


def test_the_als_energy_stack_visits_its_energies_once() -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS))
    del documents[0][1]["operando"]
    documents[0][1]["plan_name"] = "stxm_energy_stack"
    assert plans_in(read(documents))[0].cycles == 1


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [4, 3]},
        {"shape": [5, 3, 4]},
        {"shape": [4, 0, 4]},
        {"shape": [4, 3, 10**9]},
        {"shape": "huge"},
        {"shape": [4, 16_000, 16_000]},
        {"shape": [10**400, 3, 4]},
        {"shape": [[4, 3, 4]]},
        {"x_extent": [-1e308, 1e308]},
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


NUMBERS_THAT_ARE_NONE = [float("nan"), float("inf"), -1.0, 1e18, 10**400, "1", None, [1.0], {}]


@pytest.mark.parametrize("time_s", NUMBERS_THAT_ARE_NONE)
def test_a_run_that_began_at_no_time_is_refused(time_s: Any) -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1]["time"] = time_s
    items = read(documents)
    assert "seconds since 1970" in refusals(items, RunRejected)[0]
    assert not lines_in(items)


@pytest.mark.parametrize("cycles", [*NUMBERS_THAT_ARE_NONE, 0, 1.5])
def test_cycles_are_a_whole_number_or_unknown(cycles: Any) -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1]["operando"]["cycles"] = cycles
    items = read(documents)
    if cycles is None:
        assert plans_in(items)[0].cycles is None
    else:
        assert "operando.cycles" in refusals(items, RunRejected)[0]


def test_names_are_such_that_files_can_hold_them() -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1].update(sample="a\0b\ud800c" + "x" * 10**5, plan_name=["\0"])
    documents[-1][1].update(reason="\0", exit_status="fail")
    items = read(documents)
    plan = plans_in(items)[0]
    assert plan.sample.startswith("a?b?cxxx")
    assert len(plan.sample) == 1000
    assert plan.plan_name == r"['\x00']"
    assert items[-1] == RunClosed(PLAN.run, "fail", "?")


@pytest.mark.parametrize("uid", ["a\0", "\ud800", "u" * 2000])
def test_a_uid_that_no_file_can_hold_refuses_the_run(uid: str) -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1]["uid"] = documents[1][1]["run_start"] = documents[-1][1]["run_start"] = uid
    items = read(documents)
    assert "no file can hold" in refusals(items, RunRejected)[0]
    assert not lines_in(items)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_nothing_that_a_document_holds_is_raised(data: st.DataObject) -> None:
    """Any value of any document may be anything; the neighbours of a bad event are read."""
    group = data.draw(st.sampled_from(["line", "frame", "page", "no block"]))
    if group == "no block":
        documents, run, stream = image_run(**EXTENTS)
        documents += [
            image_event(stream, number, 700.0 + number % 2, np.ones((3, 4))) for number in range(1, 6)
        ]
        documents.append(("stop", run.compose_stop()))
    else:
        documents = documents_of(PLAN, COUNTS, group=group)
    documents = copy.deepcopy(documents)
    anything = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=3)
        | st.sampled_from([10**400, "\0", "\ud800", b"\xff", float("inf")]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    )
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = documents[data.draw(st.integers(0, len(documents) - 1))][1]
        while isinstance(place, dict) and place:
            key = data.draw(st.sampled_from(sorted(place, key=str)))
            if data.draw(st.booleans()) or not isinstance(place[key], dict):
                place[key] = data.draw(anything)
                break
            place = place[key]
    for item in read(documents):
        if isinstance(item, Line):
            assert item.counts.shape == (4,)
            assert np.isfinite(item.time_s)
            assert all(isinstance(index, int) for index in (item.cycle, item.energy, item.row))
        else:
            assert isinstance(item, ScanPlan | RunClosed | Rejection)


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_what_is_no_document_is_counted(document: Any) -> None:
    reader = DocumentReader()
    assert read([("start", document), ("event", document)], reader) == []
    assert reader.unknown == 2


@pytest.mark.parametrize("value", [None, float("inf"), "x", 10**400, [1]])
@pytest.mark.parametrize("key", ["row", "cycle", "energy_index", "counter"])
def test_a_bad_event_of_a_page_costs_one_line(key: str, value: Any) -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS, group="page"))
    documents[3][1]["data"][key][1] = value
    items = read(documents)
    assert len(refusals(items, FrameRejected)) == 1
    assert len(lines_in(items)) == COUNTS[..., 0].size - 1


def test_a_page_with_a_short_column_gives_what_it_has() -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS, group="page"))
    documents[3][1]["data"]["counter"].pop()
    items = read(documents)
    assert "has no 'counter'" in refusals(items, FrameRejected)[0]
    assert len(lines_in(items)) == COUNTS[..., 0].size - 1


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


def test_a_dwell_that_is_none_is_that_of_the_profile() -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1]["stxm"]["dwell_ms"] = [1.0, 0.0, float("nan"), float("inf")]
    (plan,) = plans_in(read(documents))
    np.testing.assert_array_equal(plan.dwell_ms, [1.0, np.nan, np.nan, np.nan])
    (plan,) = plans_in(read(documents, DocumentReader(LayoutSettings(dwell_ms=2.0))))
    assert plan.dwell_ms.tolist() == [1.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event.update(seq_num=float("inf")),
        lambda event: event.update(seq_num=None),
        lambda event: event["data"].update(row=float("inf")),
        lambda event: event["data"].update(row=1.5),
        lambda event: event["data"].update(counter=[10**400] * 4),
        lambda event: event["data"].update(counter=[1.0, 2.0]),
        lambda event: event.update(time=1e18, timestamps={}),
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
