"""What the beam did: the regions under it held against the beam-off control of their series.

Frozen and pure, as `operando.particles` is.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BeamEffect", "Effect", "RegionChange"]


@dataclass(frozen=True, slots=True)
class RegionChange:
    """What the particles of a region did between the two visits of the control.

    Attributes
    ----------
    region
        Its name.
    is_control
        Whether it is the one without beam between.
    particles
        How many were followed from the first visit to the last.
    lithium, lithium_error
        Mean change of x of a particle, and its standard deviation from how unlike they are; NaN where too few
        were followed.
    amount, amount_error
        The same of the amount of material, as a share of what there was.
    """

    region: str
    is_control: bool
    particles: int
    lithium: float
    lithium_error: float
    amount: float
    amount_error: float


@dataclass(frozen=True, slots=True)
class Effect:
    """How much more a quantity changed under the beam than without it.

    Attributes
    ----------
    change, error
        The difference, and its standard deviation.
    chance
        Of a difference at least as large, either way, where the beam does nothing.
    """

    change: float
    error: float
    chance: float


@dataclass(frozen=True, slots=True)
class BeamEffect:
    """The regions of a series under the beam against its control.

    Attributes
    ----------
    from_s, until_s
        The times that the maps of the control's first and last visit speak for.
    regions
        The control first, then the others.
    lithium, amount
        Of x, and of the amount of material as a share; None where nothing can be said.
    unknown
        Why not; empty where both are known.
    """

    from_s: float
    until_s: float
    regions: tuple[RegionChange, ...]
    lithium: Effect | None
    amount: Effect | None
    unknown: str = ""
