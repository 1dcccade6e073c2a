"""Which energies of a run are fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from operando.errors import ConfigurationError
from operando.types import FloatArray, Line, ScanPlan

__all__ = ["SAME_ENERGY_EV", "Selection", "select"]

SAME_ENERGY_EV = 0.065
"""Two readings this close are of one set point: each may be off by 0.03 eV, to either side."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Some energies of a run, in the order of acquisition.

    Attributes
    ----------
    position
        New index of each chosen energy by its old one.
    """

    position: dict[int, int]

    def line(self, line: Line) -> Line | None:
        """Return the line under its new index, or None if its energy was not chosen."""
        position = self.position.get(line.energy)
        return None if position is None else replace(line, energy=position)


def select(plan: ScanPlan, energies_ev: FloatArray) -> tuple[ScanPlan, Selection] | None:
    """Return the plan of a run as if it had been taken at some of its energies only.

    Parameters
    ----------
    plan
        The whole run. While it is open, more energies may come: those known so far are chosen
        from, and it is to be asked again with each plan of the run.
    energies_ev
        Energies to keep, shape (n,); each must be one of the run's within `SAME_ENERGY_EV`.

    Returns
    -------
    tuple or None
        The reduced plan and which energies it has; None while the plan is open and none of them
        has come: no line is wanted yet.

    Raises
    ------
    ConfigurationError
        There are no energies, or one is not a number; or, of a plan that is not open, one is not
        in the run or is meant twice.
    """
    if energies_ev.size == 0 or not np.isfinite(energies_ev).all():
        msg = (
            f"the energies to fit are {energies_ev.tolist()}; expected numbers in eV, "
            "or leave them out to fit all"
        )
        raise ConfigurationError(msg)
    chosen: list[int] = []
    for energy_ev in energies_ev:
        nearest = int(np.argmin(np.abs(plan.energies_ev - energy_ev)))
        is_there = abs(plan.energies_ev[nearest] - energy_ev) <= SAME_ENERGY_EV
        if is_there and nearest not in chosen:
            chosen.append(nearest)
        elif not plan.is_open:
            raise ConfigurationError(_complaint(plan, float(energy_ev), nearest, is_there))
    if not chosen:
        return None
    chosen.sort()
    reduced = replace(
        plan,
        energies_ev=plan.energies_ev[chosen],
        dwell_ms=plan.dwell_ms[chosen],
        every=tuple(plan.every[energy] for energy in chosen) if plan.every else (),
    )
    return reduced, Selection({old: new for new, old in enumerate(chosen)})


def _complaint(plan: ScanPlan, energy_ev: float, nearest: int, is_there: bool) -> str:
    if is_there:
        return f"{energy_ev:.2f} eV means an energy that was named before; name each once"
    return (
        f"the run has no energy {energy_ev:.2f} eV; the nearest is "
        f"{plan.energies_ev[nearest]:.3f} eV, and it goes from {plan.energies_ev.min():.2f} "
        f"to {plan.energies_ev.max():.2f} eV"
    )
