"""Stress: none from uniform lithium, Lamé's from a core and a shell, in balance, turned with the particle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("skfem", reason="scikit-fem is an extra: operando[strain]")

from operando.core.strain import concentration_mol_m3, stress_of
from operando.crystal import Crystal
from operando.errors import ConfigurationError

YOUNG_GPA, POISSON, MISFIT = 120.0, 0.3, 0.02
_LAMBDA = YOUNG_GPA * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
_MU = YOUNG_GPA / (2 * (1 + POISSON))
_ALONG = _LAMBDA + 2 * _MU
ISOTROPIC = Crystal((_ALONG, _ALONG, _ALONG, _LAMBDA, _LAMBDA, _LAMBDA, _MU), (MISFIT, MISFIT))
LFP = Crystal((138.9, 173.0, 198.0, 52.5, 72.8, 45.8, 50.6), (0.0517, -0.0186))
"""The a and c axes of LiFePO4 in the plane: Maxisch and Ceder, Phys. Rev. B 73 (2006) 174112."""


def grid(half: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    return y, x


@settings(max_examples=15, deadline=None)
@given(value=st.floats(0, 1), axis_deg=st.floats(-180, 180), seed=st.integers(0, 99))
def test_uniform_lithium_makes_no_stress_in_any_shape(value: float, axis_deg: float, seed: int) -> None:
    body = np.random.default_rng(seed).random((12, 14)) < 0.8
    crystal = Crystal(LFP.stiffness_gpa, LFP.misfit, axis_deg)
    found = stress_of(np.full(body.shape, value), body, (0.03, 0.05), crystal)
    assert np.nanmax(np.abs(found.stress_gpa)) < 1e-10
    assert found.is_model


@settings(max_examples=10, deadline=None)
@given(slope=st.tuples(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02)), axis_deg=st.floats(0, 90))
def test_lithium_that_grows_evenly_makes_no_stress_in_a_body_that_may_bend(
    slope: tuple[float, float], axis_deg: float
) -> None:
    """The patch test of misfit: a strain that is linear in place is compatible, if isotropic."""
    y, x = grid(12)
    lithium = 0.5 + slope[0] * y + slope[1] * x
    crystal = Crystal(ISOTROPIC.stiffness_gpa, ISOTROPIC.misfit, axis_deg)
    found = stress_of(lithium, np.ones(x.shape, dtype=bool), (0.1, 0.1), crystal)
    # One value in each pixel makes steps of a strip's width.
    step = YOUNG_GPA * MISFIT * max(abs(slope[0]), abs(slope[1]))
    assert np.nanmax(np.abs(found.stress_gpa)) < step + 1e-12


def lame(radius: np.ndarray, core: float, rim: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return radial and hoop stress of a disc whose core wants to be larger by a strain.

    Plane stress, one material: the core is under pressure p = E e (1 - core²/rim²) / 2, the shell is Lamé's
    thick ring under that pressure (Timoshenko and Goodier, Theory of Elasticity, section 28).
    """
    pressure = YOUNG_GPA * step * (1 - core**2 / rim**2) / 2
    share = core**2 / (rim**2 - core**2)
    inside = radius < core
    safe = np.maximum(radius, 1e-9)
    radial = np.where(inside, -pressure, pressure * share * (1 - rim**2 / safe**2))
    hoop = np.where(inside, -pressure, pressure * share * (1 + rim**2 / safe**2))
    return radial, hoop


