"""Turn over single bits in the files of a log: each is found or changes nothing, and no result is wrong.

python tests/bench/bit_flips.py                  # 10,000 flips; every seventh is also fitted
python tests/bench/bit_flips.py --flips 500 --fit-every 3
python tests/bench/bit_flips.py --json

Half of them anywhere, half in SQLite's own structure (the heads of its pages); every fifth in a log whose
recorder was killed, with the newest documents in the file beside it. Exit code 1 if one was missed.
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from flips import Flip, fitted_otherwise, flips_of, logs, outcome_of

PLACES = ("documents of a closed log", "structure of a closed log", "a killed log", "the file beside it")


def place_of(flip: Flip) -> str:
    """Return in which part of which file a flip is."""
    if flip.is_killed:
        return PLACES[3] if flip.ending else PLACES[2]
    return PLACES[1] if flip.is_structure else PLACES[0]


def campaign(flips: int, fit_every: int, seed: int) -> tuple[dict[str, Counter[str]], list[Flip]]:
    """Return what became of the flips of each place, and those that nobody noticed and that matter."""
    counts = {place: Counter[str]() for place in PLACES}
    missed: list[Flip] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        recorded = logs(folder)
        for number, flip in enumerate(flips_of(recorded, flips, seed)):
            outcome = outcome_of(recorded, flip, folder)
            is_fitted = number % fit_every == 0
            is_wrong = not outcome.is_right or (is_fitted and fitted_otherwise(recorded, folder))
            count = counts[place_of(flip)]
            count.update(flips=1, found=outcome.is_found, harmless=not outcome.is_found and outcome.is_same)
            count.update(said=outcome.is_said, fitted=is_fitted, missed=is_wrong)
            if is_wrong:
                missed.append(flip)
    return counts, missed


def main() -> int:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--fit-every", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    counts, missed = campaign(options.flips, options.fit_every, options.seed)
    if options.json:
        print(json.dumps({"places": counts, "missed": [vars(flip) for flip in missed]}))
    else:
        print(
            "| where | flips | found | change nothing that is read | replay says so | fitted too | missed |"
        )
        print("|---|---|---|---|---|---|---|")
        for place, count in counts.items():
            cells = (count[name] for name in ("flips", "found", "harmless", "said", "fitted", "missed"))
            print(f"| {place} | " + " | ".join(f"{cell:,}" for cell in cells) + " |")
        print(f"\n{time.perf_counter() - began:.0f} s")
        for flip in missed[:10]:
            print(f"missed: {flip}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
