"""Components and clusters: sums are exact, noise is not significant, and clusters keep number and content."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.clusters import Clusters, Division, clustered
from operando.core.components import added, components_of, no_spectra
from operando.core.fit import Background, design_of, fit
from operando.core.provisional import adopted
from operando.core.references import resample
from operando.core.unexplained import Watch, watched
from operando.errors import ConfigurationError
from operando_sim import od_per_um
from scans import library
from seen_cycles import seen_cycles
from strange_cells import cell_of

ENERGIES = 6
SPECTRA = np.random.default_rng(7).uniform(0.1, 1.0, (ENERGIES, 4))
SIGMA = 0.02


def mixtures(rng: np.random.Generator, phases: int, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    amounts = rng.dirichlet(np.full(max(phases, 1), 0.4), pixels).T * rng.uniform(0.3, 1.2, pixels)
    od = SPECTRA[:, :phases] @ amounts[:phases] if phases else np.zeros((ENERGIES, pixels))
    return od + rng.normal(0, SIGMA, od.shape), np.full(od.shape, SIGMA**2)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_sums_of_pieces_in_any_order_are_those_of_the_whole(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    od, variance = mixtures(rng, 3, 300)
    od[0, rng.integers(300)] = np.nan
    edges = [0, *sorted(cuts), 300]
    pieces = [slice(first, last) for first, last in pairwise(edges)]
    known = no_spectra(ENERGIES)
    for piece in rng.permutation(len(pieces)):
        known = added(known, od[:, pieces[piece]], variance[:, pieces[piece]])
    whole = added(no_spectra(ENERGIES), od, variance)
    assert known.pixels == whole.pixels == 299
    np.testing.assert_allclose(known.products, whole.products, rtol=1e-12)
    one, other = components_of(known), components_of(whole)
    assert one is not None
    assert other is not None
    # And those are the singular vectors of all spectra at once.
    complete = np.isfinite(od).all(axis=0)
    left, size, _ = np.linalg.svd(od[:, complete] / SIGMA, full_matrices=False)
    np.testing.assert_allclose(one.strength, size**2 / 299, rtol=1e-9)
    overlap = np.abs(np.einsum("ec,ec->c", one.vectors, left))
    np.testing.assert_allclose(overlap[: one.significant], 1.0, atol=1e-6)
    assert one.significant == other.significant


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), phases=st.integers(0, 4), pixels=st.integers(200, 3000))
def test_as_many_are_significant_as_there_are_phases(seed: int, phases: int, pixels: int) -> None:
    od, variance = mixtures(np.random.default_rng(seed), phases, pixels)
    found = components_of(added(no_spectra(ENERGIES), od, variance))
    assert found is not None
    assert found.significant == phases


def test_before_the_first_spectrum_there_is_nothing() -> None:
    assert components_of(no_spectra(3)) is None


def test_residuals_show_the_phase_that_is_missing_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    design = design_of(SPECTRA[:, :3], np.array([0.0, 0.5, 1.0]), np.arange(6.0), Background.NONE)
    for phases, expected in ((3, 0), (4, 1)):
        od, variance = mixtures(rng, phases, 4000)
        result = fit(od, variance, design)
        # In the directions that the fit leaves free; elsewhere it takes off some of the noise.
        left = np.linalg.svd(design.matrix)[0][:, 3:].T @ (
            od - SPECTRA[:, :3] @ (result.fraction * result.thickness)
        )
        found = components_of(added(no_spectra(3), left, np.full(left.shape, SIGMA**2)))
        assert found is not None
        assert found.significant == expected


def blocks(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three strips of one phase each, of any thickness."""
    truth = np.repeat(np.arange(3), 10)[None, :] + np.zeros((24, 1), dtype=int)
    amount = rng.uniform(0.4, 1.2, truth.shape)
    od = SPECTRA[:, truth] * amount + rng.normal(0, SIGMA, (ENERGIES, *truth.shape))
    return truth, od, np.full(od.shape, SIGMA**2)


