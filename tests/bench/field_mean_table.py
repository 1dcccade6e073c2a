"""Print how well the mean x of simulated fields and of regions drawn in them holds to the truth.

python tests/bench/field_mean_table.py             # three cells of each kind, five minutes
python tests/bench/field_mean_table.py --cells 8
python tests/bench/field_mean_table.py --early     # the first two cycles, which lack older images
python tests/bench/field_mean_table.py --latest    # with the newest image of each energy alone
python tests/bench/field_mean_table.py --cost      # time and memory of a cycle of record of 512 × 512
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from science_cost import tiled

from mean_truth import Mean, compared_means, corners_of
from moving_front import FIRST_CYCLE
from operando.core.composite import Composite
from operando.core.region import RegionSpectrum
from operando.core.regionbook import Model, RegionBook, marked, noted, results_of
from operando.core.shared_errors import SharedErrors
from operando.core.simultaneous import parts_of, spectrum_at
from operando.core.stack import Estimator
from operando.regions import Marks, Outline, Region
from operando.types import LithiationMap
from seen_cycles import seen_cycles
from strange_cells import MATERIALS, cell_of

RATES = (0.0, 0.5, 1.0, 2.0)
CYCLES = range(FIRST_CYCLE, 8)
_REPEATS = 5


def row(kind: str, found: Sequence[Mean]) -> str:
    """Return a row of the table."""
    error = np.array([mean.error for mean in found])
    pull = np.abs([mean.pull for mean in found])
    stated = np.median([mean.lithium_error for mean in found])
    return (
        f"| {kind} | {error.size} | {error.mean():+.4f} | {np.sqrt(np.mean(error**2)):.4f} "
        f"| {np.abs(error).max():.4f} | {stated:.4f} | {np.mean(pull < 1):.0%}, {np.mean(pull < 2):.0%} |"
    )


def table(cells: range, cycles: range, estimator: Estimator) -> None:
    """Print errors and coverage of the field and of its quarters."""
    print("| material, rate, of | points | bias of x | RMSE | largest | median σ | within 1, 2 σ |")
    print("|---|---|---|---|---|---|---|")
    for material in MATERIALS:
        for rate in RATES:
            field: list[Mean] = []
            quarters: list[Mean] = []
            for seed in cells:
                cell = cell_of(material, rate, seed, cycles=cycles.stop, peak_od=(0.5, 1.3), counts=3000.0)
                cell = replace(cell, recipe=replace(cell.recipe, estimator=estimator))
                for whole, *parts in compared_means(cell, corners_of(cell), cycles.start):
                    field.append(whole)
                    quarters += parts
            print(row(f"{material}, {rate:g}, field", field), flush=True)
            print(row(f"{material}, {rate:g}, quarters", quarters), flush=True)


def cost(times: int) -> None:
    """Print milliseconds and megabytes of a cycle of record, with older images and without."""
    cell = cell_of("lixv2o5", 1.0, 1, cycles=3, peak_od=(0.5, 1.3), counts=3000.0)
    *_, seen = seen_cycles(cell)
    series, wide = tiled(cell, seen, times)
    grid, newest = series.plan.grid, wide.newest
    model = Model(seen.design, SharedErrors(np.zeros(seen.design.phases)), 1.0)
    far_um = 1.0 + float(grid.x_um.max())
    everything = Region("all", Outline.RECTANGLE, ((-1.0, -1.0), (far_um, far_um)))
    empty = marked(RegionBook(), Marks((everything,)), grid, model)
    print("| older images | mean of the field | a page and a region over it | the region at a look | page |")
    print("|---|---|---|---|---|")
    for older in ((), wide.composite.older):
        composite = replace(wide.composite, older=older)
        book = noted(empty, composite, newest, model)
        steps = (
            partial(_mean, composite, newest),
            partial(noted, empty, composite, newest, model),
            partial(results_of, book, composite, newest, model),
        )
        words = " | ".join(f"{_least_ms(step):.0f} ms" for step in steps)
        print(f"| {len(older)} | {words} | {book.pages[0].nbytes / 2**20:.1f} MB |")


def _mean(composite: Composite, newest: LithiationMap) -> RegionSpectrum:
    parts, shared_variance = parts_of(composite.images, newest.valid), composite.shared_variance
    return spectrum_at(parts, shared_variance, newest.time_s, composite.own_share)


def _least_ms(action: Callable[[], object]) -> float:
    taken_s: list[float] = []
    for _ in range(_REPEATS):
        start_s = time.perf_counter()
        action()
        taken_s.append(time.perf_counter() - start_s)
    return 1e3 * min(taken_s)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=3, help="cells of each kind")
    parser.add_argument("--first", type=int, default=1, help="number of the first cell of each kind")
    parser.add_argument("--early", action="store_true")
    parser.add_argument("--latest", action="store_true")
    parser.add_argument("--cost", action="store_true")
    given = parser.parse_args(arguments)
    if given.cost:
        cost(512 // 64)
        return
    cells = range(given.first, given.first + given.cells)
    table(cells, range(2) if given.early else CYCLES, Estimator.LATEST if given.latest else Estimator.TIMED)


if __name__ == "__main__":
    main()
