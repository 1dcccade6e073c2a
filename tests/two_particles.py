"""A small field of two particles that take up lithium, and all that is studied of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from operando.core.pipeline import PipelineState, due, record, start, step
from operando.core.study_rules import DoseRule, StudyRules
from operando.types import FloatArray, Line, Snapshot
from scans import library, lines_of, plan_of, recipe

__all__ = [
    "AREAL_G_CM2",
    "CYCLES",
    "LINES",
    "PER_CYCLE",
    "PHOTONS_PER_S",
    "PLAN",
    "RECORDS_CURVE",
    "RULES",
    "blobs",
    "recorded",
    "run",
]

CYCLES = 4
PLAN = plan_of(shape=(18, 20), cycles=CYCLES)
PHOTONS_PER_S, AREAL_G_CM2 = 1e7, 1e-4
RULES = StudyRules(
    clusters=2, dose=DoseRule(PHOTONS_PER_S, float("nan"), AREAL_G_CM2, limit_mgy=1e9), least_pixels=6
)


def blobs(cycles: int = CYCLES) -> FloatArray:
    """Counts of two particles that take up lithium, shape (cycle, energy, ny, nx)."""
    rng = np.random.default_rng(3)
    refs = library()
    values = np.stack([np.interp(PLAN.energies_ev, one.energy_ev, one.value) for one in refs.phases], 1)
    y, x = np.mgrid[:18, :20]
    one, other = np.hypot(y - 8, x - 5) < 4, np.hypot(y - 9, x - 14) < 4
    amounts = np.zeros((cycles, 3, 18, 20))
    for cycle in range(cycles):
        lithium = 0.1 + 0.15 * cycle
        amounts[cycle, 0] = 0.6 * one * (1 - lithium) + 0.5 * other * (1 - lithium / 2)
        amounts[cycle, 2] = 0.6 * one * lithium + 0.5 * other * lithium / 2
    od = np.einsum("es,csyx->ceyx", values, amounts)
    return rng.poisson(20_000.0 * np.exp(-od)).astype(np.float64)


LINES = lines_of(PLAN, blobs())
PER_CYCLE = len(LINES) // CYCLES


def run(
    lines: Sequence[Line], rules: StudyRules = RULES, state: PipelineState | None = None
) -> tuple[PipelineState, dict[int, Snapshot]]:
    state = state or start(PLAN, library(), recipe(), rules)
    records: dict[int, Snapshot] = {}
    for line in lines:
        state = step(state, line)
        state = recorded(state, records)
    return state, records


def recorded(state: PipelineState, records: dict[int, Snapshot]) -> PipelineState:
    while cycles := due(state):
        state, records[cycles[0]] = record(state, cycles[0])
    return state


RECORDS_CURVE = run(LINES)[1][CYCLES - 1].curve
"""Mean lithium content of the field, as it is measured."""
