"""Whether the errors that are stated are those that are made: bias and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.absorption import Detector, optical_density, without_fit_bias
from operando.core.fit import Background, Design, Fit, design_of, fit
from operando.core.references import reference_variance, resample
from operando.core.shared_errors import SharedErrors, with_shared_errors
from scans import library

PIXELS = 6000
# Shares of 6,000 pixels are sure to 0.6 % (68 %) and 0.3 % (95 %): four of these beyond the nominal values.
NOMINAL_68, NOMINAL_95 = (0.659, 0.707), (0.939, 0.961)


def model(phases: int, energies: int) -> tuple[np.ndarray, Design]:
    """Return references at evenly spaced energies, shape (energy, phase), and the design."""
    refs = library(phases)
    energies_ev = np.linspace(704.0, 714.0, energies)
    at_energies = resample(refs, energies_ev)
    return at_energies, design_of(at_energies, refs.lithium, energies_ev, Background.NONE)


def amounts_of(at_energies: np.ndarray, share: list[float], peak_od: float) -> np.ndarray:
    """Return the amounts of a mixture with that largest optical density, shape (phase,)."""
    return np.array(share) * peak_od / (at_energies @ share).max()


def measure(od: np.ndarray, i0: float, gain: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return optical densities and variances of many noisy pixels, shape (energy, pixel)."""
    rng = np.random.default_rng(seed)
    mean = i0 * np.exp(-od)[:, None] / gain * np.ones(PIXELS)
    counts = gain * rng.poisson(mean)
    return optical_density(counts, np.full_like(counts, i0), np.zeros_like(counts), Detector(gain))


def fit_of(od: np.ndarray, variance: np.ndarray, design: Design) -> Fit:
    """Return the fit as the stack does it."""
    energies, columns = design.matrix.shape
    return fit(without_fit_bias(od, variance, columns / energies), variance, design)


def coverage(result: Fit, truth: float) -> tuple[float, float]:
    """Return how often the truth lies within σ and 1.96 σ."""
    distance = np.abs(result.lithium - truth)
    # An estimate on the bound and a truth on it differ by rounding of the quotient.
    return tuple(float(np.mean(distance <= k * result.lithium_error + 1e-12)) for k in (1.0, 1.96))


@pytest.mark.parametrize("gain", [0.3, 1.0])
@pytest.mark.parametrize(("share", "i0"), [([0.5, 0.5], 2000.0), ([0.3, 0.7], 2000.0)])
@pytest.mark.parametrize("peak_od", [0.5, 1.5])
def test_two_phases_are_calibrated_at_two_thousand_counts(
    share: list[float], i0: float, peak_od: float, gain: float
) -> None:
    at_energies, design = model(2, 5)
    amounts = amounts_of(at_energies, share, peak_od)
    result = fit_of(*measure(at_energies @ amounts, i0, gain, seed=1), design)
    truth = share[1]
    assert abs(np.mean(result.lithium) - truth) <= 0.01
    within_68, within_95 = coverage(result, truth)
    assert NOMINAL_68[0] <= within_68 <= NOMINAL_68[1]
    assert NOMINAL_95[0] <= within_95 <= NOMINAL_95[1]


@pytest.mark.parametrize("peak_od", [0.5, 1.5])
def test_three_phases_are_calibrated_away_from_the_boundary(peak_od: float) -> None:
    at_energies, design = model(3, 6)
    amounts = amounts_of(at_energies, [0.3, 0.4, 0.3], peak_od)
    result = fit_of(*measure(at_energies @ amounts, 20_000.0, 1.0, seed=2), design)
    # Away means that the bound is met by almost no pixel: else the constraint itself reduces the error.
    assert np.mean((result.fraction <= 0).any(axis=0)) < 0.002
    assert abs(np.mean(result.lithium) - 0.5) <= 0.01
    within_68, within_95 = coverage(result, 0.5)
    assert NOMINAL_68[0] <= within_68 <= NOMINAL_68[1]
    assert NOMINAL_95[0] <= within_95 <= NOMINAL_95[1]


