"""Reference frames of a run are the light of its images: whenever they come, with their variance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from full_field import Shot, documents_of_shots, fitted, items_of, od_of, truth_of
from operando.core.absorption import Detector
from operando.core.stack import Estimator, Recipe
from operando.core.track import Registering, RegistrationRule
from operando.io.frozen import freeze, thaw
from operando.io.layouts import DocumentReader, ReaderState, Rejection
from operando.io.reference_frames import Images, References
from operando.settings import LayoutSettings
from operando.types import FloatArray, Light, Line, ScanGrid, ScanPlan
from scans import ENERGIES_EV

SHAPE = (40, 48)
PLAIN = Recipe(estimator=Estimator.LATEST, registration=RegistrationRule(Registering.OFF))


def beam_of(energy: int) -> FloatArray:
    """A beam that is uneven, and another one at each energy."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return 6000.0 * (1 + 0.1 * energy) * (1 + 0.4 * np.sin(x / 6 + energy) * np.cos(y / 9))


DARK = 80.0 + 40.0 * np.random.default_rng(0).random(SHAPE)


def shots_of(
    rng: np.random.Generator, od: FloatArray, *, flats: str, images: int, cycles: int = 1, ratio: float = 1.0
) -> list[Shot]:
    """Return dark frames, then for each energy a frame, and flat ones before it, after it or both."""

    def flat(energy: int, time_s: float) -> Shot:
        readings = rng.poisson(beam_of(energy) / ratio + DARK, (images, *SHAPE)).astype(float)
        return Shot("flat", readings, ENERGIES_EV[energy], time_s, (("dwell_ms", 10.0),))

    darks = rng.poisson(DARK, (20, *SHAPE)).astype(float)
    shots = [Shot("dark", darks, np.nan, 1001.0, (("dwell_ms", 10.0),))]
    time_s = 1002.0
    for _ in range(cycles):
        for energy in range(ENERGIES_EV.size):
            if flats in ("before", "both"):
                shots.append(flat(energy, time_s))
            counts = rng.poisson(beam_of(energy) * np.exp(-od[energy]) + DARK).astype(float)
            dwell = (("dwell_ms", 10.0 * ratio),)
            shots.append(Shot("primary", counts, ENERGIES_EV[energy], time_s + 1, dwell))
            if flats in ("after", "both"):
                shots.append(flat(energy, time_s + 2))
            time_s += 10.0
    return shots


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    flats=st.sampled_from(["before", "after", "both"]),
    images=st.integers(1, 6),
    ratio=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_an_uneven_beam_and_dark_leave_no_trace_whenever_references_come(
    seed: int, flats: str, images: int, ratio: float
) -> None:
    rng = np.random.default_rng(seed)
    _, od = truth_of(SHAPE, rng)
    shots = shots_of(rng, od, flats=flats, images=images, ratio=ratio)
    last = fitted(items_of(documents_of_shots(shots)))[-1]
    assert last.i0_mode == "references"
    found, error = od_of(last)
    # The logarithm of few counts is too low by half its variance, of the reference's too high.
    pull = (found - od) / error
    assert abs(np.median(pull)) < 0.1
    assert np.std(pull) == pytest.approx(1.0, abs=0.06)


def test_all_the_references_of_an_energy_after_its_last_image_are_as_good() -> None:
    rng = np.random.default_rng(1)
    _, od = truth_of(SHAPE, rng)
    shots = shots_of(rng, od, flats="after", images=3)
    frames_first = sorted(shots, key=lambda shot: ("primary", "flat", "dark").index(shot.stream))
    one = fitted(items_of(documents_of_shots(shots)))[-1]
    other = fitted(items_of(documents_of_shots(frames_first)))[-1]
    np.testing.assert_array_equal(one.od, other.od)
    np.testing.assert_array_equal(one.map.lithium, other.map.lithium)


def test_a_cycle_that_was_recorded_is_recorded_anew_when_its_light_comes() -> None:
    rng = np.random.default_rng(6)
    _, od = truth_of(SHAPE, rng)
    shots = [
        replace(shot, beside=(("energy_index", float(np.searchsorted(ENERGIES_EV, shot.energy_ev))),))
        for shot in shots_of(rng, od, flats="after", images=8)
    ]
    late = sorted(shots, key=lambda shot: ("primary", "dark", "flat").index(shot.stream))
    block = {
        "contract_version": 1,
        "shape": [ENERGIES_EV.size, *SHAPE],
        "energies": ENERGIES_EV.tolist(),
        "x_extent": [0.0, 1.0],
        "y_extent": [0.0, 1.0],
        "data_field": "image",
    }
    records = fitted(items_of(documents_of_shots(late, stxm=block, operando={"cycles": 1})))
    assert [snapshot.i0_mode for snapshot in records][:: len(records) - 1] == ["blank", "references"]
    found, error = od_of(records[-1])
    assert np.std((found - od) / error) == pytest.approx(1.0, abs=0.06)


