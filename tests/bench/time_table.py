"""Print the tables behind `docs/decisions/0012-time.md`: what older cycles are worth, and what they cost.

python tests/bench/time_table.py                # agreement with the truth, two minutes
python tests/bench/time_table.py --cost         # time per pixel
python tests/bench/time_table.py --claim        # which time the latest-image map speaks for best
python tests/bench/time_table.py --counts 200   # at other counts
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from moving_front import Weighed, agreement, maps_of, series_of
from operando.core.composite import compose
from operando.core.pipeline import start, step
from operando.core.solution import solve
from operando.core.stack import Estimator

MATERIALS = ("lixv2o5", "lixfepo4")
RATES = (0.0, 0.5, 1.0, 2.0, 4.0)
SEEDS = (1, 2, 3)
CYCLES = 5


def accuracy(counts: float, pixels: int) -> None:
    """Print RMSE and coverage, everywhere and at fronts."""
    print("| material, rate | estimator | RMSE of x | within 1, 2, 3 σ | RMSE at fronts | within 1, 2, 3 σ |")
    print("|---|---|---|---|---|---|")
    for material in MATERIALS:
        for rate in RATES:
            scores = _scores(material, rate, counts, pixels)
            for estimator, score in scores.items():
                print(f"| {material}, {rate:g} | {estimator} | {_words(score, scores[Estimator.LATEST])} |")


def claims(counts: float, pixels: int) -> None:
    """Print RMSE of the latest-image map against the truth before and after its mean time."""
    shifts = (-0.2, -0.1, 0.0, 0.1, 0.2)
    print("| material | " + " | ".join(f"{shift:+.1f} cycle" for shift in shifts) + " |")
    print("|---|" + "---|" * len(shifts))
    for material in MATERIALS:
        series = [
            series_of(material, rate=1.0, seed=seed, pixels=pixels, cycles=CYCLES, counts=counts)
            for seed in SEEDS
        ]
        maps = [maps_of(one, Estimator.LATEST) for one in series]
        errors: list[str] = []
        for shift in shifts:
            moved = [[replace(m, time_s=m.time_s + shift * 90.0) for m in each] for each in maps]
            total = reduce(add, map(agreement, series, moved))
            errors.append(f"{total.everywhere.rmse:.4f}")
        print(f"| {material} | " + " | ".join(errors) + " |")


def cost(pixels: int) -> None:
    """Print nanoseconds per pixel of a map of a whole cycle."""
    print("| pixels | estimator | compose | solve | both |")
    print("|---|---|---|---|---|")
    series = series_of("lixv2o5", rate=1.0, seed=1, pixels=pixels, cycles=4)
    for estimator in Estimator:
        state = start(series.plan, series.library, replace(series.recipe, estimator=estimator))
        for line in series.lines:
            state = step(state, line)
        least = np.full(2, np.inf)
        for _ in range(8):
            first = time.perf_counter()
            composite = compose(state.stack, state.recipe, 3)
            second = time.perf_counter()
            solve(composite, state.plan, state.phases, state.recipe, is_provisional=False)
            least = np.fmin(least, [second - first, time.perf_counter() - second])
        ns = least / pixels**2 * 1e9
        print(f"| {pixels}² | {estimator} | {ns[0]:.0f} ns | {ns[1]:.0f} ns | {ns.sum():.0f} ns |")


def _scores(material: str, rate: float, counts: float, pixels: int) -> dict[Estimator, Weighed]:
    series = [
        series_of(material, rate=rate, seed=seed, pixels=pixels, cycles=CYCLES, counts=counts)
        for seed in SEEDS
    ]
    return {
        estimator: reduce(add, [agreement(one, maps_of(one, estimator)) for one in series])
        for estimator in Estimator
    }


def _words(score: Weighed, latest: Weighed) -> str:
    cells: list[str] = []
    pairs = ((score.everywhere, latest.everywhere), (score.at_fronts, latest.at_fronts))
    for ours, theirs in pairs:
        if not ours.pixels:
            cells += ["", ""]
            continue
        gain = f" ({100 * (ours.rmse / theirs.rmse - 1):+.0f} %)" if score is not latest else ""
        cells += [f"{ours.rmse:.4f}{gain}", ", ".join(f"{share:.1%}" for share in ours.coverage)]
    return " | ".join(cells)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--counts", type=float, default=3000.0)
    parser.add_argument("--pixels", type=int, default=96)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--claim", action="store_true")
    options = parser.parse_args(arguments)
    if options.cost:
        cost(options.pixels)
    elif options.claim:
        claims(options.counts, options.pixels)
    else:
        accuracy(options.counts, options.pixels)


if __name__ == "__main__":
    main()