@pytest.mark.parametrize("distance_sigma", [0.0, 0.02, 0.25, 0.5, 0.9, 1.1, 1.5, 2.5])
def test_near_one_bound_the_interval_covers_its_nominal_share_or_more(distance_sigma: float) -> None:
    at_energies, design = model(2, 5)
    amounts = amounts_of(at_energies, [1.0, 0.0], 1.0)
    od, variance = measure(at_energies @ amounts, 5000.0, 1.0, seed=3)
    x = distance_sigma * float(np.median(fit_of(od, variance, design).lithium_error))
    mixed = amounts_of(at_energies, [1.0 - x, x], 1.0)
    within_68, within_95 = coverage(fit_of(*measure(at_energies @ mixed, 5000.0, 1.0, seed=4), design), x)
    # An estimate at max(0, d + ε) covers d with P(ε < 1) = 0.841 up to d = 1 and 0.683 beyond;
    # 0.975 and 0.950 for 1.96. σ itself varies by a percent with the counts.
    expected = (0.841 if distance_sigma < 1 else 0.683, 0.975 if distance_sigma < 1.96 else 0.950)
    assert within_68 == pytest.approx(expected[0], abs=0.025)
    assert within_95 == pytest.approx(expected[1], abs=0.012)


@pytest.mark.parametrize(
    "share", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.98, 0.02], [0.01, 0, 0.99]]
)
def test_with_three_phases_no_composition_is_covered_less_than_stated(share: list[float]) -> None:
    at_energies, design = model(3, 5)
    amounts = amounts_of(at_energies, share, 1.0)
    result = fit_of(*measure(at_energies @ amounts, 3000.0, 1.0, seed=5), design)
    truth = float(np.array(share) @ [0.0, 0.5, 1.0])
    within_68, within_95 = coverage(result, truth)
    assert within_68 >= NOMINAL_68[0]
    assert within_95 >= NOMINAL_95[0]


def test_few_counts_at_many_energies_do_not_change_the_thickness() -> None:
    at_energies, design = model(2, 60)
    amounts = amounts_of(at_energies, [0.5, 0.5], 1.0)
    od, variance = measure(at_energies @ amounts, 40.0, 1.0, seed=6)
    truth = amounts.sum()
    plain = fit(od, variance, design).thickness.mean() / truth - 1
    corrected = fit_of(od, variance, design).thickness.mean() / truth - 1
    # First order gives -1/2 · (sum of columns) · F/N; what is left is of (F/N)².
    assert plain < -0.03
    assert abs(corrected) < 0.006


def test_at_one_column_for_two_energies_there_is_nothing_to_correct() -> None:
    od, variance = np.array([0.1, 2.0]), np.array([1e-4, 0.3])
    np.testing.assert_array_equal(without_fit_bias(od, variance, 0.5), od)
    assert (without_fit_bias(od, variance, 0.1) > od).all()


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.01, 100.0), seed=st.integers(0, 1000))
def test_the_unit_of_the_counts_does_not_matter(scale: float, seed: int) -> None:
    _, design = model(3, 5)
    counts = np.random.default_rng(seed).poisson(500.0, size=(5, 20)).astype(np.float64)
    i0 = np.full_like(counts, 900.0)
    first = fit_of(*optical_density(counts, i0, i0 / 30, Detector(0.7)), design)
    second = fit_of(
        *optical_density(scale * counts, scale * i0, scale**2 * i0 / 30, Detector(0.7 * scale)), design
    )
    # Rounding of the logarithm, magnified by the conditioning of the references.
    np.testing.assert_allclose(second.lithium, first.lithium, atol=1e-8)
    np.testing.assert_allclose(second.lithium_error, first.lithium_error, rtol=1e-8)


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(0.05, 20.0), seed=st.integers(0, 1000))
def test_the_gain_scales_sigma_and_leaves_x_alone(factor: float, seed: int) -> None:
    _, design = model(2, 4)
    counts = np.random.default_rng(seed).poisson(20_000.0, size=(4, 20)).astype(np.float64)
    i0 = np.full_like(counts, 40_000.0)
    none = np.zeros_like(i0)
    one = fit_of(*optical_density(counts, i0, none, Detector(1.0)), design)
    other = fit_of(*optical_density(counts, i0, none, Detector(factor)), design)
    np.testing.assert_allclose(other.lithium, one.lithium, atol=1e-9)
    np.testing.assert_allclose(other.lithium_error, np.sqrt(factor) * one.lithium_error, rtol=1e-9)


