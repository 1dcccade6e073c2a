"""Registration: laws of the shift that is found and of the image that is moved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.register import NO_SHIFT, find_shift, moved

NY, NX = 72, 80


def particles(shift_px: tuple[float, float], seed: int = 1, *, contrast: float = 1.0) -> np.ndarray:
    """Optical densities of soft blobs, moved by a shift."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:NY, :NX].astype(float)
    od = np.zeros((NY, NX))
    for _ in range(14):
        centre_y, centre_x = rng.uniform(4, NY - 4), rng.uniform(4, NX - 4)
        size_y, size_x = rng.uniform(2.0, 6.0, 2)
        distance = ((y - centre_y - shift_px[0]) / size_y) ** 2 + ((x - centre_x - shift_px[1]) / size_x) ** 2
        od += rng.uniform(0.3, 1.0) * np.exp(-(distance**2))
    return contrast * od


def measured(od: np.ndarray, counts: float, seed: int) -> np.ndarray:
    return np.log(counts / np.maximum(np.random.default_rng(seed).poisson(counts * np.exp(-od)), 1))


@settings(max_examples=25, deadline=None)
@given(
    y=st.floats(-6, 6),
    x=st.floats(-6, 6),
    contrast=st.sampled_from([1.0, 0.4, -0.5, -1.0]),
    seed=st.integers(0, 50),
)
def test_a_shift_is_found_whatever_the_contrast(y: float, x: float, contrast: float, seed: int) -> None:
    reference = measured(particles((0.0, 0.0), seed), 2000, seed)
    image = measured(particles((y, x), seed, contrast=contrast), 2000, seed + 1000)
    found = find_shift(reference, image, limit_px=10)
    # Ten times what is claimed at most; the claim itself is tested for its size below.
    assert np.hypot(found.y_px - y, found.x_px - x) < max(10 * found.error_px, 0.1)
    assert np.sign(found.correlation) == np.sign(contrast)
    assert found.gained > -0.01


def test_the_error_that_is_claimed_is_about_that_which_is_made() -> None:
    pulls = []
    for seed in range(40):
        shift = np.random.default_rng(seed).uniform(-3, 3, 2)
        found = find_shift(
            measured(particles((0.0, 0.0)), 2000, seed),
            measured(particles((shift[0], shift[1])), 2000, seed + 500),
            limit_px=8,
        )
        pulls += [(found.y_px - shift[0]) / found.error_px, (found.x_px - shift[1]) / found.error_px]
    assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 2.0


@settings(max_examples=15, deadline=None)
@given(y=st.floats(-4, 4), x=st.floats(-4, 4), gain=st.floats(0.1, 10), offset=st.floats(-5, 5))
def test_gain_and_offset_of_an_image_do_not_matter(y: float, x: float, gain: float, offset: float) -> None:
    reference, image = particles((0.0, 0.0)), particles((y, x))
    one = find_shift(reference, image, limit_px=8)
    other = find_shift(reference, gain * image + offset, limit_px=8)
    assert (other.y_px, other.x_px) == pytest.approx((one.y_px, one.x_px), abs=1e-3)


def test_what_stands_still_in_both_images_does_not_hold_the_field() -> None:
    """The trap of the phase alone: a fixed pattern, and a field that moved by (-20, -11)."""
    pattern = np.random.default_rng(5).normal(0, 0.15, (NY, NX))
    found = find_shift(
        measured(particles((0.0, 0.0)), 2000, 1) + pattern,
        measured(particles((-20.0, -11.0), contrast=0.7), 2000, 2) + pattern,
        limit_px=30,
    )
    assert (found.y_px, found.x_px) == pytest.approx((-20, -11), abs=0.3)
    assert found.gained > 0.3


@settings(max_examples=15, deadline=None)
@given(missing=st.integers(0, 30), seed=st.integers(0, 20))
def test_rows_that_have_not_come_and_dead_pixels_are_left_out(missing: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = measured(particles((1.3, -2.4)), 2000, seed)
    image[NY - missing :] = np.nan
    image[rng.random(image.shape) < 0.002] = np.nan
    found = find_shift(measured(particles((0.0, 0.0)), 2000, seed + 1), image, limit_px=6)
    assert (found.y_px, found.x_px) == pytest.approx((1.3, -2.4), abs=0.15)


def test_what_cannot_be_told_is_no_shift() -> None:
    flat, blobs = np.zeros((NY, NX)), particles((0.0, 0.0))
    unknown = np.full((NY, NX), np.nan)
    for reference, image in ((flat, blobs), (blobs, flat), (unknown, blobs), (blobs, unknown)):
        assert find_shift(reference, image, limit_px=5) == NO_SHIFT
    few = unknown.copy()
    few[:5, :5] = blobs[:5, :5]
    assert find_shift(blobs, few, limit_px=5) == NO_SHIFT


def test_nothing_beyond_the_limit_is_looked_at() -> None:
    found = find_shift(particles((0.0, 0.0)), particles((9.0, 0.0)), limit_px=4)
    assert abs(found.y_px) <= 6.0
    found = find_shift(particles((0.0, 0.0)), particles((9.0, 0.0)), limit_px=4, guess_px=(8.0, 0.0))
    assert found.y_px == pytest.approx(9.0, abs=0.05)


@settings(max_examples=30, deadline=None)
@given(y=st.integers(-9, 9), x=st.integers(-9, 9))
def test_a_whole_shift_moves_values_and_nothing_else(y: int, x: int) -> None:
    rng = np.random.default_rng(0)
    values, variance = rng.normal(size=(20, 24)), rng.uniform(1, 2, (20, 24))
    back, noise = moved(values, (float(y), float(x)), variance)
    known = np.isfinite(back)
    rows, columns = np.nonzero(known)
    np.testing.assert_array_equal(back[known], values[rows + y, columns + x])
    np.testing.assert_array_equal(noise[known], variance[rows + y, columns + x])
    assert known.sum() == (20 - abs(y)) * (24 - abs(x))


@settings(max_examples=20, deadline=None)
@given(y=st.floats(-5, 5), x=st.floats(-5, 5))
def test_a_moved_image_is_the_image_without_its_shift(y: float, x: float) -> None:
    back, _ = moved(particles((y, x)), (y, x), np.ones((NY, NX)))
    known = np.isfinite(back)
    assert known.sum() > (NY - 11) * (NX - 11)
    # Six pixels each way bring back flanks as steep as these, 0.6 a pixel, to a twentieth.
    assert np.abs(back - particles((0.0, 0.0)))[known].max() < 0.05


@settings(max_examples=10, deadline=None)
@given(y=st.floats(-2, 2), x=st.floats(-2, 2))
def test_the_variance_of_a_moved_image_is_that_of_its_noise(y: float, x: float) -> None:
    noise = np.random.default_rng(7).normal(0, 3.0, (200, 200))
    back, variance = moved(noise, (y, x), np.full(noise.shape, 9.0))
    known = np.isfinite(back)
    # 40,000 pixels, some of whose noise is shared.
    assert float(back[known].var()) == pytest.approx(float(variance[known].mean()), rel=0.05)


def test_nothing_is_made_of_what_is_unknown() -> None:
    values = particles((0.0, 0.0))
    values[30, 40] = np.nan
    back, _ = moved(values, (0.4, 0.6), np.ones(values.shape))
    unknown = np.isnan(back)
    assert unknown[27:33, 37:43].all()
    unknown[27:33, 37:43] = False
    assert not unknown[2:-3, 2:-3].any()
