"""The fit: agreement with the plain form and with scipy, and what may not change its bits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fit_problems import Problem, amounts, arrays, assert_same_bits, problem
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from operando.core.fit import MAX_PHASES, Background, Fit, design_of, fit, make_ready
from operando.core.plain import plain_fit
from scans import SHARED_DATA

SEEDS = st.integers(0, 2**32 - 1)
PRECISIONS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SHAPES = pytest.mark.parametrize(
    ("phases", "background", "energies"),
    [
        (4, Background.NONE, 5),
        (3, Background.CONSTANT, 6),
        (2, Background.LINEAR, 9),
    ],
)
# Few examples of many pixels each: a pixel is the thing that varies.
LAW = settings(max_examples=15, deadline=None)


def solve(given_problem: Problem, dtype: type = np.float64, **options: object) -> Fit:
    return fit(
        given_problem.od.astype(dtype), given_problem.variance.astype(dtype), given_problem.design, **options
    )


# ---- what may not change a bit ----


@PRECISIONS
@LAW
@given(seed=SEEDS, pixels=st.integers(0, 200), missing=st.sampled_from([0.0, 0.1]))
def test_bits_do_not_depend_on_order_or_grouping(dtype: type, seed: int, pixels: int, missing: float) -> None:
    one = problem(seed, energies=6, pixels=pixels, missing=missing)
    whole = solve(one, dtype)
    rng = np.random.default_rng(seed)
    order = rng.permutation(pixels)
    cuts = np.sort(rng.integers(0, pixels + 1, 3))
    for some in np.split(order, cuts):
        part = fit(one.od[:, some].astype(dtype), one.variance[:, some].astype(dtype), one.design)
        assert_same_bits(whole, part, some)


@PRECISIONS
@LAW
@given(seed=SEEDS)
def test_bits_do_not_depend_on_where_the_search_began(dtype: type, seed: int) -> None:
    one = problem(seed, missing=0.02)
    cold = solve(one, dtype)
    anywhere = np.random.default_rng(seed).integers(0, 2**16, cold.active.shape).astype(np.uint16)
    assert_same_bits(cold, solve(one, dtype, start=cold.active))
    assert_same_bits(cold, solve(one, dtype, start=anywhere))


@PRECISIONS
def test_bits_do_not_depend_on_threads(dtype: type) -> None:
    # More than one piece of the work, the last one short.
    one = problem(1, pixels=40_000)
    with ThreadPoolExecutor(2) as pool:
        assert_same_bits(solve(one, dtype), solve(one, dtype, spread=pool.map))


@LAW
@given(seed=SEEDS, dtype=st.sampled_from([np.float32, np.float64]))
def test_a_second_time_gives_the_same_and_leaves_the_input_alone(seed: int, dtype: type) -> None:
    one = problem(seed, missing=0.1)
    od, variance = one.od.astype(dtype), one.variance.astype(dtype)
    od.setflags(write=False)
    variance.setflags(write=False)
    assert_same_bits(fit(od, variance, one.design), fit(od, variance, one.design))


@LAW
@given(seed=SEEDS, exponent=st.integers(-12, 12), dtype=st.sampled_from([np.float32, np.float64]))
def test_more_counts_shrink_the_errors_and_nothing_else(seed: int, exponent: int, dtype: type) -> None:
    one = problem(seed)
    # By a power of four, so that the roots of the weights round alike and the law holds to the bit.
    factor = 4.0**exponent
    before = solve(one, dtype)
    after = fit(one.od.astype(dtype), (one.variance * factor).astype(dtype), one.design)
    for name in ("lithium", "fraction", "thickness", "r_factor", "active"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    np.testing.assert_array_equal(before.lithium_error * dtype(factor**0.5), after.lithium_error)
    np.testing.assert_array_equal(before.chi2 / dtype(factor), after.chi2)


@LAW
@given(seed=SEEDS, exponent=st.integers(-8, 8))
def test_a_thicker_sample_has_the_same_x(seed: int, exponent: int) -> None:
    one = problem(seed)
    factor = 2.0**exponent
    before = solve(one)
    after = fit(one.od * factor, one.variance * factor**2, one.design)
    np.testing.assert_array_equal(before.lithium, after.lithium)
    np.testing.assert_array_equal(before.lithium_error, after.lithium_error)
    np.testing.assert_array_equal(before.thickness * factor, after.thickness)


# ---- that it is right ----


@SHAPES
@LAW
@given(seed=SEEDS)
def test_without_noise_the_truth_comes_back(
    phases: int, background: Background, energies: int, seed: int
) -> None:
    one = problem(seed, phases=phases, background=background, energies=energies, noise=0.0)
    for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 1e-4)):
        found = amounts(solve(one, dtype))
        largest = np.abs(one.amount).max(axis=0) + 1e-3
        # The condition of these references is below 1e4, and the input is rounded to 6e-8 in single.
        assert (np.abs(found - one.amount) / largest).max() < tolerance


@SHAPES
@LAW
@given(seed=SEEDS)
def test_amounts_agree_with_scipy_and_are_optimal(
    phases: int, background: Background, energies: int, seed: int
) -> None:
    one = problem(seed, phases=phases, background=background, energies=energies, pixels=60, missing=0.03)
    assert_agrees_with_scipy(one, 1e-9, 1e-4)
    assert_optimal(one, solve(one))


def assert_agrees_with_scipy(one: Problem, double: float, single: float) -> None:
    """Compare every solved pixel, relative to its largest amount, on the very numbers given."""
    phases = one.design.phases
    # scipy knows no coefficient free of sign: it is the difference of two that are not.
    both = np.hstack([one.model, -one.model[:, phases:]])
    for dtype, tolerance in ((np.float64, double), (np.float32, single)):
        # An amount that is the difference of two large readings feels their rounding to single;
        # that is not the fit's doing.
        od, variance = (values.astype(dtype).astype(np.float64) for values in (one.od, one.variance))
        result = solve(one, dtype)
        assert result.is_solved.mean() > 0.6
        for pixel in np.flatnonzero(result.is_solved):
            used = np.isfinite(od[:, pixel])
            weight = 1 / np.sqrt(variance[used, pixel])
            scipy, _ = nnls(both[used] * weight[:, np.newaxis], od[used, pixel] * weight)
            expected = scipy[: one.model.shape[1]]
            expected[phases:] -= scipy[one.model.shape[1] :]
            difference = np.abs(amounts(result)[:, pixel] - expected).max()
            assert difference < tolerance * max(np.abs(expected).max(), 1e-6)


def assert_optimal(one: Problem, result: Fit) -> None:
    """Check Karush, Kuhn and Tucker: no amount is negative and no slope leads to a better fit."""
    found = amounts(result)
    for pixel in np.flatnonzero(result.is_solved):
        used = np.isfinite(one.od[:, pixel])
        weight = 1 / np.sqrt(one.variance[used, pixel])
        model, y = one.model[used] * weight[:, np.newaxis], one.od[used, pixel] * weight
        t = found[:, pixel]
        slope = model.T @ (y - model @ t) / (np.linalg.norm(model, axis=0) * np.linalg.norm(y))
        assert (t[: one.design.phases] >= 0).all()
        # Rounding of some products of numbers of order one.
        assert (slope <= 1e-11).all()
        assert (np.abs(slope[t != 0]) <= 1e-11).all()


def expected_of(one: Problem, pixel: int, total: float | None = None) -> dict[str, np.ndarray | float]:
    """Return what the plain form says about a pixel, with numerical derivatives for the errors."""
    phases = one.design.phases
    amount, covariance = plain_fit(one.od[:, pixel], one.variance[:, pixel], one.model, phases, total)
    lithium = one.design.lithium

    def said(t: np.ndarray) -> np.ndarray:
        thickness = t[:phases].sum()
        return np.array([t[:phases] @ lithium / thickness, thickness, *t[:phases] / thickness])

    step = 1e-6
    gradient = np.array(
        [(said(amount + d) - said(amount - d)) / (2 * step) for d in np.eye(amount.size) * step]
    )
    error = np.sqrt(np.maximum(np.diag(gradient.T @ covariance @ gradient), 0.0))
    used = np.isfinite(one.od[:, pixel])
    residual = (one.od[:, pixel] - one.model @ amount)[used]
    freedom = used.sum() - (amount != 0).sum() + (total is not None)
    with np.errstate(invalid="ignore", divide="ignore"):
        chi2 = np.sum(residual**2 / one.variance[used, pixel]) / freedom if freedom > 0 else np.nan
    return {
        "lithium": said(amount)[0],
        "lithium_error": error[0],
        "thickness": said(amount)[1],
        "thickness_error": error[1],
        "fraction": said(amount)[2:],
        "fraction_error": error[2:],
        "background": amount[phases:],
        "chi2": chi2,
        "r_factor": np.sum(residual**2) / np.sum(one.od[used, pixel] ** 2),
    }


@SHAPES
@pytest.mark.parametrize("has_total", [False, True])
@settings(max_examples=5, deadline=None)
@given(seed=SEEDS)
def test_everything_said_agrees_with_the_plain_form(
    phases: int, background: Background, energies: int, has_total: bool, seed: int
) -> None:
    one = problem(seed, phases=phases, background=background, energies=energies, pixels=30)
    total = np.random.default_rng(seed).uniform(0.2, 1.5, 30)
    result = solve(one, total=total if has_total else None)
    assert result.is_solved.all()
    for pixel in np.flatnonzero(result.thickness > 0.05):
        expected = expected_of(one, pixel, float(total[pixel]) if has_total else None)
        for name, value in expected.items():
            got = arrays(result)[name][..., pixel]
            # Numerical derivatives are good to some 1e-8; a σ that is zero comes out as √rounding.
            np.testing.assert_allclose(got, value, rtol=1e-6, atol=1e-7, err_msg=name, equal_nan=True)


@PRECISIONS
@LAW
@given(seed=SEEDS)
def test_a_given_total_is_kept(dtype: type, seed: int) -> None:
    one = problem(seed, missing=0.02)
    total = np.random.default_rng(seed).uniform(0.1, 2.0, one.od.shape[1]).astype(dtype)
    result = solve(one, dtype, total=total)
    assert result.is_solved[np.isfinite(one.od).all(axis=0)].all()
    known = result.is_solved
    # A sum of four amounts, each rounded.
    np.testing.assert_allclose(result.thickness[known], total[known], rtol=20 * np.finfo(dtype).eps)
    assert (result.fraction[:, known] >= 0).all()
    assert_same_bits(result, solve(one, dtype, total=total, start=result.active))


def test_a_total_that_cannot_be_kept_has_no_answer() -> None:
    one = problem(0, pixels=4)
    result = solve(one, total=np.array([-0.5, np.nan, np.inf, 0.5]))
    assert result.is_solved.tolist() == [False, False, False, True]
    assert np.isnan(result.lithium[:3]).all()


@LAW
@given(seed=SEEDS)
@example(seed=0)
def test_many_phases_end_too(seed: int) -> None:
    one = problem(seed, phases=6, energies=10, pixels=400, noise=0.2)
    result = solve(one)
    assert result.is_solved.all()
    for pixel in range(0, 400, 20):
        weight = 1 / np.sqrt(one.variance[:, pixel])
        expected, _ = nnls(one.model * weight[:, np.newaxis], one.od[:, pixel] * weight)
        np.testing.assert_allclose(amounts(result)[:, pixel], expected, atol=1e-9 * max(expected.max(), 1))


# ---- what is not said ----


@PRECISIONS
def test_unseen_pixels_are_nan_and_touch_no_other(dtype: type) -> None:
    one = problem(3, energies=6)
    alone = solve(one, dtype)
    od = one.od.copy()
    od[:, ::2] = np.nan
    od[:3, 1] = np.nan
    result = fit(od.astype(dtype), one.variance.astype(dtype), one.design)
    for name, values in arrays(result).items():
        if values.dtype == dtype:
            assert np.isnan(values[..., ::2]).all(), name
            assert np.isnan(values[..., 1]).all(), name
    assert not result.is_solved[:2].any()
    assert result.energies_used[:4].tolist() == [0, 3, 0, 6]
    assert_same_bits(alone, fit(od[:, 3::2].astype(dtype), one.variance[:, 3::2].astype(dtype), one.design),
                     slice(3, None, 2))  # fmt: skip


@PRECISIONS
@pytest.mark.parametrize(("place", "value"), [
    ("od", np.nan), ("od", np.inf), ("od", -np.inf),
    ("variance", np.nan), ("variance", np.inf), ("variance", 0.0), ("variance", -1.0),
])  # fmt: skip
def test_an_unusable_reading_is_as_if_it_were_not_there(dtype: type, place: str, value: float) -> None:
    one = problem(5, energies=6, pixels=70)
    od, variance = one.od.astype(dtype), one.variance.astype(dtype)
    without = od.copy()
    without[2] = np.nan
    (od if place == "od" else variance)[2] = value
    assert_same_bits(fit(without, one.variance.astype(dtype), one.design), fit(od, variance, one.design))


@PRECISIONS
@pytest.mark.parametrize("size", [1e-38, 1e38, 1e300])
def test_absurd_sizes_give_numbers_or_nothing(dtype: type, size: float) -> None:
    one = problem(5, pixels=10)
    with np.errstate(over="ignore", under="ignore"):
        od, variance = (one.od * size).astype(dtype), one.variance.astype(dtype)
    for result in (
        fit(od, variance, one.design),
        fit(one.od.astype(dtype), variance * dtype(1e-30), one.design),
    ):
        assert np.isnan(result.lithium[~result.is_solved]).all()


def test_the_precision_of_the_input_is_that_of_the_result() -> None:
    one = problem(0, pixels=1)
    assert solve(one, np.float32).lithium.dtype == np.float32
    assert solve(one, np.float64).lithium.dtype == np.float64
    assert fit(np.ones((5, 1), dtype=np.int32), np.ones((5, 1)), one.design).lithium.dtype == np.float64


@PRECISIONS
@pytest.mark.parametrize("pixels", [0, 1, 63, 64, 65])
def test_any_number_of_pixels_will_do(dtype: type, pixels: int) -> None:
    one = problem(0, pixels=pixels)
    result = solve(one, dtype)
    assert result.lithium.shape == (pixels,)
    assert result.fraction.shape == (4, pixels)
    assert result.background.shape == (0, pixels)
    assert result.is_solved.all()


def test_an_empty_pixel_has_no_x_but_a_thickness_of_zero() -> None:
    one = problem(0, pixels=2)
    result = fit(np.array([[0.0, -1.0]] * 5), np.ones((5, 2)), one.design)
    assert result.is_solved.all()
    assert result.thickness.tolist() == [0.0, 0.0]
    assert np.isnan(result.lithium).all()
    assert np.isnan(result.fraction).all()
    assert result.active.tolist()[1] == 0


@PRECISIONS
def test_references_that_cannot_be_told_apart_are_refused(dtype: type) -> None:
    energy = np.arange(6.0)
    one = np.exp(-((energy - 2) ** 2))
    for other in (one, 2 * one, one * (1 + 1e-7 * np.cos(energy)), np.zeros(6)):
        design = design_of(
            np.stack([one, other, energy], axis=1), np.array([0.0, 0.5, 1.0]), energy, Background.NONE
        )
        result = fit(np.ones((6, 3), dtype), np.ones((6, 3), dtype), design)
        assert not result.is_solved.any()
        assert np.isnan(result.lithium).all()
        assert (result.energies_used == 6).all()


def test_references_that_are_hard_to_tell_apart_are_solved_in_double_whatever_is_asked() -> None:
    energy = np.arange(6.0)
    one = np.exp(-(((energy - 2) / 2) ** 2))
    design = design_of(
        np.stack([one, one * (1 + 1e-3 * np.cos(energy))], axis=1),
        np.array([0.0, 1.0]),
        energy,
        Background.NONE,
    )
    od = np.ascontiguousarray((design.matrix * design.scale) @ np.array([[0.3, 0.7], [0.6, 0.1]]), np.float32)
    result = fit(od, np.ones_like(od), design)
    exact = fit(od.astype(float), np.ones(od.shape), design)
    np.testing.assert_array_equal(result.lithium, exact.lithium.astype(np.float32))


@pytest.mark.parametrize(("od", "variance", "words"), [
    ((4, 3), (4, 3), "must both have shape"), ((5, 3), (5, 2), "must both have shape"),
    ((5,), (5,), "must both have shape"),
])  # fmt: skip
def test_shapes_that_do_not_agree_are_named(od: tuple, variance: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit(np.ones(od), np.ones(variance), problem(0).design)


def test_other_misuse_is_named() -> None:
    one = problem(0, pixels=3)
    with pytest.raises(ValueError, match="total has shape"):
        solve(one, total=np.ones(2))
    with pytest.raises(ValueError, match="start has shape"):
        solve(one, start=np.ones(4, np.uint16))
    many = design_of(
        np.eye(MAX_PHASES + 1), np.arange(MAX_PHASES + 1.0), np.arange(MAX_PHASES + 1.0), Background.NONE
    )
    with pytest.raises(ValueError, match=f"from 1 to {MAX_PHASES}"):
        fit(np.ones((MAX_PHASES + 1, 1)), np.ones((MAX_PHASES + 1, 1)), many)


def test_make_ready_leaves_nothing_to_compile() -> None:
    make_ready(problem(0).design)
    result = solve(problem(0, pixels=1), np.float32)
    assert result.is_solved.all()


# ---- real data ----

STACK = SHARED_DATA / "fe_l_stxm_stack"


@pytest.mark.skipif(not STACK.is_dir(), reason="the recorded Fe L stack is not here")
@pytest.mark.parametrize("background", list(Background))
def test_a_recorded_stack_is_fitted_as_scipy_does(background: Background) -> None:
    energy, rate = np.loadtxt(STACK / "i0.xsp", unpack=True)
    # A few energies over the edge, as they would be chosen, and every seventh pixel.
    chosen = np.searchsorted(energy, [704.4, 706.0, 707.24, 708.25, 709.67, 711.0, 712.9])
    counts = np.stack([np.loadtxt(STACK / f"71214078_a{i:03d}.xim").ravel()[::7] for i in chosen])
    i0 = rate[chosen, np.newaxis] * 0.433  # i0.xsp is per ms
    usable = counts > 0
    od = np.where(usable, np.log(i0 / np.where(usable, counts, 1.0)), np.nan)
    variance = 1 / np.where(usable, counts, 1.0)
    references = np.stack(
        [
            np.interp(energy[chosen], *np.loadtxt(STACK / name, unpack=True))
            for name in ("oxidized.t", "reduced.t")
        ],
        axis=1,
    )
    design = design_of(references, np.array([0.0, 1.0]), energy[chosen], background)
    one = Problem(design, np.zeros((0, 0)), od, variance)
    assert solve(one).is_solved.mean() > 0.9
    assert_agrees_with_scipy(one, 1e-9, 1e-4)
    assert_optimal(one, solve(one))
