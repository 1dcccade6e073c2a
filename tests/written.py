"""A results file of a small run, written cycle by cycle, whose every number tells where it belongs."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from operando.io.results_writer import ResultsWriter
from operando.types import Curve, LithiationMap, PhaseSpectra, Reason, ScanGrid, ScanPlan

NY, NX, ENERGIES, PHASES = 3, 4, 5, 2
PLAN = ScanPlan(
    run="a run",
    plan_name="stxm_series",
    sample="particle 7",
    grid=ScanGrid(x_um=np.linspace(2, -1, NX), y_um=np.linspace(-5, -4, NY)),
    energies_ev=np.linspace(700, 715, ENERGIES),
    dwell_ms=np.array([1.0, 2.0, np.nan, 1.0, 1.0]),
    cycles=None,
    started_s=1.7e9,
)
PHASE_SPECTRA = PhaseSpectra(
    names=("FePO₄", "LiFePO4"),
    lithium=np.array([0.0, 1.0]),
    at_energies=np.arange(10.0).reshape(ENERGIES, PHASES),
    energy_ev=np.linspace(700, 715, 30),
    curves=np.arange(60.0).reshape(30, PHASES),
    unit="od_per_nm",
    is_model=False,
    sigma=np.array([0.0, 0.01]),
)
PROCESS: dict[str, str | float | int] = {
    "version": "1.2",
    "references sha256": "abc",
    "fit/ridge": 0.5,
    "threads": 2,
}


def map_of_cycle(cycle: int, seed: int = 0) -> LithiationMap:
    rng = np.random.default_rng([cycle, seed])
    lithium = rng.random((NY, NX))
    lithium[0, 1] = np.nan
    reason = np.zeros((NY, NX), np.uint8)
    reason[0, 1] = Reason.THIN
    age_s = rng.random(ENERGIES) * 60
    age_s[2] = np.nan
    return LithiationMap(
        cycle=cycle,
        time_s=1.7e9 + 240.0 * cycle,
        lithium=lithium,
        lithium_error=rng.random((NY, NX)),
        fraction=rng.random((PHASES, NY, NX)),
        fraction_error=rng.random((PHASES, NY, NX)),
        thickness=rng.random((NY, NX)),
        thickness_error=rng.random((NY, NX)),
        background=rng.random((NY, NX)),
        background_slope=rng.random((NY, NX)),
        chi2=rng.random((NY, NX)),
        r_factor=rng.random((NY, NX)),
        energies_used=rng.integers(0, 6, (NY, NX)).astype(np.uint16),
        frame_age_s=age_s,
        reason=reason,
        is_provisional=bool(cycle % 2),
        shift_px=rng.normal(size=(ENERGIES, 2)),
        shift_um=rng.normal(size=(ENERGIES, 2)),
        shift_quality=rng.random(ENERGIES),
    )


def curve_to(cycles: list[int]) -> Curve:
    cycle = np.array(cycles, np.int64)
    return Curve(cycle, 1.7e9 + 240.0 * cycle, cycle / 10, 0.01 + cycle / 100, 12 + cycle)


def i0_of(cycle: int) -> np.ndarray:
    return 1000.0 + cycle + np.arange(ENERGIES)


def write(path: Path, cycles: list[int], seed: int = 0) -> None:
    writer = ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS)
    for n, cycle in enumerate(cycles):
        writer.write(map_of_cycle(cycle, seed), i0_of(cycle), curve_to(sorted(set(cycles[: n + 1]))))


def assert_equal(one: Any, other: Any) -> None:
    """Two dataclasses hold the same, bit for bit."""
    for field in dataclasses.fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if dataclasses.is_dataclass(left):
            assert_equal(left, right)
        else:
            np.testing.assert_array_equal(left, right, err_msg=field.name)
            if isinstance(right, np.ndarray):
                assert left.dtype == right.dtype, field.name
