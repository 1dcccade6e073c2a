"""Dose: the figure that the field quotes, and its proportions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.core.composite import compose
from operando.core.dose import Absorber, dose_mgy
from operando.core.exposure import dose_of_pixels
from operando.types import ScanGrid
from two_particles import LINES, PHOTONS_PER_S, PLAN, RULES, run


def dose_of_a_frame(photons: float, *, nm: float = 200.0, od: float = 1.0, density: float = 3.6) -> float:
    """Dose of one pixel of (30 nm)² of LiFePO4 in one image at 708 eV."""
    absorber = Absorber(1.0, density * nm * 1e-7)
    mass_kg = absorber.mass_kg(np.ones((1, 1)), 0.03**2)
    energy = np.array([708.0])
    return float(
        dose_mgy(np.ones((1, 1)), np.array([photons]), energy, np.full((1, 1, 1), od), mass_kg)[0, 0]
    )


def test_the_dose_is_that_of_the_textbook() -> None:
    """10⁶ photons/s for 1 ms: 1,000 photons, 63 % of 708 eV each, on 648 ng/cm² over 9·10⁻¹² cm²."""
    joule = 1000 * 0.6321 * 708 * 1.602e-19
    assert dose_of_a_frame(1000.0) == pytest.approx(1e-6 * joule / (3.6e-3 * 2e-5 * 9e-12), rel=1e-3)


@given(photons=st.floats(1, 1e9), factor=st.floats(1.1, 10))
def test_it_goes_with_the_photons_and_thin_samples_get_it_whatever_their_thickness(
    photons: float, factor: float
) -> None:
    assert dose_of_a_frame(factor * photons) == pytest.approx(factor * dose_of_a_frame(photons))
    thin, thinner = 1e-3, 1e-3 / factor
    one = dose_of_a_frame(photons, nm=1.0, od=thin)
    other = dose_of_a_frame(photons, nm=1.0 / factor, od=thinner)
    assert one == pytest.approx(other, rel=1e-3)


def test_what_was_never_measured_adds_nothing_and_no_material_has_no_dose() -> None:
    exposures = np.array([[2.0, 1.0], [0.0, 0.0]])
    photons, energies_ev = np.array([1000.0, np.nan]), np.array([700.0, 710.0])
    od = np.full((2, 2, 3), 0.5)
    od[1] = np.nan
    mass_kg = np.full((2, 3), 1e-17)
    mass_kg[0, 0], mass_kg[1, 2] = 0.0, np.nan
    dose = dose_mgy(exposures, photons, energies_ev, od, mass_kg)
    assert dose[0, 1] == pytest.approx(2 * dose[1, 1])
    assert np.isnan(dose[0, 0])
    assert np.isnan(dose[1, 2])


def test_a_dose_that_cannot_be_told_is_no_small_one() -> None:
    state, records = run(LINES)
    newest = records[3].map
    assert newest is not None
    assert RULES.dose is not None
    composite = compose(state.stack, state.recipe, 3)
    photons = np.full(composite.row_time_s.shape, PHOTONS_PER_S)
    y, x = np.argwhere(newest.valid)[0]
    blind = composite.od.copy()
    blind[1, y, x] = np.nan
    grids = {"whole": PLAN.grid, "one row": ScanGrid(PLAN.grid.x_um, PLAN.grid.y_um[:1])}
    doses = {
        name: dose_of_pixels(
            photons, replace(composite, od=blind), newest, grid, PLAN.energies_ev, RULES.dose
        )
        for name, grid in grids.items()
    }
    # Lit at an energy at which nobody knows what it absorbed; of a row that nobody knows the height of.
    assert np.isnan(doses["whole"][y, x])
    assert np.isfinite(doses["whole"]).sum() == newest.valid.sum() - 1
    assert np.isnan(doses["one row"]).all()
