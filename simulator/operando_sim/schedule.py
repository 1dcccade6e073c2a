"""Faults by name: what `operando simulate --faults` injects, and when."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType

from operando_sim.document_faults import (
    Abort,
    DocumentFault,
    Drops,
    Duplicates,
    NoStop,
    Reordering,
    Rewinds,
    Twin,
)
from operando_sim.faults import (
    BadReadings,
    BeamLoss,
    DeadPixels,
    EnergyOffset,
    IncidentJump,
    MonitorMissing,
    Refill,
    TopUps,
    WorldFault,
)
from operando_sim.line_faults import MissingChannel, MissingEnergy, ShapeChange

__all__ = ["ALL", "DOCUMENT_FAULTS", "WORLD_FAULTS", "Extent", "document_faults", "world_faults"]


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a run takes and how large it is, so that faults fall into it.

    Attributes
    ----------
    duration_s
        World time from its first line to its last.
    lines, pixels, energies
        Lines of the run, pixels of a line, and energies of a cycle.
    saturation
        The highest reading of the detector.
    i0_key
        Of the incident-beam channel.
    """

    duration_s: float
    lines: int
    pixels: int
    energies: int
    saturation: float
    i0_key: str


_WorldMaker = Callable[[Extent, random.Random], WorldFault]
_DocumentMaker = Callable[[Extent, random.Random], DocumentFault]

_SHARE = 0.01
"""Of readings or lines that something happens to."""


def _bad(reading: float) -> _WorldMaker:
    return lambda extent, _rng: BadReadings(0.0, 2.0 * extent.duration_s, _SHARE, reading)


def _saturated(extent: Extent, _rng: random.Random) -> WorldFault:
    return BadReadings(0.0, 2.0 * extent.duration_s, _SHARE, extent.saturation)


def _within(extent: Extent, rng: random.Random, low: float, high: float) -> float:
    return extent.duration_s * rng.uniform(low, high)


def _beam_loss(extent: Extent, rng: random.Random) -> WorldFault:
    from_s = _within(extent, rng, 0.3, 0.4)
    return BeamLoss(from_s, from_s + 0.04 * extent.duration_s)


def _refill(extent: Extent, rng: random.Random) -> WorldFault:
    from_s = _within(extent, rng, 0.7, 0.8)
    return Refill(from_s, from_s + 0.03 * extent.duration_s)


WORLD_FAULTS = MappingProxyType[str, _WorldMaker](
    {
        "beam-loss": _beam_loss,
        "refill": _refill,
        "top-ups": lambda extent, _rng: TopUps(extent.duration_s / 20.0, extent.duration_s / 1000.0),
        "i0-jump": lambda extent, rng: IncidentJump(_within(extent, rng, 0.5, 0.6), 0.8),
        "i0-nan": lambda extent, rng: MonitorMissing(_within(extent, rng, 0.2, 0.3), 0.5 * extent.duration_s),
        "energy-offset": lambda extent, rng: EnergyOffset(_within(extent, rng, 0.4, 0.5), 0.3),
        "nan-counts": _bad(float("nan")),
        "negative-counts": _bad(-1.0),
        "zero-counts": _bad(0.0),
        "saturated-counts": _saturated,
        "dead-pixels": lambda extent, rng: DeadPixels(tuple(sorted(rng.sample(range(extent.pixels), 3)))),
    }
)
"""What can go wrong in the world."""

DOCUMENT_FAULTS = MappingProxyType[str, _DocumentMaker](
    {
        "missing-energy": lambda extent, rng: MissingEnergy(rng.randrange(extent.energies)),
        "i0-missing": lambda extent, _rng: MissingChannel(extent.i0_key, extent.lines // 2),
        "shape-change": lambda extent, _rng: ShapeChange(3 * extent.lines // 4, extent.pixels // 4),
        "rewinds": lambda _extent, _rng: Rewinds(_SHARE),
        "drops": lambda _extent, _rng: Drops(_SHARE),
        "duplicates": lambda _extent, _rng: Duplicates(_SHARE),
        "abort": lambda extent, rng: Abort(rng.randint(extent.lines // 2, 3 * extent.lines // 4)),
        "interleaved-runs": lambda _extent, _rng: Twin(),
        "reordered": lambda _extent, _rng: Reordering(8),
        "no-stop": lambda _extent, _rng: NoStop(),
    }
)
"""What can go wrong on the way of the documents, in the order in which it happens to them."""

ALL = tuple(name for name in (*WORLD_FAULTS, *DOCUMENT_FAULTS) if name != "abort")
"""All that leave the run to go on to its end."""


def world_faults(names: Iterable[str], extent: Extent, seed: int) -> tuple[WorldFault, ...]:
    """Return the faults of the world among `names`, the same ones for the same seed."""
    chosen = set(names)
    return tuple(make(extent, _chance(name, seed)) for name, make in WORLD_FAULTS.items() if name in chosen)


def document_faults(names: Iterable[str], extent: Extent, seed: int) -> tuple[DocumentFault, ...]:
    """Return the faults of documents among `names`, the same ones for the same seed."""
    chosen = set(names)
    return tuple(
        make(extent, _chance(name, seed)) for name, make in DOCUMENT_FAULTS.items() if name in chosen
    )


def _chance(name: str, seed: int) -> random.Random:
    # By name, so that a fault comes at the same time whichever others come with it.
    return random.Random(f"{seed} {name}")  # noqa: S311 - it only has to be the same again
