"""Print what the whole engine reports, cycle by cycle, of simulated cells that are clean and that are not.

python tests/bench/studies_table.py                          # all, half an hour
python tests/bench/studies_table.py --clean 2 --wrong 1      # two clean cells and one of each wrong

Every line goes through `step`, `due` and `record` with all studies on, clusters and dose included. Clean
cells alternate between thin particles and thicker ones, and 2,000 and 8,000 counts, as in
`unknown_phase_table.py`.
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from moving_front import Series
from operando.core.pipeline import due, record, start, step
from operando.core.study_rules import DoseRule, StudyRules
from operando.types import Snapshot
from strange_cells import MATERIALS, RATES, cell_of

CLEAN_CYCLES = 12
WRONG_CYCLES = 4
RULES = StudyRules(clusters=3, dose=DoseRule(1e7, float("nan"), 6.7e-5))
ALWAYS = frozenset({"references-model"})
"""What is said of all of these references, and true."""


def recorded(series: Series) -> Iterator[Snapshot]:
    """Yield every cycle of record."""
    state = start(series.plan, series.library, series.recipe, RULES)
    for line in series.lines:
        state = step(state, line)
        while cycles := due(state):
            state, snapshot = record(state, cycles[0])
            yield snapshot


def codes_of(snapshot: Snapshot) -> set[str]:
    """Return what was found that is not true of every such cell."""
    return {finding.code for finding in snapshot.of_record} - ALWAYS


def clean(cells: int) -> None:
    """Print what was found in cells with nothing wrong."""
    print("| material, rate | cycles | with any finding | which | particles lost or new after the first |")
    print("|---|---|---|---|---|")
    total = alarms = 0
    for material in MATERIALS:
        for rate in RATES:
            cycles, found, strangers = 0, Counter[str](), 0
            wrong = 0
            for seed in range(2000, 2000 + cells):
                peak_od = (0.5, 0.5) if seed % 2 else (0.5, 1.3)
                counts = 2000.0 if seed % 4 < 2 else 8000.0
                series = cell_of(material, rate, seed, cycles=CLEAN_CYCLES, peak_od=peak_od, counts=counts)
                first: set[int] | None = None
                for snapshot in recorded(series):
                    codes = codes_of(snapshot)
                    found.update(codes)
                    cycles, wrong = cycles + 1, wrong + bool(codes)
                    assert snapshot.particles is not None
                    numbers = {one.number for one in snapshot.particles.particles}
                    first = numbers if first is None else first
                    strangers += len(first ^ numbers)
            words = ", ".join(f"{code} {count}" for code, count in found.most_common()) or "none"
            print(f"| {material}, {rate:g} | {cycles} | {wrong} | {words} | {strangers} |", flush=True)
            total, alarms = total + cycles, alarms + wrong
    print(f"| all | {total} | {alarms} | | |")


def whole_reaction(cycles: int) -> None:
    """Print what was found in cells that react from one end to the other, in one long series each."""
    print("\n| whole reaction | cycles | mean x, first to last | with any finding | with other particles |")
    print("|---|---|---|---|---|")
    for seed, material in enumerate(MATERIALS, 31):
        series = cell_of(material, 10 / cycles, seed, cycles=cycles, peak_od=(0.5, 1.3), pixels=48)
        found = strangers = 0
        numbers: list[set[int]] = []
        x: list[float] = []
        for snapshot in recorded(series):
            assert snapshot.particles is not None
            numbers.append({one.number for one in snapshot.particles.particles})
            found += bool(codes_of(snapshot))
            strangers += numbers[-1] != numbers[0]
            x.append(float(snapshot.curve.lithium[-1]))
        print(f"| {material} | {len(x)} | {x[0]:.2f} to {x[-1]:.2f} | {found} | {strangers} |", flush=True)


def dimmed(series: Series) -> Series:
    """Return a series whose beam is 10 % weaker in some rows of one image of every cycle."""
    lines = [
        replace(line, counts=line.counts * 0.9) if line.energy == 2 and 20 <= line.row < 30 else line
        for line in series.lines
    ]
    return replace(series, lines=lines)


def wrong(cells: int) -> None:
    """Print in how many cycles what is wrong was found."""
    print("\n| wrong | expected | found after 1, 2, 3 cycles | other findings |")
    print("|---|---|---|---|")
    kinds = {
        "5 % of the area is an unknown phase": ("unknown-phase", {"intruder": 0.05}),
        "energies are off by +0.3 eV": ("energy-offset", {"offset_ev": 0.3}),
        "energies are off by -0.3 eV": ("energy-offset", {"offset_ev": -0.3}),
        "ten rows of one image have 10 % less beam": ("i0-jump", {}),
    }
    for name, (code, options) in kinds.items():
        firsts: list[int] = []
        others = Counter[str]()
        for material in MATERIALS:
            for rate in RATES:
                for seed in range(cells):
                    series = cell_of(material, rate, seed, cycles=WRONG_CYCLES, **options)
                    series = series if options else dimmed(series)
                    seen = [codes_of(snapshot) for snapshot in recorded(series)]
                    firsts.append(next((n for n, codes in enumerate(seen) if code in codes), 99))
                    others.update(found for codes in seen for found in codes if found != code)
        shares = ", ".join(f"{sum(one <= most for one in firsts) / len(firsts):.0%}" for most in range(3))
        words = ", ".join(f"{code} {count}" for code, count in others.most_common()) or "none"
        print(f"| {name} ({len(firsts)} cells) | {code} | {shares} | {words} |", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clean", type=int, default=8, help="cells with nothing wrong, of each kind")
    parser.add_argument("--wrong", type=int, default=4, help="cells of each kind of wrong, of each kind")
    parser.add_argument("--long", type=int, default=100, help="cycles of a whole reaction")
    given = parser.parse_args(arguments)
    clean(given.clean)
    whole_reaction(given.long)
    wrong(given.wrong)


if __name__ == "__main__":
    main()
