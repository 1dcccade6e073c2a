"""Print how surely an unknown phase is found, and how rarely one is that is not there.

python tests/bench/unknown_phase_table.py                        # both, a quarter of an hour
python tests/bench/unknown_phase_table.py --clean 1 --strange 1  # one seed each

Strange cells hold an unknown phase on 5 % of the area under particles, all of optical density 0.5, at 2,000
counts. Clean ones alternate between those particles and thicker ones, and 2,000 and 8,000 counts.
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from moving_front import Series
from operando.core.unexplained import Unexplained, Watch, watched
from operando.types import MaskArray
from seen_cycles import Seen, seen_cycles
from strange_cells import MATERIALS, RATES, cell_of

CLEAN_CYCLES = 12
STRANGE_CYCLES = 5


def reported(series: Series) -> Iterator[tuple[Seen, tuple[Unexplained, ...]]]:
    """Yield every cycle and the places that are reported after it."""
    known = Watch()
    for seen in seen_cycles(series):
        known, places = watched(known, seen.od, seen.variance, seen.design, seen.amounts, seen.newest.valid)
        yield seen, places


def intruder_of(series: Series, time_s: float) -> MaskArray:
    """Return the pixels that are mostly of the unknown phase, shape (ny, nx)."""
    truth = series.world.truth(series.plan.grid.x_um, series.plan.grid.y_um, time_s)
    return np.nan_to_num(truth.fraction[-1]) > 0.5


def strange(seeds: int) -> None:
    """Print when the unknown phase was found, and how much of it."""
    print("| material, rate | cells | found after 1, 2, 3 cycles | pixels of it reported | others |")
    print("|---|---|---|---|---|")
    for material in MATERIALS:
        for rate in RATES:
            first: list[int] = []
            hit = wrong = true = 0
            for seed in range(seeds):
                series = cell_of(material, rate, seed, cycles=STRANGE_CYCLES, intruder=0.05)
                seen_in: list[int] = []
                for seen, places in reported(series):
                    intruder = intruder_of(series, seen.newest.time_s)
                    pixels = np.any([place.pixels for place in places], axis=0) & np.ones_like(intruder)
                    if (pixels & intruder).any():
                        seen_in.append(seen.newest.cycle + 1)
                    if seen.newest.cycle + 1 == STRANGE_CYCLES:
                        # A pooled pixel reaches two pixels beyond what it saw.
                        hit += int((pixels & intruder).sum())
                        wrong += int((pixels & ~intruder).sum())
                        true += int((intruder & seen.newest.valid).sum())
                first.append(min(seen_in, default=STRANGE_CYCLES + 1))
            shares = [np.mean([cycle <= limit for cycle in first]) for limit in (1, 2, 3)]
            words = ", ".join(f"{share:.0%}" for share in shares)
            print(
                f"| {material}, {rate:g} | {seeds} | {words} | {hit / true:.0%} | {wrong} of {hit + wrong} |"
            )


def clean(seeds: int) -> None:
    """Print in how many cycles something was reported that is not there."""
    print("\n| material, rate | cycles | with a false alarm |")
    print("|---|---|---|")
    total = alarms = 0
    for material in MATERIALS:
        for rate in RATES:
            cycles = wrong = 0
            for seed in range(1000, 1000 + seeds):
                series = cell_of(
                    material,
                    rate,
                    seed,
                    cycles=CLEAN_CYCLES,
                    peak_od=(0.5, 0.5) if seed % 2 else (0.5, 1.3),
                    counts=2000.0 if seed % 4 < 2 else 8000.0,
                )
                for _, places in reported(series):
                    cycles += 1
                    wrong += bool(places)
            print(f"| {material}, {rate:g} | {cycles} | {wrong} |", flush=True)
            total, alarms = total + cycles, alarms + wrong
    print(f"| all | {total} | {alarms} |")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strange", type=int, default=8, help="cells with an unknown phase, of each kind")
    parser.add_argument("--clean", type=int, default=14, help="cells without, of each kind")
    given = parser.parse_args(arguments)
    strange(given.strange)
    clean(given.clean)


if __name__ == "__main__":
    main()
