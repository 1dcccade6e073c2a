"""Charge and lithium: the conversion on real data, lags and shares that are put in, and conservation."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.electrochemistry import Host, compared, expected_lithium, incremental
from operando.errors import ConfigurationError
from scans import SHARED_DATA

NMC622 = SHARED_DATA / "nmc622_electrochemistry" / "622.csv"
NMC622_G_PER_MOL = 96.93
"""LiNi0.6Mn0.2Co0.2O2, whose grams the capacities are for."""


def half_cycles() -> list[np.ndarray]:
    """Voltage, capacity in mAh/g and lithium content of eight half cycles, each (3, n)."""
    with NMC622.open() as file:
        rows = list(csv.reader(file))[2:]
    columns = [[float(row[column]) for row in rows if row[column]] for column in range(24)]
    return [np.array(columns[first : first + 3]) for first in range(0, 24, 3)]


@pytest.mark.skipif(not NMC622.exists(), reason="the NMC622 curves are not on this machine")
def test_the_charge_of_real_cells_gives_their_lithium_content() -> None:
    for number, (_, capacity, lithium) in enumerate(half_cycles()):
        # Charges and discharges alternate; one gram of material.
        sign = 1.0 if number % 2 == 0 else -1.0
        host = Host(1000.0, NMC622_G_PER_MOL, 0.0)
        x = expected_lithium(sign * capacity, host)
        change = x - x[0]
        # The table's own constants differ from these in the fourth digit.
        np.testing.assert_allclose(change, lithium - lithium[0], atol=2e-3)


@pytest.mark.skipif(not NMC622.exists(), reason="the NMC622 curves are not on this machine")
def test_incremental_capacity_of_real_cells_adds_up_and_has_its_peak_where_the_literature_has_it() -> None:
    voltage, capacity, _ = half_cycles()[0]
    middle, slope = incremental(voltage, capacity, width_v=0.02)
    assert float(slope.sum() * 0.02) == pytest.approx(float(capacity[-1] - capacity[0]))
    # The main peak of NMC622 in charge lies between 3.6 and 3.9 V.
    assert 3.6 < middle[int(np.argmax(slope))] < 3.9


@settings(max_examples=40)
@given(
    share=st.floats(0.3, 1.2),
    lag_s=st.floats(-250, 250),
    offset=st.floats(-0.2, 0.2),
    seed=st.integers(0, 99),
)
def test_a_share_and_a_lag_that_were_put_in_come_out(
    share: float, lag_s: float, offset: float, seed: int
) -> None:
    when_s = np.linspace(0, 6000, 400)
    x = 0.5 + 0.3 * np.sin(when_s / 900) + when_s / 20_000
    at_s = np.linspace(600, 5400, 30)
    sigma = np.full(30, 0.01)
    noise = np.random.default_rng(seed).normal(0, 0.01, 30)
    seen = offset + share * np.interp(at_s - lag_s, when_s, x) + noise
    found = compared(at_s, seen, sigma, (when_s, x), longest_lag_s=600)
    assert found is not None
    assert abs(found.share - share) < 5 * found.share_error + 0.01
    assert abs(found.lag_s - lag_s) < 5 * found.lag_error_s
    assert found.difference == pytest.approx(float(seen[-1] - np.interp(at_s[-1], when_s, x)))


@settings(max_examples=30)
@given(share=st.floats(0.4, 1.6), lag_s=st.floats(-100, 100), seed=st.integers(0, 2**16))
def test_while_a_reaction_begins_share_and_lag_are_as_unsure_as_they_are_alike(
    share: float, lag_s: float, seed: int
) -> None:
    """Of an exponential a larger share seen later is the same curve: no share is better than another."""
    when_s, rise_s, longest_s = np.linspace(0, 600, 300), 150.0, 200.0
    x = 1e-3 * np.exp(when_s / rise_s)
    at_s, sigma = np.linspace(250, 400, 12), np.full(12, 5e-4)
    noise = np.random.default_rng(seed).normal(0, 5e-4, 12)
    seen = share * np.interp(at_s - lag_s, when_s, x) + noise
    found = compared(at_s, seen, sigma, (when_s, x), longest_lag_s=longest_s)
    assert found is not None
    assert abs(found.share - share) < 2 * found.share_error
    assert abs(found.lag_s - lag_s) < 2 * found.lag_error_s
    assert found.share_error > 0.3 * found.share


def test_a_cell_at_rest_and_too_few_points_say_nothing() -> None:
    when_s, x = np.array([0.0, 100.0]), np.array([0.5, 0.5])
    at_s, sigma = np.linspace(10, 90, 6), np.full(6, 0.01)
    at_rest = compared(at_s, np.full(6, 0.5), sigma, (when_s, x), longest_lag_s=10)
    assert at_rest is None or not np.isfinite(at_rest.share)
    assert compared(at_s[:3], np.full(3, 0.5), sigma[:3], (when_s, x), longest_lag_s=10) is None
    assert compared(at_s, np.full(6, np.nan), sigma, (when_s, x), longest_lag_s=10) is None
    assert compared(at_s, np.full(6, 0.5), sigma, (np.empty(0), np.empty(0)), longest_lag_s=10) is None


@given(values=st.lists(st.tuples(st.floats(2.5, 4.5), st.floats(-10, 10)), min_size=2, max_size=60))
def test_what_passes_is_conserved_whatever_the_voltage_does(values: list[tuple[float, float]]) -> None:
    voltage, charge = np.array(values).T
    _, slope = incremental(voltage, charge, width_v=0.05)
    assert float(slope.sum() * 0.05) == pytest.approx(float(charge[-1] - charge[0]), abs=1e-9)


def test_a_host_without_mass_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        Host(0.0, 100.0, 1.0)
