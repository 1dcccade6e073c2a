"""Beam, detector and host: what is put in is found and measured, and a clean scan says nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.absorption import Detector
from operando.core.conservation import host_change, host_findings
from operando.core.defects import defect_findings, defects_of
from operando.core.region import lithium_of_region
from operando.core.shared_errors import SharedErrors
from operando.core.steadiness import between_cycles, jump_findings, within_image
from operando.types import Severity
from seen_cycles import seen_cycles
from strange_cells import cell_of

ENERGIES_EV = np.array([700.0, 705.0, 708.0, 710.0, 715.0])
GAIN = 0.8


def image(rng: np.random.Generator, *, level: float = 2000.0, rows: int = 40) -> np.ndarray:
    """An image that is blank to the left of its middle."""
    mean = np.full((rows, 40), level)
    mean[:, 20:] *= 0.6
    return rng.normal(mean, np.sqrt(GAIN * mean)).round()


BLANK = np.repeat([[True] * 18 + [False] * 22], 40, axis=0)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    change=st.one_of(st.floats(-0.9, -0.05), st.floats(0.05, 0.5)),
    first=st.integers(0, 35),
    rows=st.integers(1, 12),
)
def test_a_beam_that_changed_in_some_rows_is_found_there(
    seed: int, change: float, first: int, rows: int
) -> None:
    counts = image(np.random.default_rng(seed))
    last = min(first + rows, 40) - 1
    counts[first : last + 1] *= 1 + change
    found = within_image(counts, BLANK, GAIN, energy=2)
    assert found is not None
    assert found.rows == (first, last)
    # Of the noisiest of twelve rows with eighteen pixels.
    assert abs(found.change - change) < 6 * found.error
    finding = jump_findings(found, ENERGIES_EV)[0]
    assert finding.code == "i0-jump"
    assert "708.00 eV" in finding.message


def test_a_steady_beam_says_nothing_in_ten_thousand_rows() -> None:
    rng = np.random.default_rng(5)
    for level in (30.0, 2000.0, 1e5):
        for _ in range(100):
            assert within_image(image(rng, level=level), BLANK, GAIN) is None
    assert within_image(image(rng), np.zeros_like(BLANK), GAIN) is None
    assert within_image(np.full((40, 40), np.nan), BLANK, GAIN) is None
    assert jump_findings(None, ENERGIES_EV) == []


@given(
    common=st.floats(0.85, 1.15),
    change=st.one_of(st.floats(-0.5, -0.05), st.floats(0.05, 0.5)),
    at=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_one_energy_that_changed_unlike_the_others_is_named(
    common: float, change: float, at: int, seed: int
) -> None:
    error = np.full(5, 0.002)
    before = np.linspace(1000.0, 3000.0, 5)
    now = before * common * (1 + np.random.default_rng(seed).normal(0, 0.002, 5))
    assert between_cycles(now, before, error) is None
    now[at] *= 1 + change
    found = between_cycles(now, before, error)
    assert found is not None
    assert found.energies == (at,)
    assert abs(found.change - change) < 0.03
    assert "unlike the other energies" in jump_findings(found, ENERGIES_EV)[0].message


def test_a_beam_that_halves_at_all_energies_is_said_and_an_unknown_one_is_not() -> None:
    before, error = np.full(5, 1000.0), np.full(5, 0.002)
    found = between_cycles(before / 2, before, error)
    assert found is not None
    assert found.change == pytest.approx(-0.5)
    assert "unlike" not in jump_findings(found, ENERGIES_EV)[0].message
    assert between_cycles(np.full(5, np.nan), before, error) is None


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), level=st.floats(5, 1e5), stuck=st.integers(0, 5))
def test_dead_pixels_and_ceilings_are_found_and_noise_is_neither(seed: int, level: float, stuck: int) -> None:
    rng = np.random.default_rng(seed)
    counts = np.stack([image(rng, level=level * factor) for factor in (1.0, 0.9, 1.1, 1.0, 0.95)])
    detector = Detector(gain=GAIN)
    found = defects_of(counts, detector)
    assert not found.saturated.any()
    assert not found.stuck.any()
    assert defect_findings(found) == []
    if level < 200:
        return
    counts[:, 3, :stuck] = level
    counts[:, 20, :stuck] = 0.0
    assert defects_of(counts, detector).stuck.sum() == 2 * stuck
    clipped = np.minimum(counts, np.percentile(counts, 97))
    for known in (detector, replace(detector, saturation_counts=float(clipped.max()))):
        clipped_found = defects_of(clipped, known)
        assert clipped_found.ceiling == clipped.max()
        assert defect_findings(clipped_found)[0].severity is Severity.ALARM


def test_a_closed_shutter_and_missing_images_are_no_defects() -> None:
    detector = Detector(gain=GAIN, dark_counts=2.0)
    dark = np.random.default_rng(1).poisson(2.0, (5, 30, 30)).astype(float)
    assert not defects_of(dark, detector).stuck.any()
    assert not defects_of(np.full((5, 30, 30), np.nan), detector).saturated.any()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    change=st.one_of(st.floats(-0.6, -0.1), st.floats(0.1, 0.6)),
    cycles=st.integers(5, 30),
)
def test_a_host_that_wastes_away_is_found_and_one_that_stays_is_not(
    seed: int, change: float, cycles: int
) -> None:
    rng = np.random.default_rng(seed)
    time_s, error = 300.0 * np.arange(cycles), np.full(cycles, 0.003)
    steady = 0.5 + rng.normal(0, 0.003, cycles)
    assert host_findings(host_change(time_s, steady, error), "the field") == []
    wasting = steady * (1 + change * (time_s / time_s[-1] - 0.5))
    found = host_change(time_s, wasting, error)
    assert found is not None
    assert abs(found.change - change) < 0.05
    finding = host_findings(found, "particle 3")[0]
    assert finding.message.startswith("particle 3 has " + ("lost" if change < 0 else "gained"))


def test_too_few_cycles_say_nothing_of_the_host() -> None:
    assert host_change(np.arange(2.0), np.ones(2), np.ones(2)) is None
    assert host_change(np.zeros(4), np.ones(4), np.ones(4)) is None
    assert host_findings(None, "the field") == []


@pytest.mark.parametrize("material", ["lixv2o5", "lixfepo4"])
def test_a_reacting_cell_keeps_its_host_and_its_beam(material: str) -> None:
    series = cell_of(material, 1.0, 2, cycles=8, pixels=48)
    # By cycle: the first may be recorded anew.
    times: dict[int, float] = {}
    amounts: dict[int, float] = {}
    zeros, material_pixels = np.zeros(5), None
    for seen in seen_cycles(series):
        if material_pixels is None:
            material_pixels = seen.newest.valid
        whole = lithium_of_region(
            seen.od[:, material_pixels],
            seen.variance[:, material_pixels],
            zeros,
            seen.design,
            SharedErrors(np.zeros(3)),
        )
        times[seen.newest.cycle] = seen.newest.time_s
        amounts[seen.newest.cycle] = whole.thickness
    found = host_change(np.array([*times.values()]), np.array([*amounts.values()]), np.full(8, 0.002))
    assert found is not None
    assert abs(found.change) < 0.03
    assert host_findings(found, "the field") == []
