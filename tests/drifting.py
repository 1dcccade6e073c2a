"""Simulated cells that drift, fitted with and without registration, against where and what they were."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from moving_front import Series, scanned, settings_of
from operando.core.pipeline import PipelineState, due, record, start, step
from operando.core.track import Registering, RegistrationRule
from operando.types import FloatArray, LithiationMap, Snapshot

__all__ = [
    "COUNTS",
    "DRIFT_NM_PER_MIN",
    "Fitted",
    "Jumped",
    "fitted",
    "jumped_pair",
    "series_with",
    "where_it_was",
]

COUNTS = 2000.0
DRIFT_NM_PER_MIN = (-26.0, 15.0)
"""In x and y: 30 nm/min together."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a run gave.

    Attributes
    ----------
    snapshots
        The last one of each cycle of record.
    rmse
        Of x against the truth at the map's time where the first image saw it, for each cycle, shape (cycle,).
    covered
        Share of pixels within 2 σ, shape (cycle,).
    error_px
        How far off each image was put, shape (cycle, energy).
    state
        Of the pipeline in the end.
    """

    snapshots: list[Snapshot]
    rmse: FloatArray
    covered: FloatArray
    error_px: FloatArray
    state: PipelineState


@dataclass(frozen=True, slots=True)
class Jumped:
    """Two images, the second of another energy and of a field that moved in between.

    Attributes
    ----------
    first, second
        Logarithm of their readings, shape (ny, nx).
    shift_px
        (y, x).
    """

    first: FloatArray
    second: FloatArray
    shift_px: tuple[float, float]


def series_with(
    drift_nm_per_min: tuple[float, float], material: str, rate: float, seed: int, *, pixels: int, cycles: int
) -> Series:
    """Simulate a cell of `moving_front` that drifts, at `COUNTS`."""
    settings = settings_of(material, rate, COUNTS)
    x, y = drift_nm_per_min
    optics = replace(settings.optics, drift_x_nm_per_min=x, drift_y_nm_per_min=y)
    return scanned(replace(settings, optics=optics), seed=seed, pixels=pixels, cycles=cycles)


def where_it_was(series: Series) -> FloatArray:
    """Return where each image lay against the first, (y, x) in pixels, shape (cycle, energy, 2)."""
    optics, grid = series.world.settings.optics, series.plan.grid
    energies, ny, _ = series.plan.stack_shape
    time_s = np.array([line.time_s for line in series.lines]).reshape(-1, energies, ny).mean(axis=2)
    pitch_um = float(grid.x_um[1] - grid.x_um[0])
    per_s = np.array([optics.drift_y_nm_per_min, optics.drift_x_nm_per_min]) / 60e3 / pitch_um
    return np.asarray((time_s - time_s[0, 0])[..., None] * per_s)


def fitted(series: Series, mode: Registering) -> Fitted:
    """Fit a series through the whole engine."""
    state = start(series.plan, series.library, replace(series.recipe, registration=RegistrationRule(mode)))
    records: dict[int, Snapshot] = {}
    for line in series.lines:
        state = step(state, line)
        while cycles := due(state):
            state, records[cycles[0]] = record(state, cycles[0])
    snapshots = [records[cycle] for cycle in sorted(records)]
    maps = [snapshot.map for snapshot in snapshots if snapshot.map is not None]
    off = [_off(map_, _truth(series, map_.time_s)) for map_ in maps]
    moved_px = np.stack([np.nan_to_num(map_.shift_px) for map_ in maps])
    error_px = np.linalg.norm(moved_px - where_it_was(series), axis=-1)
    rmse, covered = np.array(off).T
    return Fitted(snapshots, rmse, covered, error_px, state)


def jumped_pair(seed: int, pattern: float, by_px: tuple[int, int] = (-20, -11)) -> Jumped:
    """Return two images of one cell at two energies, between which the field moved by 20 pixels or more.

    Both have the same pattern that stands still, of so much standard deviation in optical density, as of dirt
    in the beam's way or of the scan: real pairs have, and a comparison of phases locks on it.
    """
    series = series_with((0.0, 0.0), "lixfepo4", 1.0, seed, pixels=64, cycles=1)
    world, axis_um = series.world, series.plan.grid.x_um
    pitch_um = float(axis_um[1] - axis_um[0])
    still = np.random.default_rng(seed).normal(0.0, pattern, (axis_um.size, axis_um.size))
    images: list[FloatArray] = []
    for energy, (y_px, x_px) in ((1, (0, 0)), (2, by_px)):
        world.set_energy(float(series.plan.energies_ev[energy]))
        rows = [
            world.expose_line(axis_um - x_px * pitch_um, float(y - y_px * pitch_um), 1.0) for y in axis_um
        ]
        images.append(still - np.log(np.stack([row.counts for row in rows])))
    return Jumped(images[0], images[1], (float(by_px[0]), float(by_px[1])))


def _truth(series: Series, time_s: float) -> FloatArray:
    """Return x at a time of what was at each pixel when the first image saw its row, shape (ny, nx)."""
    optics, grid = series.world.settings.optics, series.plan.grid
    rows: list[FloatArray] = []
    for row, first in enumerate(series.lines[: grid.y_um.size]):
        since_min = (time_s - first.time_s) / 60e3
        x_um = grid.x_um + optics.drift_x_nm_per_min * since_min
        y_um = grid.y_um[row : row + 1] + optics.drift_y_nm_per_min * since_min
        rows.append(series.world.truth(x_um, y_um, time_s).lithium)
    return np.concatenate(rows)


def _off(map_: LithiationMap, truth: FloatArray) -> tuple[float, float]:
    known = map_.valid & np.isfinite(truth)
    error = (map_.lithium - truth)[known]
    within = np.abs(error) < 2 * map_.lithium_error[known]
    return float(np.sqrt(np.mean(error**2))), float(within.mean())
