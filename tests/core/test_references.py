"""Reference spectra: checked, resampled, never extrapolated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.core.references import condition_number, resample, spectra_of
from operando.errors import ConfigurationError
from scans import library


@given(st.lists(st.integers(0, 159), min_size=1, max_size=10))
def test_at_its_own_energies_a_reference_is_itself(indices: list[int]) -> None:
    refs = library()
    energies_ev = refs.phases[0].energy_ev[indices]
    for column, phase in zip(resample(refs, energies_ev).T, refs.phases, strict=True):
        np.testing.assert_array_equal(column, phase.value[indices])


@given(st.floats(-3.0, 3.0))
def test_an_energy_offset_moves_the_references_along(offset_ev: float) -> None:
    refs = library()
    moved = replace(refs, energy_offset_ev=offset_ev)
    energies_ev = np.array([705.0, 709.3])
    np.testing.assert_allclose(
        resample(moved, energies_ev + offset_ev), resample(refs, energies_ev), atol=1e-9
    )


def test_an_energy_outside_is_refused_with_file_range_and_energy() -> None:
    with pytest.raises(
        ConfigurationError, match=r"made up.*690\.00 to 729\.75.*689\.90.*or leave the energy out"
    ):
        resample(library(), np.array([689.9, 700.0]))


def test_references_that_cover_nothing_of_a_scan_are_of_another_edge() -> None:
    with pytest.raises(ConfigurationError, match="of another edge"):
        resample(library(), np.array([513.0, 518.8]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"energy_ev": np.array([1.0, 1.0, 2.0]), "value": np.ones(3)}, "ascend"),
        ({"energy_ev": np.array([1.0, np.nan]), "value": np.ones(2)}, "finite"),
        ({"energy_ev": np.array([1.0]), "value": np.ones(1)}, "two or more"),
        ({"value": np.ones(3)}, "two or more"),
        ({"lithium": -0.1}, "lithium content"),
        ({"lithium": float("nan")}, "lithium content"),
    ],
)
def test_a_bad_spectrum_is_refused(change: dict, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        replace(library().phases[0], **change)


def test_phases_of_one_lithium_content_tell_no_lithium() -> None:
    refs = library()
    with pytest.raises(ConfigurationError, match="different"):
        replace(refs, phases=(refs.phases[0], replace(refs.phases[1], lithium=0.0)))
    with pytest.raises(ConfigurationError, match="same name"):
        replace(refs, phases=(refs.phases[0], replace(refs.phases[1], name="phase 0")))


def test_condition_number() -> None:
    assert condition_number(np.eye(3)) == pytest.approx(1.0)
    assert condition_number(100.0 * np.eye(3)) == pytest.approx(1.0)
    assert condition_number(np.ones((2, 3))) == np.inf
    assert condition_number(np.zeros((3, 2))) == np.inf
    assert condition_number(np.array([[1.0, 1.0], [1.0, 1.0 + 1e-9]])) > 1e8


def test_curves_for_pictures_stay_within_the_references() -> None:
    phases = spectra_of(library(), np.array([690.5, 729.5]))
    assert phases.energy_ev[0] == 690.0
    assert phases.energy_ev[-1] == 729.75
    assert phases.curves.shape == (phases.energy_ev.size, 3)
    assert phases.at_energies.shape == (2, 3)
