"""What the particles of a field are and did: what a screen, a file or a remote page may show of them.

Frozen and pure, so that the core can measure them, the screen can draw them, and a file can hold them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Character", "Front", "ParticleCurve", "ParticleField", "ParticleResult"]


class Character(StrEnum):
    """How a particle reacts."""

    UNIFORM = "uniform"
    """One lithium content, within the errors."""
    CORE_SHELL = "core_shell"
    """From its rim inwards, or outwards."""
    SIDE_ON = "side_on"
    """From one side to the other."""
    MIXED = "mixed"
    """Neither describes it much better than the other."""


@dataclass(frozen=True, slots=True)
class Front:
    """Where x passes from one value to another.

    Attributes
    ----------
    position_um, position_error_um
        Along `direction` from the middle of the particle for a side-on one; below the rim for a core–shell
        one.
    width_um, width_error_um
        From 12 % to 88 % of the way from one side's x to the other's (four scale lengths of a logistic).
    lithium_sides
        x before and behind the front, in the direction of increasing position.
    direction
        Unit vector (y, x) of a side-on front; None for a core–shell one.
    """

    position_um: float
    position_error_um: float
    width_um: float
    width_error_um: float
    lithium_sides: tuple[float, float]
    direction: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ParticleCurve:
    """One particle against time, one point for each cycle of record that it was found in.

    Attributes
    ----------
    cycle, time_s
        Which, and the time its map speaks for, shape (n,).
    lithium, lithium_error
        x of all its material and its standard deviation, shape (n,).
    active, active_error
        Share of its material between the end phases and its standard deviation, shape (n,).
    front_um, front_error_um
        Position of its front and its standard deviation, shape (n,); NaN where there was none.
    """

    cycle: NDArray[np.int64]
    time_s: NDArray[np.float64]
    lithium: NDArray[np.float64]
    lithium_error: NDArray[np.float64]
    active: NDArray[np.float64]
    active_error: NDArray[np.float64]
    front_um: NDArray[np.float64]
    front_error_um: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ParticleResult:
    """One particle in one cycle, and what it did before.

    Attributes
    ----------
    number
        Its lasting number, from 1; never used again.
    pixels
        How many pixels it covers.
    centre_um
        (y, x) of its middle, weighted by the amount of material.
    area_um2
        Of all its pixels.
    lithium, lithium_error
        Of all its material, fitted as one region; NaN where undetermined.
    thickness
        Mean amount of material per pixel, in units of the references.
    histogram
        Share of its material per bin of x, evenly from the least to the most of the phases, shape (bin,).
    active, active_error
        Share of its material that is between the end phases, and its standard deviation.
    rate_per_h, rate_error_per_h
        dx/dt from its last points and its standard deviation; NaN with fewer than two.
    front_um_per_h, front_error_um_per_h
        Velocity of its front, likewise.
    character, front
        How it reacts; None where no front can be told.
    is_cut
        Whether the edge of the field cuts it off.
    curve
        x against time.
    """

    number: int
    pixels: int
    centre_um: tuple[float, float]
    area_um2: float
    lithium: float
    lithium_error: float
    thickness: float
    histogram: NDArray[np.float64]
    active: float
    active_error: float
    rate_per_h: float
    rate_error_per_h: float
    front_um_per_h: float
    front_error_um_per_h: float
    character: Character
    front: Front | None
    is_cut: bool
    curve: ParticleCurve


@dataclass(frozen=True, slots=True)
class ParticleField:
    """The particles of a cycle of record.

    Attributes
    ----------
    cycle
        Which.
    labels
        Lasting number of each pixel's particle, 0 where there is none, shape (ny, nx).
    particles
        In the order of their numbers; those in which x is known somewhere.
    """

    cycle: int
    labels: NDArray[np.int32]
    particles: tuple[ParticleResult, ...]
