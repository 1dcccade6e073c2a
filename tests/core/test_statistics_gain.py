"""The detector's gain from blank pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.gain import MIN_PAIRS, GainEstimate, estimate_gain, gain_findings
from operando.core.incident import blank_pixels
from scans import SHARED_DATA

EVERYWHERE = np.ones((48, 48), dtype=bool)


def readings(rng: np.random.Generator, gain: float, mean: float) -> np.ndarray:
    """Return counts of an empty field, shape (energy, y, x)."""
    return gain * rng.poisson(mean / gain, size=(4, 48, 48)).astype(np.float64)


@settings(max_examples=40, deadline=None)
@given(gain=st.floats(0.05, 5.0), mean=st.floats(20.0, 1e5), seed=st.integers(0, 10_000))
def test_the_gain_is_found_with_its_error(gain: float, mean: float, seed: int) -> None:
    counts = readings(np.random.default_rng(seed), gain, mean)
    found = estimate_gain(counts, EVERYWHERE)
    # 5 σ over 40 examples; 2 % for the cut, which sits between whole numbers where counts are coarse.
    assert abs(found.gain - gain) < 5 * found.error + 0.02 * gain
    # What counting allows, or how unlike the images are, whichever is larger.
    of_images = [estimate_gain(counts[image : image + 1], EVERYWHERE).gain for image in range(len(counts))]
    by_scatter = np.std(of_images, ddof=1) / np.sqrt(len(counts))
    assert found.error == pytest.approx(max(found.gain * np.sqrt(3 / found.pairs), by_scatter), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_drift_jumps_between_rows_and_dust_are_not_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gain, mean = 0.6, 8000.0
    uneven = np.linspace(0.97, 1.03, 48)[None, None, :] * np.linspace(1.05, 0.95, 48)[None, :, None]
    jumps = 1 + 0.02 * rng.standard_normal((4, 48, 1))
    counts = gain * rng.poisson(mean / gain * uneven * jumps)
    counts[:, rng.random((48, 48)) < 0.02] *= 0.7
    found = estimate_gain(counts, EVERYWHERE)
    # Var/mean of all readings is above 5 here. 2 % for rows whose slopes differ by the jumps.
    assert (counts.var(axis=(1, 2)) / counts.mean(axis=(1, 2)) > 5).all()
    assert found.gain == pytest.approx(gain, abs=5 * found.error + 0.02 * gain)


@given(st.floats(0.01, 100.0))
def test_the_gain_is_in_the_unit_of_the_counts(scale: float) -> None:
    counts = readings(np.random.default_rng(3), 0.8, 500.0)
    one, other = estimate_gain(counts, EVERYWHERE), estimate_gain(scale * counts, EVERYWHERE)
    assert other.gain == pytest.approx(scale * one.gain, rel=1e-9)


def test_unknown_pixels_and_those_with_sample_are_not_looked_at() -> None:
    rng = np.random.default_rng(4)
    counts = readings(rng, 0.8, 2000.0)
    expected = estimate_gain(counts[:, :, :30], EVERYWHERE[:, :30])
    counts[:, :, 30:] = rng.uniform(0, 2000, size=(4, 48, 18))
    counts[0, :, 40] = np.nan
    mask = EVERYWHERE.copy()
    mask[:, 30:] = False
    assert estimate_gain(counts, mask) == expected


@pytest.mark.parametrize(
    ("counts", "blank"),
    [
        (np.full((2, 48, 48), np.nan), EVERYWHERE),
        (np.zeros((2, 48, 48)), EVERYWHERE),
        (np.full((2, 48, 48), 700.0), EVERYWHERE),
        (np.ones((2, 48, 48)), ~EVERYWHERE),
        (np.ones((1, 3, 3)), np.ones((3, 3), dtype=bool)),
    ],
)
def test_nothing_to_see_no_gain(counts: np.ndarray, blank: np.ndarray) -> None:
    found = estimate_gain(counts, blank)
    assert np.isnan(found.gain)
    assert np.isnan(found.error)
    assert found.pairs == 0


def test_fewer_pairs_than_needed_are_no_estimate() -> None:
    counts = readings(np.random.default_rng(5), 1.0, 100.0)
    mask = np.zeros((48, 48), dtype=bool)
    mask[:2] = True
    assert MIN_PAIRS - 1 >= 2 * (48 - 3)
    assert np.isnan(estimate_gain(counts, mask).gain)


@pytest.mark.parametrize(
    ("gain", "words"),
    [(1.0, "2 times too large"), (0.25, None), (0.28, None), (0.0625, "2 times too small")],
)
def test_a_gain_that_the_data_contradict_is_said(gain: float, words: str | None) -> None:
    findings = gain_findings(GainEstimate(0.25, 0.005, 10_000), gain, np.empty(0), 2)
    assert [finding.code for finding in findings] == ([] if words is None else ["gain"])
    assert all(words in finding.message and "0.25" in finding.advice for finding in findings)


def test_an_estimate_that_is_unsure_or_absent_contradicts_nothing() -> None:
    assert gain_findings(GainEstimate(0.5, 0.2, 110), 1.0, np.empty(0), 2) == []
    nothing = estimate_gain(np.zeros((1, 3, 3)), np.ones((3, 3), dtype=bool))
    assert gain_findings(nothing, 1.0, np.empty(0), 2) == []


@pytest.mark.parametrize("freedom", [1, 2, 5, 120])
def test_a_gain_that_the_residuals_bear_out_is_not_contradicted(freedom: int) -> None:
    found = GainEstimate(0.25, 0.005, 10_000)
    chi2 = np.random.default_rng(freedom).chisquare(freedom, 4000) / freedom
    assert gain_findings(found, 1.0, chi2, freedom) == []
    assert len(gain_findings(found, 1.0, 0.25 * chi2, freedom)) == 1
    # The advice is what the residuals need, not what counting alone would.
    advice = gain_findings(found, 1.0, 0.4 * chi2, freedom)[0].advice
    assert float(advice.split()[4].rstrip(";")) == pytest.approx(0.4, rel=0.1)
    # Too small a gain is never borne out: σ must hold at least the noise of counting.
    assert len(gain_findings(found, 0.1, chi2, freedom)) == 1


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real stack is not on this machine")
def test_the_real_stack_is_far_quieter_than_its_counts_say() -> None:
    folder = SHARED_DATA / "fe_l_stxm_stack"
    counts = np.stack([np.loadtxt(folder / f"71214078_a{index:03d}.xim") for index in range(0, 123, 10)])
    found = estimate_gain(counts, blank_pixels(counts))
    # Neighbours in different rows, which share no electronics, differ by 0.087 as a median over images.
    assert 0.05 < found.gain < 0.12
    assert found.error < 0.02
