"""Particles in three dimensions, and how much of each phase a ray meets when the sample is tilted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from operando_sim.reaction import phase_fractions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Grain", "amounts_along_rays", "composition_at", "make_grains"]


@dataclass(frozen=True, slots=True)
class Grain:
    """An ellipsoid with fronts in it, as they were when the cell was stopped.

    Attributes
    ----------
    centre_um, half_axes_um
        (x, y, z).
    direction
        Unit vector (x, y, z) along which fronts go; None from the rim inwards.
    front_um
        How far the two fronts came, from the side or from the rim.
    width_um
        Of each front.
    """

    centre_um: tuple[float, float, float]
    half_axes_um: tuple[float, float, float]
    direction: tuple[float, float, float] | None
    front_um: tuple[float, float]
    width_um: float


def make_grains(rng: np.random.Generator) -> tuple[Grain, ...]:
    """Return three grains beside each other within a cylinder of 1 µm radius about y, half reacted."""
    grains: list[Grain] = []
    for turn, height_um in ((0.0, 0.25), (2.1, 0.0), (4.2, -0.25)):
        half = rng.uniform(0.25, 0.4, 3)
        angle = turn + rng.uniform(-0.2, 0.2)
        direction = rng.standard_normal(3)
        direction /= np.linalg.norm(direction)
        is_core_shell = len(grains) == 1
        path = float(half.min()) if is_core_shell else 2 * float(np.linalg.norm(direction * half))
        first = path * rng.uniform(0.6, 0.9)
        grains.append(
            Grain(
                centre_um=(float(0.5 * np.cos(angle)), height_um, float(0.5 * np.sin(angle))),
                half_axes_um=(float(half[0]), float(half[1]), float(half[2])),
                direction=None
                if is_core_shell
                else (float(direction[0]), float(direction[1]), float(direction[2])),
                front_um=(float(first), float(first * rng.uniform(0.3, 0.6))),
                width_um=float(rng.uniform(0.1, 0.2)),
            )
        )
    return tuple(grains)


def composition_at(
    grains: tuple[Grain, ...], x_um: NDArray[np.float64], y_um: NDArray[np.float64], z_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the share of each of three phases at points, shape (3, ...); all 0 where there is no grain.

    Parameters
    ----------
    grains
        They do not overlap.
    x_um, y_um, z_um
        Points; they broadcast.
    """
    shape = np.broadcast_shapes(x_um.shape, y_um.shape, z_um.shape)
    share = np.zeros((3, *shape))
    for grain in grains:
        away = [at - middle for at, middle in zip((x_um, y_um, z_um), grain.centre_um, strict=True)]
        r = np.sqrt(sum((one / half) ** 2 for one, half in zip(away, grain.half_axes_um, strict=True)))
        if grain.direction is None:
            way = (1.0 - r) * min(grain.half_axes_um)
        else:
            reach = np.linalg.norm(np.array(grain.direction) * grain.half_axes_um)
            way = sum(one * part for one, part in zip(away, grain.direction, strict=True)) + reach
        way = np.broadcast_to(np.asarray(way, dtype=np.float64), shape)
        # A front that came to `front_um` is at the time front_um for one that moves at 1 µm/s.
        arrival = np.stack([way + grain.front_um[0] - front for front in grain.front_um])
        fractions = phase_fractions(
            grain.front_um[0], arrival, np.full((2, *(1,) * len(shape)), grain.width_um)
        )
        share = np.where(np.broadcast_to(r < 1.0, shape), fractions, share)
    return share


def amounts_along_rays(
    grains: tuple[Grain, ...],
    tilt_deg: float,
    s_um: NDArray[np.float64],
    y_um: NDArray[np.float64],
    *,
    reach_um: float = 1.2,
    steps: int = 241,
) -> NDArray[np.float64]:
    """Return how much of each phase rays meet, in µm, shape (3, ny, ns).

    Parameters
    ----------
    grains
        The sample.
    tilt_deg
        About y: a ray is the line x cos θ + z sin θ = s.
    s_um, y_um
        Pixel centres, shapes (ns,) and (ny,).
    reach_um
        How far from the axis a ray is followed on both sides.
    steps
        Points on it.
    """
    angle = np.deg2rad(tilt_deg)
    along = np.linspace(-reach_um, reach_um, steps)
    s, depth = s_um[None, :, None], along[None, None, :]
    x = s * np.cos(angle) - depth * np.sin(angle)
    z = s * np.sin(angle) + depth * np.cos(angle)
    share = composition_at(grains, x, y_um[:, None, None], z)
    return share.sum(axis=-1) * (along[1] - along[0])