def test_i0_of_its_own_error_is_part_of_sigma() -> None:
    at_energies, design = model(2, 5)
    amounts = amounts_of(at_energies, [0.5, 0.5], 0.8)
    rng = np.random.default_rng(7)
    i0, relative = 50_000.0, 0.02
    counts = rng.poisson(i0 * np.exp(-(at_energies @ amounts))[:, None] * np.ones(PIXELS)).astype(float)
    measured = i0 * (1 + relative * rng.standard_normal(counts.shape))
    result = fit_of(*optical_density(counts, measured, (relative * measured) ** 2, Detector()), design)
    within_68, within_95 = coverage(result, 0.5)
    assert NOMINAL_68[0] <= within_68 <= NOMINAL_68[1]
    assert NOMINAL_95[0] <= within_95 <= NOMINAL_95[1]


def test_noise_of_the_references_is_part_of_sigma_where_it_is_given() -> None:
    truth, design = model(2, 5)
    amounts = amounts_of(truth, [0.5, 0.5], 1.2)
    sigma = np.array([0.02, 0.03])
    rng = np.random.default_rng(8)
    ignored, counted = [], []
    for _ in range(1500):
        # The references that the fit has are noisy; the sample follows the true ones.
        noisy = truth + sigma * rng.standard_normal(truth.shape)
        wrong = design_of(noisy, design.lithium, np.arange(5.0), Background.NONE)
        counts = rng.poisson(20_000.0 * np.exp(-(truth @ amounts)))[:, None].astype(float)
        i0 = np.full_like(counts, 20_000.0)
        od, variance = optical_density(counts, i0, np.zeros_like(i0), Detector())
        result = fit_of(od, variance, wrong)
        ignored.append(coverage(result, 0.5))
        counted.append(coverage(with_shared_errors(result, od, variance, wrong, SharedErrors(sigma)), 0.5))
    # 1,500 draws are sure to 1.2 % and 0.6 %; three of these.
    assert np.mean(counted, axis=0) == pytest.approx([0.683, 0.95], abs=0.036)
    assert np.mean(ignored, axis=0)[0] < 0.5


def test_references_without_noise_change_no_error() -> None:
    at_energies, design = model(3, 6)
    od, variance = measure(at_energies @ amounts_of(at_energies, [0.3, 0.4, 0.3], 1.0), 2000.0, 1.0, seed=10)
    result = fit_of(od, variance, design)
    same = with_shared_errors(result, od, variance, design, SharedErrors(np.zeros(3)))
    np.testing.assert_allclose(same.lithium_error, result.lithium_error, rtol=1e-12)
    np.testing.assert_array_equal(same.lithium, result.lithium)
    more = with_shared_errors(result, od, variance, design, SharedErrors(np.array([0.0, 0.01, 0.0])))
    assert (more.lithium_error >= result.lithium_error).all()
    assert (more.fraction_error >= result.fraction_error).all()
    assert (more.thickness_error >= result.thickness_error).all()


@given(pixels=st.integers(1, 40), first=st.integers(0, 39))
def test_the_variance_of_the_references_does_not_depend_on_grouping(pixels: int, first: int) -> None:
    amount = np.random.default_rng(9).uniform(0, 2, size=(3, 80))
    sigma = np.array([0.01, 0.0, 0.2])
    whole = reference_variance(amount, sigma)
    part = reference_variance(amount[:, first : first + pixels], sigma)
    np.testing.assert_array_equal(part, whole[first : first + pixels])


def test_unknown_amounts_add_no_variance() -> None:
    amount = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    np.testing.assert_allclose(reference_variance(amount, np.array([0.1, 0.2])), [0.0, 0.01 + 0.16])
