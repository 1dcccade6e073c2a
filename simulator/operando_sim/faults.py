"""What goes wrong in the world by itself, at times since its start: frozen, and told by seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "BadReadings",
    "BeamLoss",
    "DeadPixels",
    "EnergyOffset",
    "IncidentJump",
    "MonitorMissing",
    "Refill",
    "TopUps",
    "WorldFault",
    "share_of_current",
    "share_of_light",
    "spoiled_counts",
    "spoiled_monitor",
    "total_offset_ev",
]


class WorldFault:
    """Something that goes wrong; by itself it changes nothing, a fault says what it does.

    Times are arrays of any shape, in seconds since the world's start.
    """

    __slots__ = ()

    def light(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the light that arrives, of the shape of the times."""
        return np.ones(elapsed_s.shape)

    def current(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the ring current that is there, of the shape of the times."""
        return np.ones(elapsed_s.shape)

    def offset_ev(self, elapsed_s: float) -> float:
        """Return what the true energy is above the one that is read back."""
        del elapsed_s
        return 0.0

    def counts(
        self, counts: NDArray[np.float64], elapsed_s: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the detector's readings of a line, shape (nx,), as they are recorded."""
        del elapsed_s, rng
        return counts

    def monitor(self, i0: NDArray[np.float64], elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the incident-beam monitor's readings of a line, shape (nx,), as they are recorded."""
        del elapsed_s
        return i0


@dataclass(frozen=True, slots=True)
class _Spell(WorldFault):
    """What goes wrong for a time.

    Attributes
    ----------
    from_s, until_s
        Seconds since the world's start.
    """

    from_s: float
    until_s: float

    def is_on(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return when it goes wrong, of the shape of the times."""
        return (self.from_s <= elapsed_s) & (elapsed_s < self.until_s)


@dataclass(frozen=True, slots=True)
class BeamLoss(_Spell):
    """No light and no current for a time, from one pixel to the next."""

    def light(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 0 while the beam is lost."""
        return np.where(self.is_on(elapsed_s), 0.0, 1.0)

    def current(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 0 while the beam is lost."""
        return self.light(elapsed_s)


@dataclass(frozen=True, slots=True)
class Refill(_Spell):
    """The ring is filled up: no light meanwhile, and the current rises to what it should be.

    Attributes
    ----------
    low
        Share of the current at which it begins.
    """

    low: float = 0.4

    def light(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 0 while the ring is filled."""
        return np.where(self.is_on(elapsed_s), 0.0, 1.0)

    def current(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a ramp from `low` to 1 while the ring is filled."""
        ramp = self.low + (1.0 - self.low) * (elapsed_s - self.from_s) / (self.until_s - self.from_s)
        return np.where(self.is_on(elapsed_s), ramp, 1.0)


@dataclass(frozen=True, slots=True)
class TopUps(WorldFault):
    """Injections shake the beam: at intervals, part of the light is missing for a moment.

    Attributes
    ----------
    every_s, lasting_s
        Interval and length of an injection.
    share
        Of the light that is left meanwhile.
    """

    every_s: float
    lasting_s: float
    share: float = 0.7

    def light(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `share` during injections."""
        return np.where(np.mod(elapsed_s, self.every_s) < self.lasting_s, self.share, 1.0)


@dataclass(frozen=True, slots=True)
class IncidentJump(WorldFault):
    """The light jumps and stays: a mirror moved, an aperture was touched.

    Attributes
    ----------
    from_s
        Seconds since the world's start.
    factor
        Of the light from then on.
    """

    from_s: float
    factor: float

    def light(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `factor` from the jump on."""
        return np.where(elapsed_s >= self.from_s, self.factor, 1.0)


@dataclass(frozen=True, slots=True)
class EnergyOffset(WorldFault):
    """The monochromator slips: from some time on the true energy is another one than it says.

    Attributes
    ----------
    from_s
        Seconds since the world's start.
    offset
        True energy less what is read back, eV.
    """

    from_s: float
    offset: float

    def offset_ev(self, elapsed_s: float) -> float:
        """Return the offset once it has slipped."""
        return self.offset if elapsed_s >= self.from_s else 0.0


@dataclass(frozen=True, slots=True)
class BadReadings(_Spell):
    """Some readings of the detector come out as something else, pixels drawn by chance.

    Attributes
    ----------
    share
        Of the pixels, 0..1.
    reading
        What is recorded instead: NaN, a negative number, 0, or the highest there is.
    """

    share: float
    reading: float

    def counts(
        self, counts: NDArray[np.float64], elapsed_s: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the readings with some replaced."""
        is_hit = rng.random(counts.shape) < self.share
        return np.where(is_hit & self.is_on(elapsed_s), self.reading, counts)


@dataclass(frozen=True, slots=True)
class DeadPixels(WorldFault):
    """Some pixels of every line never count.

    Attributes
    ----------
    columns
        Their places in the line; those beyond its end do not matter.
    """

    columns: tuple[int, ...]

    def counts(
        self, counts: NDArray[np.float64], elapsed_s: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the readings with 0 at the dead pixels."""
        del elapsed_s, rng
        return np.where(np.isin(np.arange(counts.size), self.columns), 0.0, counts)


@dataclass(frozen=True, slots=True)
class MonitorMissing(_Spell):
    """The incident-beam monitor gives nothing for a time: NaN."""

    def monitor(self, i0: NDArray[np.float64], elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return NaN while the monitor is away."""
        return np.where(self.is_on(elapsed_s), np.nan, i0)


def share_of_light(faults: Sequence[WorldFault], elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the light that all faults leave, of the shape of the times."""
    share = np.ones(elapsed_s.shape)
    for fault in faults:
        share = share * fault.light(elapsed_s)
    return share


def share_of_current(faults: Sequence[WorldFault], elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the ring current that all faults leave, of the shape of the times."""
    share = np.ones(elapsed_s.shape)
    for fault in faults:
        share = share * fault.current(elapsed_s)
    return share


def total_offset_ev(faults: Sequence[WorldFault], elapsed_s: float) -> float:
    """Return what the faults add to the energy."""
    return sum(fault.offset_ev(elapsed_s) for fault in faults)


def spoiled_counts(
    faults: Sequence[WorldFault],
    counts: NDArray[np.float64],
    elapsed_s: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return what is left of the detector's readings, shape (nx,)."""
    for fault in faults:
        counts = fault.counts(counts, elapsed_s, rng)
    return counts


def spoiled_monitor(
    faults: Sequence[WorldFault], i0: NDArray[np.float64], elapsed_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what is left of the incident-beam monitor's readings, shape (nx,)."""
    for fault in faults:
        i0 = fault.monitor(i0, elapsed_s)
    return i0
