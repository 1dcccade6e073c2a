"""Energy offsets: told where they are, with an error that holds, and not told where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core import calibration
from operando.core.calibration import EnergyOffset, energy_offset, offset_findings
from operando.core.fit import Background
from operando.core.references import resample
from scans import library
from seen_cycles import seen_cycles
from strange_cells import cell_of

ENERGIES_EV = np.array([703.0, 707.5, 708.6, 709.4, 710.6])
EVERYWHERE = np.ones((48, 48), dtype=bool)
SIGMA = 0.02


def field(rng: np.random.Generator, offset_ev: float, i0_error: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Material of many compositions and thicknesses, with empty places, and I0 that is off at one energy."""
    share = rng.dirichlet(np.full(3, 0.5), 16)[rng.integers(0, 16, (4, 4))].repeat(12, 0).repeat(12, 1)
    amount = np.zeros((48, 48))
    amount[6:42, 6:42] = rng.uniform(0.3, 1.0, (36, 36))
    od = np.einsum("es,yxs->eyx", resample(library(), ENERGIES_EV + offset_ev), share * amount[..., None])
    od[2] += i0_error
    return od + rng.normal(0, SIGMA, od.shape), np.full(od.shape, SIGMA**2)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    offset_ev=st.floats(-0.5, 0.5),
    i0_error=st.sampled_from([0.0, -0.02, 0.02]),
)
def test_an_offset_comes_out_whatever_i0_does(seed: int, offset_ev: float, i0_error: float) -> None:
    od, variance = field(np.random.default_rng(seed), offset_ev, i0_error)
    found = energy_offset(od, variance, library(), ENERGIES_EV, Background.NONE, EVERYWHERE)
    assert found is not None
    assert abs(found.offset_ev - offset_ev) < 4 * found.error_ev
    assert found.error_ev < 0.05


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), offset_ev=st.floats(-1.0, 1.0))
def test_looking_where_it_matters_says_what_looking_everywhere_says(seed: int, offset_ev: float) -> None:
    od, variance = field(np.random.default_rng(seed), offset_ev)

    def found() -> EnergyOffset | None:
        return energy_offset(od, variance, library(), ENERGIES_EV, Background.NONE, EVERYWHERE)

    with pytest.MonkeyPatch.context() as everywhere:
        everywhere.setattr(calibration, "_STRIDE", 1)
        whole = found()
    assert found() == whole


def test_what_cannot_be_told_is_not() -> None:
    od, variance = field(np.random.default_rng(1), 0.3)
    few = slice(0, 3)
    assert (
        energy_offset(od[few], variance[few], library(), ENERGIES_EV[few], Background.NONE, EVERYWHERE)
        is None
    )
    assert energy_offset(od, variance, library(), ENERGIES_EV, Background.LINEAR, EVERYWHERE) is None
    assert energy_offset(od, variance, library(), ENERGIES_EV, Background.NONE, ~EVERYWHERE) is None
    assert energy_offset(od, variance, library(), ENERGIES_EV + 500, Background.NONE, EVERYWHERE) is None


def test_only_offsets_that_are_large_and_sure_are_said() -> None:
    assert offset_findings(None) == []
    assert offset_findings(EnergyOffset(0.3, 0.1, 20)) == []
    assert offset_findings(EnergyOffset(0.08, 0.01, 20)) == []
    finding = offset_findings(EnergyOffset(-0.3, 0.02, 20))[0]
    assert "-0.30 ± 0.02 eV" in finding.message
    assert "+0.30 eV" in finding.advice


@pytest.mark.parametrize(
    ("material", "rate", "offset_ev"),
    [("lixv2o5", 2.0, 0.3), ("lixfepo4", 1.0, -0.3), ("lixv2o5", 1.0, 0.0), ("lixfepo4", 2.0, 0.0)],
)
def test_an_offset_of_a_third_ev_is_said_in_a_reacting_cell_and_none_is_not(
    material: str, rate: float, offset_ev: float
) -> None:
    """The table of `bench/energy_offset_table.py` in short."""
    series = cell_of(material, rate, 5, cycles=2, offset_ev=offset_ev)
    everywhere = np.ones(series.plan.grid.shape, dtype=bool)
    for seen in seen_cycles(series):
        found = energy_offset(
            seen.od, seen.variance, series.library, series.plan.energies_ev, Background.NONE, everywhere
        )
        assert bool(offset_findings(found)) == bool(offset_ev)
