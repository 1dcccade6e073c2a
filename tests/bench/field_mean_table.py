"""Print how well the mean x of simulated fields and of regions drawn in them holds to the truth.

python tests/bench/field_mean_table.py             # three cells of each kind, five minutes
python tests/bench/field_mean_table.py --cells 8
python tests/bench/field_mean_table.py --latest    # with the newest image of each energy alone
python tests/bench/field_mean_table.py --cost      # time and memory of a cycle of record of 512 × 512
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from mean_truth import Mean, compared_means, corners_of
from operando.core.stack import Estimator
from strange_cells import MATERIALS, cell_of

RATES = (0.0, 0.5, 1.0, 2.0)
CYCLES = 8


def row(kind: str, found: Sequence[Mean]) -> str:
    """Return a row of the table."""
    error = np.array([mean.error for mean in found])
    pull = np.abs([mean.pull for mean in found])
    stated = np.median([mean.lithium_error for mean in found])
    return (
        f"| {kind} | {error.size} | {error.mean():+.4f} | {np.sqrt(np.mean(error**2)):.4f} "
        f"| {np.abs(error).max():.4f} | {stated:.4f} | {np.mean(pull < 1):.0%}, {np.mean(pull < 2):.0%} |"
    )


def table(cells: int, estimator: Estimator) -> None:
    """Print errors and coverage of the field and of its quarters."""
    print("| material, rate, of | points | bias of x | RMSE | largest | median σ | within 1, 2 σ |")
    print("|---|---|---|---|---|---|---|")
    for material in MATERIALS:
        for rate in RATES:
            field: list[Mean] = []
            quarters: list[Mean] = []
            for seed in range(1, 1 + cells):
                cell = cell_of(material, rate, seed, cycles=CYCLES, peak_od=(0.5, 1.3), counts=3000.0)
                cell = replace(cell, recipe=replace(cell.recipe, estimator=estimator))
                for whole, *parts in compared_means(cell, corners_of(cell)):
                    field.append(whole)
                    quarters += parts
            print(row(f"{material}, {rate:g}, field", field), flush=True)
            print(row(f"{material}, {rate:g}, quarters", quarters), flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=3, help="cells of each kind")
    parser.add_argument("--latest", action="store_true")
    given = parser.parse_args(arguments)
    table(given.cells, Estimator.LATEST if given.latest else Estimator.TIMED)


if __name__ == "__main__":
    main()
