"""What all pixels share is in σ, as often as it says, and does not average out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from operando.core.absorption import Detector, optical_density, without_fit_bias
from operando.core.fit import Background, Design, design_of, fit
from operando.core.incident import IncidentMode
from operando.core.pipeline import look, start, step
from operando.core.references import resample
from operando.core.region import lithium_of_region
from operando.core.shared_errors import SharedErrors, with_shared_errors
from operando.types import FloatArray
from scans import library, lines_of, plan_of, recipe, stack_of


def i0_error_draws(pixels: int) -> Iterator[tuple[FloatArray, FloatArray, Design]]:
    """Yield what images show of one composition, whose I0 are each known to 2 %; shapes (energy, pixel)."""
    refs = library(2)
    energies_ev = np.linspace(704.0, 714.0, 5)
    at_energies = resample(refs, energies_ev)
    design = design_of(at_energies, refs.lithium, energies_ev, Background.NONE)
    amounts = np.full(2, 1.2 / at_energies.sum(axis=1).max())
    rng = np.random.default_rng(12)
    for _ in range(1500):
        counts = rng.poisson(20_000.0 * np.exp(-(at_energies @ amounts))[:, None] * np.ones(pixels))
        i0 = np.broadcast_to(20_000.0 * (1.0 + 0.02 * rng.standard_normal((5, 1))), counts.shape)
        yield *optical_density(counts.astype(float), i0, np.zeros(counts.shape), Detector()), design


def assert_covers(pulls: FloatArray) -> None:
    """Hold 1,500 draws to 68.3 and 95 %, which they are sure to 1.2 and 0.6 %; three of these."""
    assert np.mean(np.abs(pulls) <= 1.0) == pytest.approx(0.683, abs=0.036)
    assert np.mean(np.abs(pulls) <= 1.96) == pytest.approx(0.95, abs=0.017)


def test_an_error_of_i0_is_part_of_sigma_where_it_is_given() -> None:
    known = SharedErrors(np.zeros(2), 0.02)
    ignored, counted, off = [], [], []
    for od, variance, design in i0_error_draws(1):
        result = fit(without_fit_bias(od, variance, 2 / 5), variance, design)
        counted.append(with_shared_errors(result, od, variance, design, known).lithium_error[0])
        ignored.append(result.lithium_error[0])
        off.append(result.lithium[0] - 0.5)
    assert_covers(np.array(off) / counted)
    assert np.mean(np.abs(off) <= ignored) < 0.5


def test_an_error_of_i0_does_not_average_out_over_a_region() -> None:
    known = SharedErrors(np.zeros(2), 0.02)
    regions = [
        lithium_of_region(od, variance, np.zeros(5), design, known)
        for od, variance, design in i0_error_draws(400)
    ]
    pulls = np.array([(region.lithium - 0.5) / region.lithium_error for region in regions])
    assert_covers(pulls)


@pytest.mark.parametrize("mode", list(IncidentMode))
def test_the_error_of_i0_widens_the_map_and_moves_nothing(mode: IncidentMode) -> None:
    plan = plan_of((24, 24), cycles=1)
    # The counts of the second half of the field, blank in the first.
    counts = stack_of(plan, np.random.default_rng(5), cycles=1)
    counts[..., :12] = np.random.default_rng(6).poisson(20_000.0, counts[..., :12].shape)
    lines = lines_of(plan, counts)
    maps = []
    for error in (0.0, 0.02):
        rule = replace(recipe().incident, mode=mode, error=error)
        state = start(plan, library(), replace(recipe(), incident=rule))
        for line in lines:
            state = step(state, replace(line, i0=np.full(24, 20_000.0)))
        maps.append(look(state).map)
    plain, wider = maps
    valid = plain.valid & wider.valid
    assert valid.any()
    np.testing.assert_array_equal(wider.lithium[valid], plain.lithium[valid])
    np.testing.assert_array_equal(wider.chi2, plain.chi2)
    # 2 % of I0 is as much as 2,500 counts; these are 20,000.
    assert np.median(wider.lithium_error[valid] / plain.lithium_error[valid]) > 1.5
