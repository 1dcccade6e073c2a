"""Counts to optical density and its variance."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operando.core.absorption import Detector, optical_density


@given(od=st.floats(0.0, 3.0), i0=st.floats(1e3, 1e6), dark=st.floats(0.0, 50.0), scale=st.floats(0.1, 10.0))
def test_od_inverts_beer_lambert_and_does_not_depend_on_the_scale_of_counts(
    od: float, i0: float, dark: float, scale: float
) -> None:
    detector = Detector(dark_counts=dark)
    counts = np.array([i0 * np.exp(-od) + dark])
    found, _ = optical_density(counts, np.array([i0 + dark]), np.zeros(1), detector)
    np.testing.assert_allclose(found, od, atol=1e-9)
    scaled, _ = optical_density(
        scale * counts, np.array([scale * (i0 + dark)]), np.zeros(1), Detector(dark_counts=scale * dark)
    )
    np.testing.assert_allclose(scaled, found, atol=1e-9)


def test_the_variance_is_that_of_many_measurements() -> None:
    rng = np.random.default_rng(5)
    gain, mean, dark, i0 = 0.6, 3000.0, 40.0, 20_000.0
    # var = F · mean; the dark level is part of the reading and of its noise.
    counts = gain * rng.poisson(mean / gain, size=200_000).astype(np.float64)
    measured_i0 = rng.normal(i0, 50.0, size=counts.size)
    od, variance = optical_density(
        counts, measured_i0, np.full(counts.size, 2500.0), Detector(gain, dark_counts=dark)
    )
    # 200,000 samples give the variance to 0.3 %; second-order terms of the logarithm are of 1/mean.
    np.testing.assert_allclose(od.var(), np.median(variance), rtol=0.02)


def test_what_says_nothing_is_nan_in_both() -> None:
    counts = np.array([np.nan, -1.0, 0.0, 10.0, 1e6, np.inf, 500.0])
    detector = Detector(dark_counts=10.0, saturation_counts=1e6)
    od, variance = optical_density(counts, np.full(7, 1000.0), np.zeros(7), detector)
    assert np.isnan(od).tolist() == [True] * 6 + [False]
    assert np.isnan(variance).tolist() == np.isnan(od).tolist()


def test_no_i0_no_od() -> None:
    od, variance = optical_density(np.full(3, 100.0), np.array([np.nan, 0.0, -5.0]), np.zeros(3), Detector())
    assert np.isnan(od).all()
    assert np.isnan(variance).all()
