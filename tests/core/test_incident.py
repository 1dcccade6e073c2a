"""I0 from pixels without sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.incident import MIN_BLANK_PIXELS, blank_pixels, blank_reading
from scans import SHARED_DATA


def field(rng: np.random.Generator, share: float, i0: float, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Return counts (energy, y, x) of a field with a blank strip, and where it is blank."""
    thickness = rng.uniform(0.15, 1.0, size=(size, size))
    blank = np.zeros((size, size), dtype=bool)
    blank[:, : max(int(share * size), 3)] = True
    thickness[blank] = 0.0
    mu = np.array([0.3, 1.2, 0.8])[:, None, None]
    return rng.poisson(i0 * np.exp(-mu * thickness)).astype(np.float64), blank


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.08, 0.9), i0=st.floats(400.0, 50_000.0))
def test_the_blank_region_is_found_and_i0_is_read_without_bias(seed: int, share: float, i0: float) -> None:
    counts, blank = field(np.random.default_rng(seed), share, i0)
    found = blank_pixels(counts)
    assert found.sum() >= MIN_BLANK_PIXELS
    assert blank[found].mean() > 0.95
    for image in counts:
        mean, variance = blank_reading(image, found, 1.0)
        # 5 σ of the mean, and 0.7 % for thin material beside the strip.
        assert abs(mean - i0) < 5 * np.sqrt(variance) + 0.007 * i0


def test_scaling_the_counts_of_an_image_moves_its_i0_alone() -> None:
    counts, _ = field(np.random.default_rng(1), 0.4, 5000.0)
    doubled = counts * np.array([1.0, 2.0, 1.0])[:, None, None]
    np.testing.assert_array_equal(blank_pixels(counts), blank_pixels(doubled))


def test_unknown_rows_are_neither_blank_nor_in_the_way() -> None:
    counts, blank = field(np.random.default_rng(2), 0.4, 5000.0)
    counts[:, 40:] = np.nan
    found = blank_pixels(counts)
    assert not found[40:].any()
    assert blank[found].mean() > 0.95


@pytest.mark.parametrize(
    "counts",
    [
        np.full((2, 8, 8), np.nan),
        np.zeros((2, 8, 8)),
        np.full((1, 3, 3), 100.0),
    ],
)
def test_no_reading_no_blank_pixels(counts: np.ndarray) -> None:
    assert not blank_pixels(counts).any()


def test_a_field_without_any_sample_is_blank() -> None:
    assert blank_pixels(np.full((2, 8, 8), 100.0)).all()


def test_too_few_blank_readings_are_no_i0() -> None:
    blank = np.zeros((8, 8), dtype=bool)
    blank[0] = True
    assert np.isnan(blank_reading(np.full((8, 8), 100.0), blank, 1.0)).all()


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real stack is not on this machine")
def test_blank_pixels_of_the_real_stack_give_the_i0_that_was_measured_with_it() -> None:
    folder = SHARED_DATA / "fe_l_stxm_stack"
    chosen = range(0, 123, 10)
    counts = np.stack([np.loadtxt(folder / f"71214078_a{index:03d}.xim") for index in chosen])
    rate = np.loadtxt(folder / "i0.xsp")[list(chosen), 1]
    found = blank_pixels(counts)
    ratio = [blank_reading(image, found, 0.5)[0] for image in counts] / (0.433 * rate)
    # i0.xsp is an average over a hand-drawn region; an I0 error of 1 % would move x by 0.015.
    np.testing.assert_allclose(ratio, 1.0, atol=0.005)