def test_between_two_references_the_beam_goes_evenly_from_one_to_the_other() -> None:
    flat, frame = np.full(SHAPE, 1000.0), np.full(SHAPE, 1500.0)
    shots = [
        Shot("flat", flat, 700.0, 1000.0),
        Shot("primary", frame, 700.0, 1003.0),
        Shot("primary", frame, 710.0, 1004.0),
        Shot("flat", np.stack([2 * flat] * 4), 700.0, 1010.0),
    ]
    lines = [item for item in items_of(documents_of_shots(shots)) if isinstance(item, Line)]
    known = [line for line in lines if line.energy == 0]
    first, last = known[0], known[-1]
    assert first.i0[0] == 1000.0
    assert last.i0[0] == pytest.approx(0.7 * 1000 + 0.3 * 2000)
    assert last.i0_spread[0] == pytest.approx(0.7**2 * 1000 + 0.3**2 * 2000 / 4)
    # An energy without references has no I0, and the one with references has not lent it its own.
    assert all(line.i0 is None for line in lines if line.energy == 1)


def test_the_current_of_the_ring_scales_the_beam() -> None:
    flat, frame = np.full(SHAPE, 1000.0), np.full(SHAPE, 800.0)
    shots = [
        Shot("flat", flat, 700.0, 1000.0, (("ring_current_ma", 400.0),)),
        Shot("primary", frame, 700.0, 1003.0, (("ring_current_ma", 300.0),)),
    ]
    lines = [item for item in items_of(documents_of_shots(shots)) if isinstance(item, Line)]
    assert lines[-1].i0[0] == pytest.approx(750.0)


def test_a_reading_at_the_ceiling_says_nothing_though_dark_was_taken_off() -> None:
    frame, flat = np.full(SHAPE, 500.0), np.full(SHAPE, 1000.0)
    frame[0, 0], flat[0, 1] = 4095.0, 4095.0
    shots = [
        Shot("dark", np.full(SHAPE, 100.0), np.nan, 999.0),
        Shot("flat", flat, 700.0, 1000.0),
        Shot("primary", frame, 700.0, 1003.0),
    ]
    items = items_of(documents_of_shots(shots), detector=Detector(saturation_counts=4095.0))
    line = next(item for item in items if isinstance(item, Line))
    assert np.isnan(line.counts[0])
    assert np.isnan(line.i0[1])
    assert (line.counts[2], line.i0[2]) == (400.0, 900.0)


def test_dark_frames_alone_are_no_light() -> None:
    shots = [
        Shot("dark", np.full(SHAPE, 100.0), np.nan, 999.0),
        Shot("primary", np.full(SHAPE, 500.0), 700.0, 1003.0),
    ]
    items = items_of(documents_of_shots(shots))
    assert [item.light for item in items if isinstance(item, ScanPlan)] == [Light.AS_TOLD] * 2
    assert next(item for item in items if isinstance(item, Line)).counts[0] == 500.0


def test_frames_of_other_pixels_are_refused_with_a_sentence() -> None:
    shots = [
        Shot("flat", np.full((20, 24), 1000.0), 700.0, 1000.0),
        Shot("primary", np.full(SHAPE, 500.0), 700.0, 1003.0),
        Shot("flat", np.full(SHAPE, 1000.0), 700.0, 1004.0),
        Shot("flat", np.full(7, 1000.0), 700.0, 1005.0),
        Shot("flat", np.full(SHAPE, 1000.0), np.nan, 1006.0),
    ]
    documents = documents_of_shots(shots)
    said = [str(item.error) for item in items_of(documents) if isinstance(item, Rejection)]
    assert len(said) == 4  # the frame, whose light came before it, and three flat ones
    assert all("binning" in sentence for sentence in said[:2])
    assert "an image has 2" in said[2] or "no image" in said[2]
    assert "energy" in said[3]


def test_a_frame_delivered_again_counts_once() -> None:
    rng = np.random.default_rng(2)
    _, od = truth_of(SHAPE, rng)
    documents = documents_of_shots(shots_of(rng, od, flats="both", images=2, cycles=2))
    again = [document for document in documents for _ in range(1 + (document[0] == "event"))]
    once, twice = fitted(items_of(documents)), fitted(items_of(again))
    np.testing.assert_array_equal(once[-1].od, twice[-1].od)
    np.testing.assert_array_equal(once[-1].od_error, twice[-1].od_error)


