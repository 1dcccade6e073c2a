"""Print how well a tilt series gives x in the volume of simulated particles.

python tests/bench/tilt_series.py               # the table, two minutes
python tests/bench/tilt_series.py --pixels 49   # coarser
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

from tilted import score_of, wedge


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pixels", type=int, default=65, help="columns of a map over 2.2 µm")
    parser.add_argument("--seeds", type=int, default=3, help="samples of each kind")
    given = parser.parse_args(arguments)
    print("| material | angles | counts | RMSE of x inside | bias | voxels inside, with x |")
    print("|---|---|---|---|---|---|")
    for material in ("lixv2o5", "lixfepo4"):
        for count, reach_deg, counts in (
            (30, 90, 20_000),
            (60, 90, 20_000),
            (18, 90, 20_000),
            (30, 70, 20_000),
            (30, 90, 2000),
        ):
            scores = [
                score_of(material, wedge(count, reach_deg), counts, given.pixels, seed)
                for seed in range(given.seeds)
            ]
            rmse = np.sqrt(np.mean([score.rmse**2 for score in scores]))
            bias = np.mean([score.bias for score in scores])
            inside, told = (sum(getattr(score, name) for score in scores) for name in ("inside", "told"))
            print(
                f"| {material} | {count} over ±{reach_deg}° | {counts:,} | {rmse:.3f} | {bias:+.3f} "
                f"| {inside}, {told / inside:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
