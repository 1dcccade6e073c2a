"""Print how long a cycle of record takes through the engine, with and without its studies.

python tests/bench/studies_cost.py                  # 96, 256 and 512 pixels a side
python tests/bench/studies_cost.py --pixels 96
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from moving_front import Series
from operando.core.pipeline import due, record, start, step
from operando.core.study_rules import NO_STUDIES, DoseRule, StudyRules
from operando.io.frozen import freeze
from strange_cells import cell_of

CYCLES = 4
ALL = StudyRules()
KINDS = {
    "map and curve alone": NO_STUDIES,
    "with health": replace(NO_STUDIES, health=True),
    "with unknown phases": replace(NO_STUDIES, unknown_phase=True),
    "with the energy offset": replace(NO_STUDIES, energy_offset=True),
    "with particles": replace(NO_STUDIES, particles=True),
    "with all of these, the default": ALL,
    "and four clusters and the dose": replace(ALL, clusters=4, dose=DoseRule(1e7, float("nan"), 6.7e-5)),
}


def timed(series: Series, rules: StudyRules) -> tuple[float, int, float]:
    """Return the least time of a cycle of record behind the first two, particles, and MB of the studies."""
    state, took_s, particles = start(series.plan, series.library, series.recipe, rules), [], 0
    for line in series.lines:
        state = step(state, line)
        while cycles := due(state):
            began = time.perf_counter()
            state, snapshot = record(state, cycles[0])
            took_s.append(time.perf_counter() - began)
            particles = 0 if snapshot.particles is None else len(snapshot.particles.particles)
    megabytes = sum(array.nbytes for array in freeze(state.studies).arrays) / 1e6
    return min(took_s[2:]), particles, megabytes


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pixels", type=int, nargs="+", default=[96, 256, 512], help="columns and rows")
    given = parser.parse_args(arguments)
    print("| pixels | particles | a cycle of record | ms | MB of studies in the state |")
    print("|---|---|---|---|---|")
    for pixels in given.pixels:
        series = cell_of("lixv2o5", 1.0, 1, cycles=CYCLES, peak_od=(0.5, 1.3), counts=3000.0, pixels=pixels)
        for name, rules in KINDS.items():
            took_s, particles, megabytes = timed(series, rules)
            print(
                f"| {pixels}² | {particles or ''} | {name} | {1e3 * took_s:.0f} | {megabytes:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