@pytest.mark.parametrize("at", [3, 8, 15])
def test_a_reader_goes_on_from_what_it_had_learned(at: int) -> None:
    rng = np.random.default_rng(3)
    _, od = truth_of(SHAPE, rng)
    documents = documents_of_shots(shots_of(rng, od, flats="after", images=2))
    whole = items_of(documents)
    layout = LayoutSettings(pitch_um=0.03)
    first = DocumentReader(layout)
    before = [item for name, document in documents[:at] for item in first.read(name, document)]
    second = DocumentReader(layout, thaw(ReaderState, freeze(first.state)))
    after = [item for name, document in documents[at:] for item in second.read(name, document)]
    np.testing.assert_array_equal(fitted([*before, *after])[-1].od, fitted(whole)[-1].od)


def test_the_gain_is_told_from_blank_pixels_in_an_uneven_beam() -> None:
    rng = np.random.default_rng(4)
    _, od = truth_of((120, 128), rng)
    y, x = np.mgrid[:120, :128]
    beam = 8000.0 * (1 + 0.4 * np.sin(x / 3) * np.cos(y / 5))
    gain = 0.4

    def counted(mean: FloatArray) -> FloatArray:
        return gain * rng.poisson(mean / gain)

    shots = [
        Shot("flat", np.stack([counted(beam) for _ in range(4)]), energy_ev, 1000.0 + index)
        for index, energy_ev in enumerate(ENERGIES_EV)
    ]
    shots += [
        Shot("primary", counted(beam * np.exp(-od[index])), energy_ev, 1010.0 + index)
        for index, energy_ev in enumerate(ENERGIES_EV)
    ]
    auto = replace(PLAIN, detector=Detector(gain=float("nan")))
    last = fitted(items_of(documents_of_shots(shots)), auto)[-1]
    found, error = od_of(last)
    assert np.std((found - od) / error) == pytest.approx(1.0, abs=0.05)


def test_a_damaged_number_of_a_cycle_does_not_empty_what_is_held() -> None:
    grid = ScanGrid(np.arange(4.0), np.arange(1.0))
    plan = ScanPlan("run", "", "", grid, np.array([700.0]), np.ones(1), None, 0.0)
    held = References(Detector())

    def line(cycle: int) -> Line:
        return Line("run", cycle, 0, 0, np.full(4, 50.0), None, 1.0 + cycle)

    for cycle in (0, 2**30, 1, -7):
        held.take(line(cycle), plan)
    held.flat(Images(np.full((1, 1, 4), 100.0), 9.0, np.nan, np.nan), 700.0)
    assert [again.cycle for again in held.settle(plan)] == [1]
    for cycle in range(2, 50):
        held.take(line(cycle), plan)
    held.flat(Images(np.full((1, 1, 4), 100.0), 99.0, np.nan, np.nan), 700.0)
    # Those of the last cycles, as far as they came after the group before.
    assert [again.cycle for again in held.settle(plan)] == [47, 48, 49]


def test_flat_frames_of_another_exposure_are_a_group_of_their_own() -> None:
    shots = [
        Shot("flat", np.full(SHAPE, 1000.0), 700.0, 1000.0, (("dwell_ms", 10.0),)),
        Shot("flat", np.full(SHAPE, 3000.0), 700.0, 1001.0, (("dwell_ms", 30.0),)),
        Shot("primary", np.full(SHAPE, 800.0), 700.0, 1003.0, (("dwell_ms", 20.0),)),
    ]
    lines = [item for item in items_of(documents_of_shots(shots)) if isinstance(item, Line)]
    assert lines[-1].i0[0] == pytest.approx(2000.0)


def test_streams_of_other_names_are_named_in_the_profile() -> None:
    shots = [
        Shot("white", np.full(SHAPE, 1000.0), 700.0, 1000.0),
        Shot("primary", np.full(SHAPE, 500.0), 700.0, 1003.0),
    ]
    documents = documents_of_shots(shots)
    named = LayoutSettings(pitch_um=0.03, flat_stream="white")
    plans = [item for item in items_of(documents, named) if isinstance(item, ScanPlan)]
    assert plans[-1].light is Light.REFERENCES
    assert next(item for item in items_of(documents) if isinstance(item, ScanPlan)).light is Light.AS_TOLD


def test_pixels_along_the_edges_are_not_read() -> None:
    shots = [Shot("primary", np.full(SHAPE, 500.0), 700.0, 1003.0)]
    items = items_of(documents_of_shots(shots), LayoutSettings(pitch_um=0.03, border_px=2))
    read = np.stack([np.isfinite(item.counts) for item in items if isinstance(item, Line)])
    assert read.sum() == (SHAPE[0] - 4) * (SHAPE[1] - 4)
    assert read[2:-2, 2:-2].all()
