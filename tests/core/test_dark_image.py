"""An image without any light in mid-cycle: its energy says nothing, and the map of the others stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from operando.core.incident import IncidentRule
from operando.core.pipeline import look, start, step
from scans import library, lines_of, plan_of, recipe, stack_of

PLAN = plan_of((12, 16), cycles=2, energies_ev=np.array([700.0, 707.5, 709.0, 710.0, 712.0]))
IMAGE = 12


def test_a_map_in_the_dark_has_no_reading_of_that_image_and_finite_errors() -> None:
    counts = stack_of(PLAN, np.random.default_rng(0))
    # The lower half holds no sample, and the beam is lost with the first image of the second cycle.
    counts[:, :, 6:] = np.random.default_rng(1).poisson(20_000.0, counts[:, :, 6:].shape)
    counts[1, 0] = 0.0
    state = start(PLAN, library(), replace(recipe(), incident=IncidentRule()))
    for line in lines_of(PLAN, counts)[: (PLAN.energies_ev.size + 1) * IMAGE]:
        state = step(state, line)
    snapshot = look(state)
    found = snapshot.map
    assert found is not None
    assert np.isnan(snapshot.od[0]).all()
    # Four energies are enough for three phases.
    assert found.valid.any()
    assert np.isfinite(found.lithium_error[found.valid]).all()
