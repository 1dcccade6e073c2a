"""Whole images without a block: energies, cycles, and the incident beam are found beside them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from image_runs import EXTENTS, image_event, image_run
from operando.errors import FrameRejected, RunRejected
from operando.io.layouts import DocumentReader, Item, Rejection
from operando.settings import LayoutSettings
from operando.types import Line, ScanPlan
from read_documents import lines_in, plans_in, read, refusals


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


def test_without_a_pixel_size_the_profile_is_asked_for_one() -> None:
    documents, _, stream = image_run()
    documents.append(image_event(stream, 1, 700.0, np.ones((3, 4))))
    assert "pitch_um" in refusals(read(documents), RunRejected)[0]
    plan = read(documents, DocumentReader(LayoutSettings(pitch_um=0.05)))[0]
    assert isinstance(plan, ScanPlan)
    np.testing.assert_allclose(plan.grid.x_um, [0, 0.05, 0.1, 0.15])
