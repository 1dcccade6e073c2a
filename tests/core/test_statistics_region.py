"""The lithium content of a region, with its error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.absorption import Detector, optical_density
from operando.core.fit import Background, Design, design_of, fit
from operando.core.references import resample
from operando.core.region import lithium_of_region
from operando.core.shared_errors import SharedErrors
from scans import library

NOTHING = SharedErrors(np.zeros(3))


def model() -> tuple[np.ndarray, Design]:
    """Return three references at five energies, shape (energy, phase), and the design."""
    refs = library(3)
    energies_ev = np.linspace(704.0, 714.0, 5)
    at_energies = resample(refs, energies_ev)
    return at_energies, design_of(at_energies, refs.lithium, energies_ev, Background.NONE)


@pytest.mark.parametrize("share", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0], [0.3, 0.3, 0.4]])
@pytest.mark.parametrize("i0", [100.0, 2000.0])
def test_the_mean_is_as_sure_as_it_says_even_where_every_pixel_is_pure(share: list[float], i0: float) -> None:
    at_energies, design = model()
    rng = np.random.default_rng(1)
    x = float(np.array(share) @ design.lithium)
    pulls = []
    for _ in range(250):
        amounts = np.array(share)[:, None] * rng.uniform(0.5, 1.5, size=200)
        # The blank region is as large as the particle: I0 is then half of the error of the mean.
        i0_seen = rng.poisson(i0, size=(5, 200)).mean(axis=1)
        counts = rng.poisson(i0 * np.exp(-(at_energies @ amounts))).astype(float)
        i0_variance = i0_seen / 200
        od, variance = optical_density(counts, i0_seen[:, None], i0_variance[:, None], Detector())
        found = lithium_of_region(od, variance, i0_variance / i0_seen**2, design, NOTHING)
        assert found.pixels == 200
        pulls.append((found.lithium - x) / found.lithium_error)
    # 250 draws are sure to 2.9 % and 1.4 %; three of these. On the boundary more is covered.
    assert np.mean(np.abs(pulls) <= 1) >= 0.683 - 0.088
    assert np.mean(np.abs(pulls) <= 1.96) >= 0.95 - 0.042
    # A bound met by the mean itself can pull it by 0.4 of its own σ, two bounds by somewhat more.
    assert abs(np.mean(pulls)) < 0.75


def test_a_mean_of_the_pixels_would_be_wrong_by_many_times_its_error() -> None:
    at_energies, design = model()
    counts = (
        np.random.default_rng(2).poisson(2000 * np.exp(-at_energies[:, :1]) * np.ones(2000)).astype(float)
    )
    od, variance = optical_density(counts, np.full_like(counts, 2000.0), np.zeros_like(counts), Detector())
    each = fit(od, variance, design)
    assert each.lithium.mean() > 5 * np.sqrt((each.lithium_error**2).sum()) / 2000
    found = lithium_of_region(od, variance, np.zeros(5), design, NOTHING)
    assert found.lithium < 2 * found.lithium_error


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), pixels=st.integers(1, 30))
def test_without_noise_it_is_the_lithium_of_all_the_material(seed: int, pixels: int) -> None:
    at_energies, design = model()
    amounts = np.random.default_rng(seed).uniform(0.0, 1.0, size=(3, pixels))
    found = lithium_of_region(
        at_energies @ amounts, np.full((5, pixels), 1e-18), np.zeros(5), design, NOTHING
    )
    expected = (design.lithium @ amounts).sum() / amounts.sum()
    # The correction for few counts is of the order of the variance; conditioning magnifies rounding.
    assert found.lithium == pytest.approx(expected, abs=1e-7)
    assert found.thickness == pytest.approx(amounts.sum(axis=0).mean(), rel=1e-7)


def test_errors_that_all_pixels_share_do_not_average_out() -> None:
    at_energies, design = model()
    od = (at_energies @ np.array([0.3, 0.3, 0.4]))[:, None] * np.ones(400)
    variance = np.full_like(od, 1e-4)
    alone = lithium_of_region(od, variance, np.zeros(5), design, NOTHING)
    shared = lithium_of_region(od, variance, np.full(5, 1e-4), design, NOTHING)
    assert shared.lithium_error == pytest.approx(20 * alone.lithium_error, rel=1e-3)
    noisy = lithium_of_region(od, variance, np.zeros(5), design, SharedErrors(np.full(3, 0.02)))
    assert noisy.lithium_error > 5 * alone.lithium_error


def test_pixels_without_every_energy_are_left_out() -> None:
    at_energies, design = model()
    od = (at_energies @ np.array([0.3, 0.3, 0.4]))[:, None] * np.ones(10)
    od[2, 3] = np.nan
    # A variance so small that the correction for few counts stays below the tolerance.
    found = lithium_of_region(od, np.full_like(od, 1e-9), np.zeros(5), design, NOTHING)
    assert found.pixels == 9
    assert found.lithium == pytest.approx(0.55)
    nothing = lithium_of_region(np.full_like(od, np.nan), od, np.zeros(5), design, NOTHING)
    assert nothing.pixels == 0
    assert np.isnan([nothing.lithium, nothing.lithium_error, nothing.thickness, nothing.chi2]).all()
