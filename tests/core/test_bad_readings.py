"""Readings that are none: no value and a reason; never a warning, which fails a test here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from operando.core.fit import Background, design_of, fit
from operando.core.incident import IncidentMode
from operando.core.pipeline import due, look, record, start, step
from operando.types import Line, Reason
from scans import library, plan_of, recipe

NO_READINGS = (np.nan, 0.0, -5.0, np.inf, -np.inf, 1e308)


@pytest.mark.parametrize("mode", list(IncidentMode))
@pytest.mark.parametrize("reading", NO_READINGS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 5)])
def test_a_field_without_readings_has_reasons_and_no_values(
    mode: IncidentMode, reading: float, shape: tuple[int, int]
) -> None:
    plan = plan_of(shape, cycles=2)
    rule = replace(recipe().incident, mode=mode, error=0.02)
    state = start(plan, library(), replace(recipe(), incident=rule))
    look(state)
    for cycle, energy, row in np.ndindex(2, *plan.stack_shape[:2]):
        values = np.full(shape[1], reading)
        i0 = values if mode is IncidentMode.CHANNEL else None
        state = step(
            state, Line("run-1", cycle, energy, row, values, i0, 1000.0 + 99 * cycle + 9 * energy + row)
        )
        snapshot = look(state)
        for complete in due(state):
            state, snapshot = record(state, complete)
        assert snapshot.map is None or not np.isfinite(snapshot.map.lithium).any()
    assert snapshot.map is None or (snapshot.map.reason != Reason.DETERMINED).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pixels", [0, 1, 63, 64, 65])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1.0, 0.0])
def test_the_fit_leaves_out_what_has_no_weight(dtype: type, pixels: int, bad: float) -> None:
    rng = np.random.default_rng(0)
    design = design_of(rng.uniform(0.2, 1.0, (5, 3)), np.linspace(0, 1, 3), np.arange(5.0), Background.NONE)
    od, variance = np.full((5, pixels), 0.3, dtype), np.full((5, pixels), 0.01, dtype)
    variance[0] = bad
    some = fit(od, variance, design)
    assert (some.energies_used == 4).all()
    assert some.is_solved.all()
    variance[1:3] = bad
    few = fit(od, variance, design)
    assert not few.is_solved.any()
    assert np.isnan(few.lithium).all()
    assert few.fraction.shape == (3, pixels)
