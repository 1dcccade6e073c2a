"""The estimator for notebooks: partial equals whole, and scikit-learn's own manners."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from operando.core.estimator import LithiationEstimator
from operando.core.references import resample
from operando.errors import ConfigurationError
from operando_sim import material_named
from operando_sim.references import write_references
from scans import ENERGIES_EV, library

RNG = np.random.default_rng(3)
AMOUNTS = RNG.uniform(0.05, 0.6, size=(3, 4, 5))
OD = np.tensordot(resample(library(), ENERGIES_EV), AMOUNTS, axes=1)
VARIANCE = np.full(OD.shape, 1e-4)


def assert_same(one: LithiationEstimator, other: LithiationEstimator) -> None:
    for name in ("lithium_", "lithium_error_", "fraction_", "fraction_error_", "thickness_", "chi2_"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


WHOLE = LithiationEstimator(library()).fit(ENERGIES_EV, OD, VARIANCE)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(4)), again=st.lists(st.integers(0, 3), max_size=3))
def test_images_in_any_order_and_again_give_what_all_at_once_give(order: list[int], again: list[int]) -> None:
    partial = LithiationEstimator(library())
    partial.partial_fit(ENERGIES_EV[order[0]], OD[order[0]] * 1.1, VARIANCE[order[0]])
    for index in (*order, *again):
        partial.partial_fit(ENERGIES_EV[index], OD[index], VARIANCE[index])
    assert_same(partial, WHOLE)


def test_noise_free_mixtures_come_back() -> None:
    # The normal equations lose digits with the square of the condition number, here about 30.
    np.testing.assert_allclose(WHOLE.fraction_ * WHOLE.thickness_, AMOUNTS, atol=1e-9)
    np.testing.assert_allclose(WHOLE.predict(ENERGIES_EV), OD, atol=1e-9)
    assert WHOLE.lithium_.shape == (4, 5)
    assert (WHOLE.lithium_error_ > 0).all()


def test_with_too_few_energies_nothing_is_claimed() -> None:
    partial = LithiationEstimator(library()).partial_fit(ENERGIES_EV[0], OD[0], VARIANCE[0])
    assert np.isnan(partial.lithium_).all()


def test_it_is_cloned_and_configured_as_scikit_learn_expects() -> None:
    estimator = clone(LithiationEstimator(library(), background="constant"))
    assert estimator.get_params(deep=False)["background"] == "constant"
    with pytest.raises(NotFittedError):
        estimator.predict(ENERGIES_EV)
    assert estimator.set_params(background="none").background == "none"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda e: e.partial_fit(708.0, OD[0, :2], VARIANCE[0, :2]), ValueError),
        (lambda e: e.partial_fit(708.0, OD[0], VARIANCE[0, :2]), ValueError),
        (lambda e: e.partial_fit(640.0, OD[0], VARIANCE[0]), ConfigurationError),
        (lambda e: e.fit(ENERGIES_EV[:2], OD, VARIANCE), ValueError),
        (lambda e: e.set_params(background="cubic").partial_fit(708.0, OD[1], VARIANCE[1]), ValueError),
    ],
)
def test_what_does_not_fit_together_is_refused(call, error) -> None:
    with pytest.raises(error):
        call(LithiationEstimator(library()).fit(ENERGIES_EV, OD, VARIANCE))


def test_a_notebook_needs_two_lines(tmp_path: Path) -> None:
    write_references(tmp_path, material_named("lixfepo4"))
    code = f"""
import sys, operando
assert "sklearn" not in sys.modules
from operando import Library, LithiationEstimator
import numpy as np
estimator = LithiationEstimator(Library.load({str(tmp_path / "library.toml")!r}))
for energy_ev in (704.4, 708.25, 709.7):
    estimator.partial_fit(energy_ev, np.full((2, 2), 0.3), np.full((2, 2), 1e-4))
print(estimator.lithium_.shape, estimator.lithium_error_.shape)
"""
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert found.stdout.strip() == "(2, 2) (2, 2)"
