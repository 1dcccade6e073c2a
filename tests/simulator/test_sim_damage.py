"""Damage by the simulated beam: where light fell, as much as fell, and nothing where none did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando_sim import Truth, World, static_settings

X_UM = np.linspace(-1.5, -0.5, 11)
Y_UM = np.linspace(-0.5, 0.5, 11)
CRITICAL = 3e8


def world(critical: float = CRITICAL) -> World:
    still = static_settings()
    beam = replace(still.beam, critical_counts_per_um2=critical)
    return World(replace(still, beam=beam, sample=replace(still.sample, field_um=4.0)), seed=3)


def scanned(cell: World, times: int, dwell_ms: float = 1.0) -> None:
    cell.set_energy(float(np.mean(cell.energy_limits_ev)))
    for _ in range(times):
        for y_um in Y_UM:
            cell.expose_line(X_UM, float(y_um), dwell_ms)


def truth(cell: World, x_um: np.ndarray = X_UM) -> Truth:
    return cell.truth(x_um, Y_UM, cell.time_s)


def lithium(cell: World) -> np.ndarray:
    return np.nan_to_num(truth(cell).lithium)


@settings(max_examples=6, deadline=None)
@given(times=st.integers(1, 4), more=st.integers(1, 4))
def test_more_light_leaves_less_lithium_and_the_same_material(times: int, more: int) -> None:
    cell = world()
    before = truth(cell)
    scanned(cell, times)
    first = lithium(cell)
    scanned(cell, more)
    after = truth(cell)
    is_there = np.isfinite(before.lithium) & (before.lithium > 0.05)
    assert is_there.sum() > 20
    assert (first[is_there] < before.lithium[is_there]).all()
    assert (after.lithium[is_there] < first[is_there]).all()
    assert np.allclose(after.fraction.sum(axis=0)[is_there], 1.0)
    assert np.array_equal(after.thickness_um, before.thickness_um)


def test_one_long_look_does_what_many_short_ones_do() -> None:
    """But for the ring current, which falls by less than 0.1 % meanwhile."""
    long, short = world(), world()
    scanned(long, 1, 4.0)
    scanned(short, 4, 1.0)
    assert np.allclose(lithium(long), lithium(short), atol=1e-3)


def test_where_no_light_fell_nothing_is_lost() -> None:
    cell = world()
    elsewhere = X_UM + 1.6
    before = truth(cell, elsewhere).lithium
    scanned(cell, 5)
    assert np.array_equal(truth(cell, elsewhere).lithium, before, equal_nan=True)


def test_behind_a_closed_shutter_nothing_is_lost() -> None:
    cell = world()
    before = lithium(cell)
    cell.close_shutter()
    scanned(cell, 5)
    assert np.array_equal(lithium(cell), before)


def test_a_harmless_beam_takes_nothing_and_no_chance() -> None:
    harmless, none = world(float("inf")), world(1e30)
    scanned(harmless, 2)
    scanned(none, 2)
    readings = [cell.expose_line(X_UM, 0.0, 1.0).counts for cell in (harmless, none)]
    assert np.array_equal(*readings)
    assert np.array_equal(lithium(harmless), lithium(world(float("inf"))))


@pytest.mark.parametrize("name", ["lixv2o5", "lixfepo4"])
def test_what_is_lost_becomes_the_phase_without_lithium(name: str) -> None:
    still = static_settings()
    still = replace(still, sample=replace(still.sample, material=name, field_um=4.0))
    cell = World(replace(still, beam=replace(still.beam, critical_counts_per_um2=1.0)), seed=3)
    is_there = np.isfinite(truth(cell).lithium)
    scanned(cell, 1)
    # Between the points of the raster the truth is that of the nearest.
    assert np.allclose(truth(cell).lithium[is_there], 0.0, atol=1e-3)
