"""Where each phase is at a time: two fronts cross each particle, one for each phase transformation.

A front is described by what an observer at a place would note: when it arrives there and how
long it takes to pass. So the phases are an analytic function of time, place by place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from operando_sim.particles import own_coordinates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from operando_sim.particles import Particle
    from operando_sim.settings import ReactionSettings

__all__ = ["ParticleReaction", "arrival_s", "make_reactions", "passing_s", "phase_fractions"]


@dataclass(frozen=True, slots=True)
class ParticleReaction:
    """How one particle reacts; times are reaction time in seconds.

    Attributes
    ----------
    is_core_shell
        True: from the rim inwards. False: from one side to the other.
    direction_rad
        Where a side-on front comes from, in the particle's own frame.
    start_s
        When each of the two fronts enters, shape (2,).
    velocity_um_per_s
        How fast each moves.
    front_um
        How wide each is.
    """

    is_core_shell: bool
    direction_rad: float
    start_s: tuple[float, float]
    velocity_um_per_s: tuple[float, float]
    front_um: tuple[float, float]


def make_reactions(
    particles: tuple[Particle, ...], settings: ReactionSettings, rng: np.random.Generator
) -> tuple[ParticleReaction, ...]:
    """Return a start, a direction and velocities of its own for each particle."""
    reactions: list[ParticleReaction] = []
    for particle in particles:
        is_core_shell = bool(rng.random() < settings.core_shell)
        direction = float(rng.uniform(0.0, 2.0 * np.pi))
        path = _path_um(particle, is_core_shell, direction)
        shortest, longest = settings.crossing_s
        crossing = shortest * (longest / shortest) ** rng.random(2)
        front = rng.uniform(*settings.front_um, 2)
        start = settings.start_spread_s * rng.random()
        # The second transformation sets out while the first is still under way, so that three phases coexist.
        second = start + crossing[0] * rng.uniform(0.35, 0.9)
        velocity = (path + front) / crossing
        reactions.append(
            ParticleReaction(
                is_core_shell=is_core_shell,
                direction_rad=direction,
                start_s=(float(start), float(second)),
                velocity_um_per_s=(float(velocity[0]), float(velocity[1])),
                front_um=(float(front[0]), float(front[1])),
            )
        )
    return tuple(reactions)


def arrival_s(
    particle: Particle, reaction: ParticleReaction, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return when the two fronts begin to pass points given in µm, shape (2, ...), reaction seconds."""
    u, v, r = own_coordinates(particle, x_um, y_um)
    if reaction.is_core_shell:
        way = (1.0 - r) * particle.half_width_um
    else:
        cos, sin = np.cos(reaction.direction_rad), np.sin(reaction.direction_rad)
        way = u * particle.half_length_um * cos + v * particle.half_width_um * sin
        way = way + 0.5 * _path_um(particle, reaction.is_core_shell, reaction.direction_rad)
    way = np.clip(way, 0.0, None)
    return np.stack(
        [s + way / velocity for s, velocity in zip(reaction.start_s, reaction.velocity_um_per_s, strict=True)]
    )


def passing_s(reaction: ParticleReaction) -> tuple[float, float]:
    """Return how long each of the two fronts takes to pass a point, in seconds."""
    first, second = (w / v for w, v in zip(reaction.front_um, reaction.velocity_um_per_s, strict=True))
    return first, second


def phase_fractions(
    time_s: NDArray[np.float64] | float,
    arrival_s: NDArray[np.float64],
    passing_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the fractions of the three phases.

    The second front changes only what the first has changed already, so each fraction is
    in 0..1 and they sum to 1 by construction, and lithium never goes back while time goes on.

    Parameters
    ----------
    time_s
        Reaction time in seconds, scalar or shape (...).
    arrival_s, passing_s
        Of the two fronts, shape (2, ...).

    Returns
    -------
    ndarray
        Shape (3, ...).
    """
    u = np.clip((time_s - arrival_s) / passing_s, 0.0, 1.0)
    passed = u * u * (3.0 - 2.0 * u)
    first, second = passed[0], passed[1]
    return np.stack([1.0 - first, first * (1.0 - second), first * second])


def _path_um(particle: Particle, is_core_shell: bool, direction_rad: float) -> float:
    if is_core_shell:
        return particle.half_width_um
    along = particle.half_length_um * np.cos(direction_rad)
    across = particle.half_width_um * np.sin(direction_rad)
    # Width of the outline seen from that side, taken as an ellipse: corners react a little late.
    return 2.0 * float(np.hypot(along, across))
