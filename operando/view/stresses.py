"""The stress of cycles of record, computed aside where somebody looks at it; knows no Qt and no mechanics."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from operando.crystal import Crystal
from operando.errors import ConfigurationError
from operando.types import FloatArray, ScanGrid, Snapshot
from operando.view.aside import begun_aside

__all__ = ["Solve", "StressQuestion", "Stresses", "WholeCycle", "nobody"]

_KEPT = 8
"""Cycles whose stress is kept: going back and forth does not compute it anew."""


@dataclass(frozen=True, slots=True)
class StressQuestion:
    """What the stress of a cycle follows from.

    Attributes
    ----------
    lithium
        x, shape (ny, nx); NaN where unknown.
    labels
        Number of the particle at each pixel, 0 where there is none, shape (ny, nx).
    grid
        Where the pixels are.
    crystal
        What the particles are made of.
    """

    lithium: FloatArray
    labels: NDArray[np.int32]
    grid: ScanGrid
    crystal: Crystal


@dataclass(frozen=True, slots=True)
class WholeCycle:
    """A complete cycle, and what returns its x, shape (ny, nx)."""

    cycle: int
    lithium: Callable[[], FloatArray]


Solve: TypeAlias = Callable[[StressQuestion], FloatArray]
"""Returns the equivalent stress, GPa, shape (ny, nx); NaN outside particles."""


def nobody(_question: StressQuestion) -> FloatArray:
    """Refuse: this window has nobody who computes stress."""
    msg = "nobody computes stress for this window"
    raise ConfigurationError(msg)


class Stresses:
    """What is known of the stress, one cycle at a time being computed.

    Parameters
    ----------
    solve
        Who computes it; called in a thread of its own.

    Attributes
    ----------
    pending
        The one that is being computed, or None.
    trouble
        Why none is, in words; empty.
    """

    def __init__(self, solve: Solve = nobody) -> None:
        self.pending: Future[FloatArray] | None = None
        self.trouble = ""
        self._solve = solve
        self._asked: tuple[str, int] = ("", -1)
        self._known: dict[tuple[str, int], FloatArray] = {}

    def of(self, shown: Snapshot, cycle: int) -> FloatArray | None:
        """Return the stress of a cycle of the run that is shown, shape (ny, nx), if it is known."""
        found = self._known.get((shown.plan.run, cycle))
        return found if found is not None and found.shape == shown.plan.grid.shape else None

    def newest(self, shown: Snapshot) -> int | None:
        """Return the newest cycle of the run that is shown whose stress is known."""
        return max((cycle for run, cycle in self._known if run == shown.plan.run), default=None)

    def words(self, cycle: int | None) -> str:
        """Return what there is to say, given the cycle whose stress is shown."""
        if self.trouble:
            return self.trouble
        return "no stress yet" if cycle is None else f"stress of cycle {cycle + 1}, model-dependent"

    def ask(self, shown: Snapshot, whole: WholeCycle | None) -> None:
        """Begin to compute the stress of a cycle, unless it is known or another one is being computed."""
        crystal, particles = shown.crystal, shown.particles
        if self.pending is not None or whole is None or crystal is None or particles is None:
            return
        key = shown.plan.run, whole.cycle
        if key in self._known or key == self._asked:
            return
        self._asked = key
        question = StressQuestion(whole.lithium(), particles.labels, shown.plan.grid, crystal)
        self.pending = begun_aside(lambda: self._solve(question))

    def has_come(self) -> bool:
        """Return whether what was asked for is there now, or known not to come."""
        if self.pending is None or not self.pending.done():
            return False
        done, self.pending = self.pending, None
        try:
            self._known[self._asked] = done.result()
            self.trouble = ""
        except ConfigurationError as error:
            self.trouble = str(error)
        while len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        return True