def clusters_of(
    od: np.ndarray, variance: np.ndarray, *, seed: int = 0, before: Clusters | None = None
) -> Clusters:
    found = components_of(added(no_spectra(ENERGIES), od.reshape(6, -1), variance.reshape(6, -1)))
    assert found is not None
    material = np.ones(od.shape[1:], dtype=bool)
    return clustered(od, variance, material, found, Division(3, seed), before)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_clusters_are_the_phases_whatever_the_thickness(seed: int) -> None:
    truth, od, variance = blocks(np.random.default_rng(seed))
    found = clusters_of(od, variance, seed=seed)
    for phase in range(3):
        numbers, counts = np.unique(found.labels[truth == phase], return_counts=True)
        assert counts.max() > 0.99 * counts.sum()
        spectrum = found.od[numbers[counts.argmax()] - 1]
        mean = od[:, truth == phase].mean(axis=1)
        np.testing.assert_allclose(spectrum, mean, atol=0.01)
    assert found.pixels.sum() == truth.size


def test_clusters_keep_their_numbers_while_their_places_change() -> None:
    rng = np.random.default_rng(3)
    truth, od, variance = blocks(rng)
    before = clusters_of(od, variance)
    numbers = [int(np.bincount(before.labels[truth == phase]).argmax()) for phase in range(3)]
    for shift in range(1, 12):
        rolled = np.roll(od, shift, axis=2) + rng.normal(0, SIGMA / 4, od.shape)
        before = clusters_of(rolled, variance, seed=shift, before=before)
        moved = np.roll(truth, shift, axis=1)
        assert [int(np.bincount(before.labels[moved == phase]).argmax()) for phase in range(3)] == numbers


def test_fewer_pixels_than_clusters_are_refused() -> None:
    _, od, variance = blocks(np.random.default_rng(1))
    found = components_of(added(no_spectra(ENERGIES), od.reshape(6, -1), variance.reshape(6, -1)))
    assert found is not None
    with pytest.raises(ValueError, match="3 clusters need"):
        clustered(od, variance, np.zeros(od.shape[1:], dtype=bool), found, Division(3, 0))


def test_a_stranger_that_was_adopted_is_none_any_more() -> None:
    series = cell_of("lixfepo4", 0.0, 3, cycles=3, intruder=0.05, pixels=48)
    known, places = Watch(), ()
    for seen in seen_cycles(series):
        known, places = watched(known, seen.od, seen.variance, seen.design, seen.amounts, seen.newest.valid)
    place = places[0]
    energies_ev = series.plan.energies_ev
    references = adopted(
        series.library, energies_ev, place.od, place.od_error, name="found in cycle 2", lithium=0.0
    )
    spectrum = resample(references, energies_ev)[:, 3]
    truth = od_per_um(series.world.sample.material.phases[3], energies_ev)
    # Rims share pixels with the phases around.
    np.testing.assert_allclose(spectrum / spectrum.mean(), truth / truth.mean(), rtol=0.1)
    known, places = Watch(), ()
    for seen in seen_cycles(replace(series, library=references)):
        known, places = watched(known, seen.od, seen.variance, seen.design, seen.amounts, seen.newest.valid)
    assert places == ()


@given(offset_ev=st.floats(-2, 2), seed=st.integers(0, 99))
def test_a_provisional_reference_is_met_at_the_measured_energies(offset_ev: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = replace(library(), energy_offset_ev=offset_ev)
    energies_ev = rng.permutation(np.array([704.0, 708.0, 709.5, 715.0]))
    od = rng.uniform(0.1, 1.0, 4)
    grown = adopted(known, energies_ev, od, np.full(4, 0.01), name="new", lithium=0.3)
    at = resample(grown, energies_ev)
    np.testing.assert_allclose(at[:, 3] / at[:, 3].mean(), od / od.mean(), rtol=1e-5)
    assert at[:, 3].mean() == pytest.approx(at[:, :3].mean())
    assert grown.lithium[3] == 0.3


def test_what_absorbs_nothing_or_has_a_taken_name_is_no_reference() -> None:
    energies_ev = np.array([704.0, 708.0, 715.0])
    with pytest.raises(ConfigurationError, match="above 0"):
        adopted(library(), energies_ev, np.zeros(3), np.ones(3), name="nothing", lithium=0.0)
    with pytest.raises(ConfigurationError, match="above 0"):
        adopted(library(), energies_ev, np.full(3, np.nan), np.ones(3), name="nothing", lithium=0.0)
    with pytest.raises(ConfigurationError, match="same name"):
        adopted(library(), energies_ev, np.ones(3), np.ones(3), name="phase 0", lithium=0.0)