def test_a_core_and_a_shell_are_lames() -> None:
    core, rim, half = 30.0, 60.0, 64
    y, x = grid(half)
    radius = np.hypot(x, y)
    found = stress_of(np.where(radius < core, 1.0, 0.0), radius < rim, (0.02, 0.02), ISOTROPIC)
    xx, yy, xy = found.stress_gpa
    angle = np.arctan2(y, x)
    c, s = np.cos(angle), np.sin(angle)
    radial = xx * c**2 + yy * s**2 + 2 * xy * c * s
    hoop = xx * s**2 + yy * c**2 - 2 * xy * c * s
    expected_radial, expected_hoop = lame(radius, core, rim, MISFIT)
    pressure = YOUNG_GPA * MISFIT * (1 - core**2 / rim**2) / 2
    # Away from the stairs that pixels make of both circles.
    for middle in (radius < core - 4, (radius > core + 4) & (radius < rim - 4)):
        assert np.abs(radial - expected_radial)[middle].max() < 0.06 * pressure
        assert np.abs(hoop - expected_hoop)[middle].max() < 0.06 * pressure
        assert np.abs(radial - expected_radial)[middle].mean() < 0.012 * pressure


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999), axis_deg=st.floats(0, 180))
def test_forces_across_every_cut_balance(seed: int, axis_deg: float) -> None:
    rng = np.random.default_rng(seed)
    y, x = grid(14)
    body = (x / 13) ** 2 + (y / 10) ** 2 < 1
    crystal = Crystal(LFP.stiffness_gpa, LFP.misfit, axis_deg)
    found = stress_of(rng.random(x.shape), body, (0.05, 0.05), crystal)
    xx, yy, xy = np.nan_to_num(found.stress_gpa)
    scale = np.abs(xx).max()
    # Weak equilibrium holds in the mean over elements: of the whole body, not of each cut.
    for stress in (xx, yy, xy):
        assert abs(stress[body].mean()) < 1e-9 * scale


def test_stress_turns_with_the_particle() -> None:
    y, x = grid(15)
    body, lithium = (x / 14) ** 2 + (y / 9) ** 2 < 1, 1 / (1 + np.exp(-x / 3))
    crystal = Crystal(LFP.stiffness_gpa, LFP.misfit, 0.0)
    turned = Crystal(LFP.stiffness_gpa, LFP.misfit, 90.0)
    one = stress_of(lithium, body, (0.05, 0.05), crystal)
    other = stress_of(lithium.T, body.T, (0.05, 0.05), turned)
    # Mirrored at the diagonal: x and y change places, and axis 1 goes from x to y.
    np.testing.assert_allclose(one.stress_gpa[0], other.stress_gpa[1].T, atol=1e-10)
    np.testing.assert_allclose(one.von_mises_gpa, other.von_mises_gpa.T, atol=1e-10)
    largest, smallest = one.principal_gpa
    assert (largest >= smallest)[body].all()


def test_pixels_without_x_take_that_of_their_neighbours_and_loose_corners_are_left_out() -> None:
    lithium = np.full((8, 8), 0.5)
    lithium[3, 3] = np.nan
    body = np.zeros((8, 8), dtype=bool)
    body[1:6, 1:6] = True
    body[6, 6] = True
    found = stress_of(lithium, body, (0.1, 0.1), LFP)
    assert np.nanmax(np.abs(found.stress_gpa)) < 1e-12
    assert np.isnan(found.stress_gpa[:, 6, 6]).all()
    with pytest.raises(ValueError, match="has no stress"):
        stress_of(np.full((8, 8), np.nan), body, (0.1, 0.1), LFP)


def test_constants_of_no_crystal_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="stable crystal"):
        Crystal((100, 100, 0, 50, 50, 50, 30), (0.01, 0.01)).plane_stress_gpa()
    with pytest.raises(ConfigurationError, match="stable crystal"):
        Crystal((100, 100, 100, 150, 10, 10, 30), (0.01, 0.01)).plane_stress_gpa()


def test_the_concentration_in_v2o5_is_that_of_the_literature() -> None:
    # 3.357 g/cm³ and 181.88 g/mol: about 18.5 kmol/m³ for each unit of x.
    found = concentration_mol_m3(np.array([0.0, 0.5, 1.0]), 3.357, 181.88)
    np.testing.assert_allclose(found, [0.0, 9229.0, 18457.0], atol=2.0)
