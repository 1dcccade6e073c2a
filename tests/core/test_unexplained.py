"""An unknown phase: found where it is, within two cycles; none where there is none, however it reacts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.fit import Background, Design, design_of, fit
from operando.core.suspicion import complement
from operando.core.unexplained import PERSISTENCE, Watch, unknown_phase_findings, watched
from seen_cycles import seen_cycles
from strange_cells import cell_of

ENERGIES_EV = np.linspace(700.0, 712.0, 5)
STRANGER = np.array([0.2, 0.9, 0.1, 0.2, 0.9])
SIGMA = 0.02


def design() -> Design:
    centres = (704.0, 707.0, 709.0)
    references = np.stack([0.2 + np.exp(-((ENERGIES_EV - centre) ** 2) / 8) for centre in centres], axis=1)
    return design_of(references, np.array([0.0, 0.5, 1.0]), ENERGIES_EV, Background.NONE)


def field(
    rng: np.random.Generator, *, strangers: int = 0, blur: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of different composition, a square of something else, and references that are all off."""
    model = design()
    share = np.full((3, 32, 32), 0.1)
    share[0, :, :16], share[2, :, 16:] = 0.8, 0.8
    amount = rng.uniform(0.4, 1.2, (32, 32))
    od = np.einsum("es,syx->eyx", model.matrix * model.scale, share * amount)
    od *= 1 + blur * np.array([1, -1, 1, -1, 1])[:, None, None]
    od[:, 10 : 10 + strangers, 4 : 4 + strangers] = (
        STRANGER[:, None, None] * amount[10 : 10 + strangers, 4 : 4 + strangers]
    )
    return od + rng.normal(0, SIGMA, od.shape), np.full(od.shape, SIGMA**2)


def places_after(cycles: list[tuple[np.ndarray, np.ndarray]], material: np.ndarray) -> list[tuple]:
    known, model, found = Watch(), design(), []
    for od, variance in cycles:
        result = fit(od.reshape(5, -1), variance.reshape(5, -1), model)
        amounts = (result.fraction * result.thickness).reshape(3, 32, 32)
        known, places = watched(known, od, variance, model, amounts, material)
        found.append(places)
    return found


EVERYWHERE = np.ones((32, 32), dtype=bool)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(5, 9), blur=st.floats(-0.03, 0.03))
def test_a_stranger_is_found_in_its_place_though_the_references_are_off(
    seed: int, size: int, blur: float
) -> None:
    rng = np.random.default_rng(seed)
    found = places_after([field(rng, strangers=size, blur=blur) for _ in range(3)], EVERYWHERE)
    assert found[0] == ()
    for places in found[PERSISTENCE - 1 :]:
        rows, columns = np.nonzero(places[0].pixels)
        assert abs(rows.mean() - (9.5 + size / 2)) < 1
        assert abs(columns.mean() - (3.5 + size / 2)) < 1
        assert places[0].significance > 10
        assert size**2 * 0.5 < places[0].pixels.sum() <= (size + 2) ** 2


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), blur=st.floats(-0.05, 0.05))
def test_what_is_wrong_everywhere_is_no_stranger(seed: int, blur: float) -> None:
    rng = np.random.default_rng(seed)
    assert not any(places_after([field(rng, blur=blur) for _ in range(4)], EVERYWHERE))


def test_the_residual_is_what_no_mixture_gives() -> None:
    rng = np.random.default_rng(1)
    place = places_after([field(rng, strangers=8) for _ in range(2)], EVERYWHERE)[-1][0]
    model = design()
    assert np.abs(model.matrix.T @ place.residual).max() < 1e-9
    beyond = complement(model.matrix)
    expected = beyond @ (beyond.T @ STRANGER)
    cosine = place.residual @ expected / np.linalg.norm(place.residual) / np.linalg.norm(expected)
    assert cosine > 0.97


def test_a_stranger_seen_once_and_one_that_moves_away_are_none() -> None:
    rng = np.random.default_rng(2)
    clean, strange = field(rng), field(rng, strangers=8)
    moved = tuple(np.roll(part, (12, 12), axis=(1, 2)) for part in strange)
    assert not any(places_after([clean, strange, clean, clean], EVERYWHERE))
    assert not any(places_after([strange, moved, strange, moved], EVERYWHERE))


def test_nothing_is_said_with_as_many_columns_as_energies_or_without_material() -> None:
    rng = np.random.default_rng(3)
    assert not any(places_after([field(rng, strangers=8)] * 3, np.zeros((32, 32), dtype=bool)))
    model = design()
    square = Design(model.matrix[:3], model.scale, model.lithium)
    od, variance = field(rng, strangers=8)
    known = Watch()
    for _ in range(3):
        known, places = watched(known, od[:3], variance[:3], square, np.ones((3, 32, 32)), EVERYWHERE)
        assert places == ()


def test_of_very_many_places_the_largest_are_told() -> None:
    rng = np.random.default_rng(4)
    model, side = design(), 180
    amount = rng.uniform(0.4, 1.2, (side, side))
    mixture = np.einsum("es,s->e", model.matrix * model.scale, np.array([0.4, 0.1, 0.4]))
    od = mixture[:, None, None] * amount + rng.normal(0, SIGMA, (2, 5, side, side))
    for y in range(2, side - 6, 18):
        for x in range(2, side - 6, 18):
            own = slice(y, y + (7 if y == x == 2 else 5)), slice(x, x + (7 if y == x == 2 else 5))
            od[:, :, *own] += (STRANGER - mixture)[:, None, None] * amount[own]
    known, places = Watch(), ()
    for each in od:
        result = fit(each.reshape(5, -1), np.full((5, side * side), SIGMA**2), model)
        amounts = (result.fraction * result.thickness).reshape(3, side, side)
        material = np.ones((side, side), dtype=bool)
        known, places = watched(known, each, np.full(each.shape, SIGMA**2), model, amounts, material)
    assert len(places) == 64
    assert any(place.pixels[4, 4] for place in places)
    assert "64" in unknown_phase_findings(places, np.arange(5.0))[0].message


@pytest.mark.parametrize(("material", "rate"), [("lixv2o5", 1.0), ("lixfepo4", 2.0)])
def test_five_percent_of_an_unknown_phase_in_a_reacting_cell_is_found_in_two_cycles(
    material: str, rate: float
) -> None:
    """The table of `bench/unknown_phase_table.py` in short."""
    series = cell_of(material, rate, 3, cycles=2, intruder=0.05, pixels=48)
    known, places = Watch(), ()
    for seen in seen_cycles(series):
        known, places = watched(known, seen.od, seen.variance, seen.design, seen.amounts, seen.newest.valid)
        truth = series.world.truth(series.plan.grid.x_um, series.plan.grid.y_um, seen.newest.time_s)
    intruder = np.nan_to_num(truth.fraction[3]) > 0.2
    assert places
    assert (places[0].pixels & intruder).sum() > 0.7 * places[0].pixels.sum()


@pytest.mark.parametrize(("material", "rate"), [("lixv2o5", 2.0), ("lixfepo4", 1.0)])
def test_a_clean_cell_raises_no_alarm_while_its_fronts_pass(material: str, rate: float) -> None:
    known = Watch()
    for seen in seen_cycles(cell_of(material, rate, 5, cycles=6, pixels=48)):
        known, places = watched(known, seen.od, seen.variance, seen.design, seen.amounts, seen.newest.valid)
        assert places == ()
