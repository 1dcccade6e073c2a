"""Which energies of a run are fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from operando.errors import ConfigurationError
from operando.types import FloatArray, Line, ScanPlan

__all__ = ["Selection", "select"]

_TOLERANCE_EV = 0.051
"""Half the step of the finest scans, and more than a read-back error of 0.03 eV."""


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


def select(plan: ScanPlan, energies_ev: FloatArray) -> tuple[ScanPlan, Selection]:
    """Return the plan of a run as if it had been taken at some of its energies only.

    Parameters
    ----------
    plan
        The whole run.
    energies_ev
        Energies to keep; each must be one of the run's within 0.05 eV.

    Raises
    ------
    ConfigurationError
        An energy is not in the run, or is meant twice.
    """
    chosen: list[int] = []
    for energy_ev in energies_ev:
        nearest = int(np.argmin(np.abs(plan.energies_ev - energy_ev)))
        if abs(plan.energies_ev[nearest] - energy_ev) > _TOLERANCE_EV:
            msg = (
                f"the run has no energy {energy_ev:.2f} eV; the nearest is "
                f"{plan.energies_ev[nearest]:.3f} eV, and it goes from {plan.energies_ev.min():.2f} "
                f"to {plan.energies_ev.max():.2f} eV"
            )
            raise ConfigurationError(msg)
        if nearest in chosen:
            msg = f"{energy_ev:.2f} eV means an energy that was named before; name each once"
            raise ConfigurationError(msg)
        chosen.append(nearest)
    chosen.sort()
    reduced = replace(plan, energies_ev=plan.energies_ev[chosen], dwell_ms=plan.dwell_ms[chosen])
    return reduced, Selection({old: new for new, old in enumerate(chosen)})
