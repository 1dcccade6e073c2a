"""Print how surely an energy offset of 0.3 eV is found, and how rarely one is that is not there.

python tests/bench/energy_offset_table.py                      # both, fifteen minutes
python tests/bench/energy_offset_table.py --clean 1 --off 1    # one seed each

Cells as in `unknown_phase_table.py`: optical density 0.5 and 2,000 counts where the energies are off; thin
and thick particles, 2,000 and 8,000 counts where they are not.
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
from operando.core.calibration import EnergyOffset, energy_offset, offset_findings
from operando.core.fit import Background
from seen_cycles import seen_cycles
from strange_cells import MATERIALS, RATES, cell_of

CLEAN_CYCLES = 12
OFF_CYCLES = 4
OFFSETS_EV = (0.3, -0.3)


def offsets_of(series: Series) -> Iterator[EnergyOffset]:
    """Yield the offset found in every cycle; one that cannot be told counts as none."""
    everywhere = np.ones(series.plan.grid.shape, dtype=bool)
    energies_ev = series.plan.energies_ev
    for seen in seen_cycles(series):
        found = energy_offset(
            seen.od, seen.variance, series.library, energies_ev, Background.NONE, everywhere
        )
        yield found if found is not None else EnergyOffset(0.0, np.inf, 0)


def row(material: str, rate: float, offset_ev: float, found: Sequence[EnergyOffset]) -> str:
    """Return a row of either table."""
    errors = np.array([one.offset_ev - offset_ev for one in found])
    sigmas = np.array([one.error_ev for one in found])
    said = sum(bool(offset_findings(one)) for one in found)
    return (
        f"| {material}, {rate:g} | {offset_ev:+.1f} | {len(found)} | {said} | {errors.mean():+.3f} "
        f"| {errors.std():.3f} | {np.abs(errors).max():.3f} | {np.median(sigmas):.3f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--off", type=int, default=6, help="cells whose energies are off, of each kind")
    parser.add_argument("--clean", type=int, default=14, help="cells whose energies are right, of each kind")
    given = parser.parse_args(arguments)
    print("| material, rate | offset (eV) | cycles | said | mean error | scatter | largest | median σ |")
    print("|---|---|---|---|---|---|---|---|")
    told = cycles = 0
    for material in MATERIALS:
        for rate in RATES:
            for offset_ev in OFFSETS_EV:
                found = [
                    one
                    for seed in range(given.off)
                    for one in offsets_of(
                        cell_of(material, rate, seed, cycles=OFF_CYCLES, offset_ev=offset_ev)
                    )
                ]
                told, cycles = told + sum(bool(offset_findings(one)) for one in found), cycles + len(found)
                print(row(material, rate, offset_ev, found), flush=True)
    if cycles:
        print(f"| all | ±0.3 | {cycles} | {told} ({told / cycles:.1%}) | | | | |")
    false = total = 0
    for material in MATERIALS:
        for rate in RATES:
            found = [
                one
                for seed in range(1000, 1000 + given.clean)
                for one in offsets_of(
                    cell_of(
                        material,
                        rate,
                        seed,
                        cycles=CLEAN_CYCLES,
                        peak_od=(0.5, 0.5) if seed % 2 else (0.5, 1.3),
                        counts=2000.0 if seed % 4 < 2 else 8000.0,
                    )
                )
            ]
            false, total = false + sum(bool(offset_findings(one)) for one in found), total + len(found)
            print(row(material, rate, 0.0, found), flush=True)
    print(f"| all | 0 | {total} | {false} | | | | |")


if __name__ == "__main__":
    main()
