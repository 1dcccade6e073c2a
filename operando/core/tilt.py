"""Images of a sample from many sides, fitted side by side: what a tomogram of lithium is made of.

Every side is a fit of its own, and all sides are one reconstruction. How sure a voxel is follows from doing
both again with the noise of the images added once more, that of I0 alike in all sides of an energy, which
share their reference frames: it makes rings. What then changes is the noise of counting, and nothing else;
too few sides, or a sample that reacted or moved, make no scatter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from operando.core.absorption import without_fit_bias
from operando.core.fit import Design, fit
from operando.core.tomography import TiltSeries, Volume, reconstructed
from operando.core.views import View
from operando.types import FloatArray

__all__ = ["Axis", "Sides", "VolumeError", "axis_of", "errors_of", "sides_of"]

_MATERIAL = 0.1
"""Of the usual thickness: thinner pixels are empty, and their noise must not weigh."""
_LEAST_SPAN_DEG = 60.0


@dataclass(frozen=True, slots=True)
class Sides:
    """Maps of every side.

    Attributes
    ----------
    angles_deg
        Shape (angle,).
    thickness, lithium
        As measured, shape (angle, ny, nx); NaN where unknown.
    again
        The same maps with noise added, thickness and lithium, for each repeat.
    """

    angles_deg: FloatArray
    thickness: FloatArray
    lithium: FloatArray
    again: tuple[tuple[FloatArray, FloatArray], ...]

    def series(self, axis_px: float) -> TiltSeries:
        """Return the maps as measured about an axis."""
        return TiltSeries(self.angles_deg, self.thickness, self.lithium, axis_px)


@dataclass(frozen=True, slots=True)
class Axis:
    """Where the sample turned about.

    Attributes
    ----------
    column_px
        Of the axis; the middle of the maps where it cannot be told.
    scatter_px
        How far the centres of mass of the sides lie from where they should (rms); NaN if not told.
    amount_change
        Standard deviation of the amount of host from side to side, as a share: what is more than noise left
        the field.
    """

    column_px: float
    scatter_px: float
    amount_change: float


@dataclass(frozen=True, slots=True)
class VolumeError:
    """Standard deviations of `Volume.density` and `Volume.lithium`, shape (y, z, x); NaN where not told."""

    density: FloatArray
    lithium: FloatArray


def sides_of(
    views: Iterable[View],
    design: Design,
    repeats: int,
    rng: np.random.Generator,
) -> Sides:
    """Return the maps of every side.

    Parameters
    ----------
    views
        The sample from every side.
    design
        The model at these energies.
    repeats
        How often the noise is added again.
    rng
        For that noise.
    """
    angles: list[float] = []
    maps: list[list[tuple[FloatArray, FloatArray]]] = [[] for _ in range(1 + repeats)]
    common: list[FloatArray] = []
    for view in views:
        angles.append(view.angle_deg)
        if not common:
            common = [rng.standard_normal(view.od.shape) for _ in range(repeats)]
        own = np.sqrt(np.maximum(view.variance - view.shared_variance, 0.0))
        shared = np.sqrt(view.shared_variance)
        into, *again = maps
        into.append(_map(view.od, view.variance, design))
        for noisy, alike in zip(again, common, strict=True):
            od = view.od + own * rng.standard_normal(view.od.shape) + shared * alike
            noisy.append(_map(od, view.variance, design))
    stacked = [
        (np.array([thickness for thickness, _ in each]), np.array([lithium for _, lithium in each]))
        for each in maps
    ]
    return Sides(np.array(angles), *stacked[0], again=tuple(stacked[1:]))


def axis_of(thickness: FloatArray, angles_deg: FloatArray) -> Axis:
    """Return the tilt axis from the centres of mass: at angle θ they lie at axis + a cos θ + b sin θ.

    Parameters
    ----------
    thickness
        Amount of host, shape (angle, ny, nx); NaN where unknown. All of it is to be in the field.
    angles_deg
        Shape (angle,).
    """
    host = np.nan_to_num(thickness)
    usual = float(np.percentile(host[host > 0], 90)) if (host > 0).any() else 0.0
    host = np.where(host > _MATERIAL * usual, host, 0.0)
    columns = np.arange(host.shape[2])
    per_column = host.sum(axis=1)
    amount = per_column.sum(axis=1)
    middle = (host.shape[2] - 1) / 2
    if not (amount > 0).all():
        return Axis(middle, float("nan"), float("nan"))
    change = float(amount.std() / amount.mean())
    if np.ptp(angles_deg) < _LEAST_SPAN_DEG or angles_deg.size < 4:
        return Axis(middle, float("nan"), change)
    centre = per_column @ columns / amount
    angle = np.deg2rad(angles_deg)
    model = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1)
    solution, *_ = np.linalg.lstsq(model, centre)
    left = centre - model @ solution
    return Axis(float(solution[0]), float(np.sqrt(np.mean(left**2))), change)


def errors_of(
    sides: Sides, volume: Volume, axis_px: float, tell: Callable[[int], None] = lambda _done: None
) -> VolumeError:
    """Return how far the volume scatters when the noise is added again, pooled over neighbouring voxels.

    Parameters
    ----------
    sides, volume, axis_px
        The maps, and what was reconstructed from them about this axis.
    tell
        Called after each repeat with how many are done.
    """
    density, lithium = np.zeros_like(volume.density), np.zeros_like(volume.density)
    seen = np.zeros_like(volume.density)
    for done, (thickness, content) in enumerate(sides.again, start=1):
        again = reconstructed(TiltSeries(sides.angles_deg, thickness, content, axis_px))
        both = volume.solid & again.solid
        density += (again.density - volume.density) ** 2
        lithium += np.where(both, (again.lithium - volume.lithium) ** 2, 0.0)
        seen += both
        tell(done)
    if not sides.again:
        nothing = np.full_like(density, np.nan)
        return VolumeError(nothing, nothing)
    near = ndimage.uniform_filter(seen, size=3, mode="constant")
    # Sums of neighbours over how many there were; what is left of rounding where there are none is none.
    pooled = ndimage.uniform_filter(lithium, size=3, mode="constant")
    known = volume.solid & (near > 1e-9)
    variance = np.divide(pooled, near, out=np.full_like(pooled, np.nan), where=known)
    smooth = ndimage.uniform_filter(density / len(sides.again), size=3, mode="nearest")
    return VolumeError(np.sqrt(np.maximum(smooth, 0.0)), np.sqrt(np.maximum(variance, 0.0)))


def _map(od: FloatArray, variance: FloatArray, design: Design) -> tuple[FloatArray, FloatArray]:
    """Return thickness and lithium content of one side, shape (ny, nx)."""
    energies, ny, nx = od.shape
    unbiased = without_fit_bias(od, variance, design.matrix.shape[1] / energies)
    found = fit(unbiased.reshape(energies, -1), variance.reshape(energies, -1), design)
    return found.thickness.reshape(ny, nx), found.lithium.reshape(ny, nx)
