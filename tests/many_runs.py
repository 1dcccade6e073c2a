"""Recordings for tests of many runs: small logs, with their references beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from operando.app.ending import Exit
from operando.app.many.job import Done, FittedRun
from operando.app.simulate import Cell, energies_of, simulate
from operando_sim import LIXV2O5
from operando_sim.references import write_references

__all__ = ["done_of", "recorded_runs", "untold"]

untold: Callable[[Done, bool], None] = lambda _done, _was_done: None  # noqa: E731


def recorded_runs(folder: Path, runs: int) -> list[Path]:
    """Simulate so many runs, each of another sample."""
    write_references(folder, LIXV2O5)
    logs = [folder / f"run{number}.runlog" for number in range(runs)]
    for seed, log in enumerate(logs):
        cell = Cell(
            material="lixv2o5",
            seed=seed,
            started_s=1.7e9,
            pixels=20,
            cycles=2,
            dwell_ms=1.0,
            energies_ev=energies_of("lixv2o5"),
            elapsed_s=600.0,
        )
        simulate(cell, log, speed=None)
    return logs


def done_of(source: str, code: Exit = Exit.DONE, results: str | None = "run-lithiation.h5") -> Done:
    """Return what might have come of a recording."""
    measures: dict[str, int | float | None] = {"cycles": 2, "mean_x": 0.5, "median_chi2": None}
    run = FittedRun(f"uid of {source}", "a sample", "series", "success", measures, results)
    return Done(source, code, () if code is Exit.DONE else ("why",), (), (run,))
