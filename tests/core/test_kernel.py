"""The compiled kernel: the same bits as its own arithmetic run by numpy, and no set left untried."""

from __future__ import annotations

import numpy as np
import pytest
from fit_problems import Problem, problem

from operando.core import pixel
from operando.core.fit import Background, fit
from operando.core.lanes import root, where
from operando.core.loops import BLOCK
from operando.core.plain import plain_fit
from operando.core.shape import Shape

LIMITS = (1e-12, 1e-10, -np.inf, -np.inf, 0.0)


def by_numpy(one: Problem, dtype: type, total: np.ndarray | None) -> dict[str, list[np.ndarray]]:
    """Run the programs on whole arrays, in the order of the kernel; returns all rows by name."""
    shape = Shape(one.design.phases, one.model.shape[1] - one.design.phases, int(total is not None))
    pixels = one.od.shape[1]
    rows = {name: [np.zeros(pixels, dtype) for _ in group] for name, group in shape.groups.items()}
    rows["total"] = [] if total is None else [total.astype(dtype)]
    constants = np.array([*LIMITS, *one.design.lithium], dtype)
    measured = [[one.od[e].astype(dtype), one.variance[e].astype(dtype)] for e in range(len(one.od))]
    model = one.model.astype(dtype)

    def whole(numbers) -> list[np.ndarray]:
        return [np.broadcast_to(np.asarray(number, dtype), pixels) for number in numbers]

    def run(program, reads: str, writes: str) -> None:
        results = program(shape, lambda i: constants[i], *[rows[name] for name in reads.split()])
        rows.update(zip(writes.split(), map(whole, results), strict=True))

    def add_up(program, reads: str, sums: str) -> None:
        for e, column in enumerate(model):
            given = [rows[name] for name in (reads + sums).split()]
            seen, *results = program(shape, column.__getitem__, measured[e], *given)
            measured[e] = whole(seen)
            rows.update(zip(sums.split(), map(whole, results), strict=True))

    with np.errstate(all="ignore"):
        add_up(pixel.accumulate, "", "gram right norm energies")
        run(pixel.normalise, "gram right norm total", "scale norm normal inside")
        run(pixel.survey, "normal inside scale energies total", "inside is_open nearest pivot covariance")
        for _ in range(4 * shape.columns):
            run(pixel.propose, "normal inside pivot", "inside is_open nearest")
        assert not np.any(rows["is_open"][0]), "these problems need no more than exchanges"
        run(pixel.solution, "normal inside scale norm", "amount inverse")
        add_up(pixel.add_slope, "amount ", "slope")
        run(pixel.correct, "inverse slope amount total", "amount")
        add_up(pixel.judge, "amount ", "sums")
        run(pixel.answer, "energies inside is_open nearest pivot scale norm amount covariance sums", "answer")
    return rows


@pytest.mark.parametrize("has_total", [False, True])
@pytest.mark.parametrize(
    ("phases", "background", "energies"), [(4, Background.NONE, 5), (3, Background.CONSTANT, 6)]
)
def test_the_compiled_fit_has_the_bits_of_its_arithmetic(
    phases: int, background: Background, energies: int, has_total: bool
) -> None:
    one = problem(11, phases=phases, background=background, energies=energies, pixels=500, missing=0.03)
    total = np.random.default_rng(0).uniform(0.2, 1.5, 500) if has_total else None
    result = fit(one.od, one.variance, one.design, total=total)
    expected = by_numpy(one, np.float64, total)["answer"]
    names = ("lithium", "lithium_error", "thickness", "thickness_error", "chi2", "r_factor")
    said = [getattr(result, name) for name in names]
    said += [*result.fraction, *result.fraction_error, *result.background, result.energies_used]
    for row, (got, wanted) in enumerate(zip(said, expected, strict=False)):
        np.testing.assert_array_equal(got, wanted, err_msg=f"row {row} of the answer")
    np.testing.assert_array_equal(result.active, expected[-1])
    assert result.is_solved.mean() > 0.8


def test_single_precision_has_the_bits_of_its_arithmetic_where_it_trusts_itself() -> None:
    one = problem(11, pixels=500)
    result = fit(one.od.astype(np.float32), one.variance.astype(np.float32), one.design)
    expected = by_numpy(one, np.float32, None)["answer"]
    same = (result.lithium == expected[0]) | np.isnan(result.lithium)
    # The others are those near a change of set, which are solved again in double.
    assert same.mean() > 0.99


def test_when_exchanges_go_round_in_circles_every_set_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    # Block pivoting is stopped by a program that always proposes the same wrong set.
    from operando.core import kernel  # noqa: PLC0415

    one = problem(2, pixels=BLOCK + 7)
    whole = fit(one.od, one.variance, one.design)

    def stubborn(shape, constant, normal, inside, is_given):
        following, is_open, nearest = pixel.propose(shape, constant, normal, inside, is_given)
        stuck = [where(is_open[0] > 0.5, 0.0, following[k]) for k in range(shape.phases)]
        return [*stuck, *following[shape.phases :]], is_open, nearest

    monkeypatch.setattr(
        kernel,
        "_propose",
        kernel.repeated(stubborn, "normal inside pivot", "inside is_open nearest", "is_open"),
    )
    monkeypatch.setattr(kernel, "_sources", lambda: "a test's own code, never in the cache")
    kernel.kernel_for.cache_clear()
    try:
        slow = fit(one.od, one.variance, one.design)
    finally:
        kernel.kernel_for.cache_clear()
    np.testing.assert_array_equal(whole.lithium, slow.lithium)
    np.testing.assert_array_equal(whole.active, slow.active)


def test_a_shape_survives_as_one_integer() -> None:
    for phases in (1, 4, 10):
        for background in range(3):
            for has_total in (0, 1):
                shape = Shape(phases, background, has_total)
                assert Shape.of(shape.code) == shape


def test_plain_numbers_do_as_well() -> None:
    assert where(np.array([True, False]), 1.0, 2.0).tolist() == [1.0, 2.0]
    assert root(4.0) == 2.0


def test_the_plain_form_finds_what_is_there() -> None:
    model = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    amount, covariance = plain_fit(model @ [0.5, 0.2], np.full(3, 0.01), model, 2)
    np.testing.assert_allclose(amount, [0.5, 0.2])
    # (AᵀA)⁻¹ of this model is [[2, -1], [-1, 2]] / 3.
    np.testing.assert_allclose(covariance, 0.01 * np.array([[2, -1], [-1, 2]]) / 3)
