"""How long a series lasts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from operando_plans.region import CONTROL_VISITS, Region
from operando_plans.until import Until

__all__ = ["Pace", "cycles_in", "duration_of", "visits_of"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take beside the dwell; measure them on your instrument.

    Attributes
    ----------
    line_overhead_ms
        Of each line: fly-back, settling, read-out. Recorded stacks have 160 to 300 ms.
    energy_move_s
        One move to another energy.
    place_s
        Going from one region to another.
    shutter_s
        Opening or closing the shutter.
    potentiostat_s
        Time between two readings of the potentiostat.
    """

    line_overhead_ms: float = 300.0
    energy_move_s: float = 2.0
    place_s: float = 2.0
    shutter_s: float = 0.05
    potentiostat_s: float = 10.0


def cycles_in(regions: Sequence[Region], until: Until, pace: Pace) -> int:
    """Return how many cycles there will be.

    Raises
    ------
    ValueError
        Nobody knows.
    """
    if until.duration_s is None:
        if until.cycles is None:
            msg = "only a stop condition ends the series: nobody knows how long it lasts; give cycles as well"
            raise ValueError(msg)
        return until.cycles
    cycles = 1
    limit = math.inf if until.cycles is None else until.cycles
    # Cycles differ where an energy is visited in some of them only.
    elapsed_s = _cycle_s(regions, 0, pace)
    while elapsed_s < until.duration_s and cycles < limit:
        elapsed_s += _cycle_s(regions, cycles, pace)
        cycles += 1
    return cycles


def duration_of(regions: Sequence[Region], cycles: int, pace: Pace) -> float:
    """Return how long so many cycles take, in seconds, with the last visit of control regions."""
    controls = [region for region in regions if region.is_control]
    inside = sum(_cycle_s(regions, cycle, pace) for cycle in range(cycles))
    return inside + sum(_visit_s(region, 1, pace) for region in controls)


def _cycle_s(regions: Sequence[Region], cycle: int, pace: Pace) -> float:
    return sum(_visit_s(region, cycle, pace) for region in regions if cycle == 0 or not region.is_control)


def _visit_s(region: Region, visit: int, pace: Pace) -> float:
    columns, rows = region.field.points
    return pace.place_s + sum(
        pace.energy_move_s
        + 2 * pace.shutter_s
        + 1e-3 * rows * (pace.line_overhead_ms + columns * region.dwells_ms[index])
        for index in region.visited_in(visit)
    )


def visits_of(region: Region, cycles: int) -> tuple[int, ...]:
    """Return how often each energy of a region is visited."""
    own = CONTROL_VISITS if region.is_control else cycles
    every = region.every or (1,) * len(region.energies_ev)
    return tuple(-(-own // step) for step in every)
