"""Print what a look costs while an image arrives: made from nothing, and from the look before.

    python tests/bench/look_table.py            # 256² and 512², a minute
    python tests/bench/look_table.py 1024

Milliseconds of processor time, which other jobs on the machine lengthen less than time on the clock: the
median over sixteen looks, spread over two images of the third cycle, each one line after another look.
`docs/decisions/0015-only-changed-rows.md` quotes it.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from operando.core.incident import IncidentMode, IncidentRule
from operando.core.increment import Solved
from operando.core.pipeline import look, look_again, start, step
from operando.core.references import resample
from operando.core.stack import Estimator
from operando.types import Line
from scans import library, plan_of, recipe

ENERGIES_EV = np.array([700.0, 707.0, 708.0, 710.0, 715.0])
LOOKS = 8
"""Looks in an image."""


def lines(side: int) -> Iterator[Line]:
    """Yield three cycles of a field that is blank in an eighth of its columns, with an I0 channel."""
    spectra = resample(library(), ENERGIES_EV)
    rng = np.random.default_rng(0)
    amounts = rng.uniform(0.0, 0.6, (3, side, side))
    amounts[..., : side // 8] = 0.0
    mean = 3000.0 * np.exp(-np.einsum("ep,pyx->eyx", spectra, amounts))
    for number, (cycle, energy, row) in enumerate(np.ndindex(3, ENERGIES_EV.size, side)):
        counts = rng.poisson(mean[energy, row]).astype(float)
        yield Line("run-1", cycle, energy, row, counts, np.full(side, 3000.0), 1000.0 + 0.5 * number)


def costs_ms(side: int, mode: IncidentMode, estimator: Estimator) -> tuple[float, float]:
    """Return the median cost of a look from nothing, and of one that the look a line before helps."""
    rule = recipe().incident if mode is IncidentMode.FILE else IncidentRule(mode)
    with_recipe = replace(recipe(), incident=rule, estimator=estimator)
    state = start(plan_of((side, side), 3, ENERGIES_EV), library(), with_recipe)
    solved: Solved | None = None
    whole_s, again_s = [], []
    for line in lines(side):
        state = step(state, line)
        place = line.row % (side // LOOKS) - side // (2 * LOOKS)
        if line.cycle == 2 and line.energy in {1, 2} and place in {0, 1}:
            began_s = time.process_time()
            _, solved = look_again(state, solved)
            ended_s = time.process_time()
            if place == 1:
                again_s.append(ended_s - began_s)
                look(state)
                whole_s.append(time.process_time() - ended_s)
    return 1e3 * statistics.median(whole_s), 1e3 * statistics.median(again_s)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sides", nargs="*", type=int, default=[256, 512])
    print("| pixels | I0 | estimator | from nothing | from the look before |")
    print("|---|---|---|---|---|")
    for side in parser.parse_args(arguments).sides:
        for mode in IncidentMode:
            for estimator in Estimator:
                whole_ms, again_ms = costs_ms(side, mode, estimator)
                print(f"| {side}² | {mode} | {estimator} | {whole_ms:.0f} ms | {again_ms:.0f} ms |")


if __name__ == "__main__":
    main()
