"""Print how well the particles of simulated cells are measured: mean x, active fraction, character.

python tests/bench/particle_table.py             # two cells of each kind, two minutes
python tests/bench/particle_table.py --cells 8
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from operando.core.character import Character
from particle_truth import Compared, compared_particles
from strange_cells import MATERIALS, RATES, cell_of

CYCLES = 8
REACTING = 0.1
"""Particles whose x is spread less than this have no front to speak of."""


def row(material: str, rate: float, found: Sequence[Compared]) -> str:
    """Return a row of the table."""
    error = np.array([one.particle.lithium - one.lithium for one in found])
    pull = np.abs(error) / np.array([one.particle.lithium_error for one in found])
    active = np.array([one.particle.active - one.active for one in found])
    doubt = np.array([one.particle.active_error for one in found])
    clear = [one for one in found if one.is_core_shell is not None and one.spread > REACTING]
    kinds = {True: Character.CORE_SHELL, False: Character.SIDE_ON}
    right = sum(one.particle.character is kinds[bool(one.is_core_shell)] for one in clear)
    wrong = sum(one.particle.character is kinds[not one.is_core_shell] for one in clear)
    return (
        f"| {material}, {rate:g} | {len(found)} | {np.sqrt(np.mean(error**2)):.4f} | {error.mean():+.4f} "
        f"| {np.mean(pull < 1):.0%}, {np.mean(pull < 2):.0%} "
        f"| {np.sqrt(np.mean(active**2)):.3f} | {np.mean(np.abs(active) <= doubt + 1e-3):.0%}, "
        f"{np.mean(np.abs(active) <= 2 * doubt + 1e-3):.0%} | {right}, {wrong} of {len(clear)} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=2, help="cells of each kind")
    given = parser.parse_args(arguments)
    print(
        "| material, rate | particles × cycles | RMSE of mean x | bias | within 1, 2 σ "
        "| RMSE of active fraction | within 1, 2 σ | character right, wrong |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for material in MATERIALS:
        for rate in RATES:
            found = [
                one
                for seed in range(1, 1 + given.cells)
                for one in compared_particles(
                    cell_of(material, rate, seed, cycles=CYCLES, peak_od=(0.5, 1.3), counts=3000.0)
                )
            ]
            print(row(material, rate, found), flush=True)


if __name__ == "__main__":
    main()
