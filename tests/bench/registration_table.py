"""Print what registration gives and costs: drift, a jump between two energies, time.

python tests/bench/registration_table.py drift          # 18 cells, 3 minutes
python tests/bench/registration_table.py jump           # beside scikit-image's default
python tests/bench/registration_table.py cost           # 512 × 512 pixels

"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage.registration import phase_cross_correlation

sys.path.insert(0, str(Path(__file__).parents[1]))

from drifting import DRIFT_NM_PER_MIN, fitted, jumped_pair, series_with
from moving_front import Series
from operando.core.composite import compose
from operando.core.pipeline import PipelineState, due, record, start, step
from operando.core.placing import put_in_place
from operando.core.register import find_shift
from operando.core.solution import solve
from operando.core.stack import Estimator
from operando.core.track import Registering, RegistrationRule
from strange_cells import MATERIALS, RATES


def drift(cells: int, cycles: int) -> None:
    """Print errors of the shift, and RMSE of x over that of the same cell without drift."""
    print(
        "| material, rate | rms error of the shift (px) | in cycle 0 | x, from cycle 1 on "
        "| x, cycle 0 | not registered | within 2 σ "
        "| still: auto | still: on |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for material in MATERIALS:
        for rate in RATES:
            print(_drift_row(material, rate, cells, cycles), flush=True)


def _drift_row(material: str, rate: float, cells: int, cycles: int) -> str:
    gathered: dict[str, list[float]] = {}
    for seed in range(cells):
        still = series_with((0.0, 0.0), material, rate, seed, pixels=64, cycles=cycles)
        moving = series_with(DRIFT_NM_PER_MIN, material, rate, seed, pixels=64, cycles=cycles)
        base = fitted(still, Registering.OFF)
        found = fitted(moving, Registering.AUTO)
        left = fitted(moving, Registering.OFF)
        squares = {
            "error": float((found.error_px[1:] ** 2).mean()),
            "at first": float((found.error_px[0] ** 2).mean()),
            "x": _over(found.rmse[1:], base.rmse[1:]),
            "first": _over(found.rmse[:1], base.rmse[:1]),
            "left": _over(left.rmse[1:], base.rmse[1:]),
            "covered": float(found.covered[1:].mean()),
            "auto": _over(fitted(still, Registering.AUTO).rmse[1:], base.rmse[1:]),
            "on": _over(fitted(still, Registering.ON).rmse[1:], base.rmse[1:]),
        }
        for name, value in squares.items():
            gathered.setdefault(name, []).append(value)
    worst = {name: max(values) for name, values in gathered.items()}
    mean = {name: float(np.mean(values)) for name, values in gathered.items()}
    return (
        f"| {material}, {rate:g} | {mean['error'] ** 0.5:.3f} (worst {worst['error'] ** 0.5:.3f}) "
        f"| {mean['at first'] ** 0.5:.3f} "
        f"| {mean['x']:.2f} (worst {worst['x']:.2f}) | {mean['first']:.2f} (worst {worst['first']:.2f}) "
        f"| {mean['left']:.1f} | {mean['covered']:.1%} "
        f"| {mean['auto']:.3f} (worst {worst['auto']:.3f}) | {mean['on']:.3f} (worst {worst['on']:.3f}) |"
    )


def _over(rmse: np.ndarray, base: np.ndarray) -> float:
    return float(np.sqrt(np.mean(rmse**2) / np.mean(base**2)))


def jump(pairs: int) -> None:
    """Print what is found of a field that moved by (-20, -11) pixels between two energies."""
    print(
        "| pattern (OD) | pair | here | correlation | gained | phase_cross_correlation "
        "| without normalization |"
    )
    print("|---|---|---|---|---|---|---|")
    for pattern in (0.0, 0.05, 0.1, 0.15):
        for seed in range(pairs):
            pair = jumped_pair(seed, pattern)
            found = find_shift(pair.first, pair.second, limit_px=32)
            plain = -phase_cross_correlation(pair.first, pair.second)[0]
            other = -phase_cross_correlation(pair.first, pair.second, normalization=None)[0]
            print(
                f"| {pattern:g} | {seed} | ({found.y_px:.2f}, {found.x_px:.2f}) ± {found.error_px:.2f} "
                f"| {found.correlation:+.2f} | {found.gained:+.2f} | ({plain[0]:g}, {plain[1]:g}) "
                f"| ({other[0]:g}, {other[1]:g}) |"
            )


def cost(side: int) -> None:
    """Print what each step takes once a frame."""
    series = tiled(series_with(DRIFT_NM_PER_MIN, "lixfepo4", 1.0, 0, pixels=64, cycles=3), side // 64)
    off, state = (_state(series, mode) for mode in (Registering.OFF, Registering.ON))
    frames = series.plan.energies_ev.size
    images = state.stack.images
    absorbed = [-np.log(images[2, energy].counts) for energy in (0, 1)]
    latest = replace(off.recipe, estimator=Estimator.LATEST)
    rows = {
        "a shift found": lambda: find_shift(absorbed[0], absorbed[1], limit_px=side / 2),
        "an image moved": lambda: put_in_place(images[2, 1], (1.3, -2.6), state.recipe.detector),
        "fit of the newest images / frames": lambda: _map(off, latest),
        "map of record, not registered / frames": lambda: record(off, 2),
        "map of record, registered / frames": lambda: record(state, 2),
    }
    print(f"| {side} × {side} pixels, {frames} energies | ms |\n|---|---|")
    for name, call in rows.items():
        print(f"| {name} | {1e3 * timed(call) / (frames if 'frames' in name else 1):.0f} |", flush=True)


def _state(series: Series, mode: Registering) -> PipelineState:
    rule = RegistrationRule(mode)
    state = start(series.plan, series.library, replace(series.recipe, registration=rule))
    for line in series.lines:
        state = step(state, line)
        for cycle in due(state):
            if cycle < 2:
                state, _ = record(state, cycle)
    return state


def _map(state: PipelineState, recipe: object) -> object:
    composite = compose(state.stack, recipe, 2)
    return solve(composite, state.plan, state.phases, recipe, is_provisional=False)


def tiled(series: Series, copies: int) -> Series:
    """Return a field of copies of one, line by line."""
    axis_um = np.arange(copies * series.plan.grid.x_um.size) * 0.0625
    grid = replace(series.plan.grid, x_um=axis_um, y_um=axis_um)
    ny = series.plan.grid.y_um.size
    lines = [
        replace(
            line,
            row=line.row + ny * copy,
            counts=np.tile(line.counts, copies),
            time_s=line.time_s + 1e-3 * copy,
        )
        for line in series.lines
        for copy in range(copies)
    ]
    return replace(series, plan=replace(series.plan, grid=grid), lines=lines)


def timed(call: Callable[[], object]) -> float:
    """Return the least processor time of five calls; numba has compiled by the second."""
    taken: list[float] = []
    for _ in range(5):
        began_s = time.process_time()
        call()
        taken.append(time.process_time() - began_s)
    return min(taken)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one of the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=("drift", "jump", "cost"))
    parser.add_argument("--cells", type=int, default=3, help="of each kind, or pairs")
    parser.add_argument("--cycles", type=int, default=8)
    parser.add_argument("--side", type=int, default=512)
    given = parser.parse_args(arguments)
    if given.table == "drift":
        drift(given.cells, given.cycles)
    elif given.table == "jump":
        jump(given.cells)
    else:
        cost(given.side)


if __name__ == "__main__":
    main()
