"""Simulated series whose truth is known, fitted by each estimator: for the closed loop and its table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from operando.core.absorption import Detector
from operando.core.pipeline import due, record, start, step
from operando.core.references import Library, Phase, SpectrumKind
from operando.core.stack import Estimator, Recipe
from operando.types import FloatArray, Line, LithiationMap, ScanGrid, ScanPlan
from operando_sim import (
    Material,
    World,
    WorldSettings,
    demo_settings,
    material_named,
    od_per_um,
    static_settings,
)

__all__ = [
    "FIRST_CYCLE",
    "Score",
    "Series",
    "Weighed",
    "agreement",
    "maps_of",
    "scanned",
    "series_of",
    "settings_of",
    "truth_of",
]

FIRST_CYCLE = 2
"""The first whose map has all the older images that an estimator may use."""

_PIXEL_UM = 0.0625
_FRONT = 0.05
"""A pixel is at a front if x changes by more than this within the cycle."""


@dataclass(frozen=True, slots=True)
class Series:
    """A scan of a simulated cell: its world, plan and lines."""

    world: World
    plan: ScanPlan
    library: Library
    recipe: Recipe
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Score:
    """Squared errors of x and how often σ held, summed over pixels.

    Attributes
    ----------
    pixels
        How many were compared.
    squared, error
        Σ (x - truth)² and Σ (x - truth).
    within
        How many were within 1, 2 and 3 σ, shape (3,).
    """

    pixels: int
    squared: float
    error: float
    within: FloatArray

    def __add__(self, other: Score) -> Score:
        return Score(
            self.pixels + other.pixels,
            self.squared + other.squared,
            self.error + other.error,
            self.within + other.within,
        )

    @property
    def rmse(self) -> float:
        """Of x."""
        return float(np.sqrt(self.squared / self.pixels)) if self.pixels else float("nan")

    @property
    def coverage(self) -> FloatArray:
        """Share within 1, 2 and 3 σ."""
        return self.within / max(self.pixels, 1)


@dataclass(frozen=True, slots=True)
class Weighed:
    """An estimator over all valid pixels, and over those at a front."""

    everywhere: Score
    at_fronts: Score

    def __add__(self, other: Weighed) -> Weighed:
        return Weighed(self.everywhere + other.everywhere, self.at_fronts + other.at_fronts)


def series_of(
    material: str, *, rate: float, seed: int, pixels: int, cycles: int, counts: float = 3000.0
) -> Series:
    """Simulate a series; a cycle takes as long as one of the demonstration, 90 s, whatever its size.

    Parameters
    ----------
    material
        "lixv2o5" or "lixfepo4".
    rate
        Reaction seconds per second; 1 as in the demonstration, 0 for a cell stopped half-way.
    seed
        Of sample and noise.
    pixels
        Columns and rows.
    cycles
        How often all energies are visited.
    counts
        Detector reading without a sample.
    """
    return scanned(settings_of(material, rate, counts), seed=seed, pixels=pixels, cycles=cycles)


def settings_of(material: str, rate: float, counts: float) -> WorldSettings:
    """Return the cell that `series_of` scans."""
    settings = demo_settings() if rate else static_settings()
    reaction = replace(settings.reaction, rate=rate, elapsed_s=600.0) if rate else settings.reaction
    return replace(
        settings,
        sample=replace(settings.sample, material=material),
        reaction=reaction,
        beam=replace(settings.beam, counts_per_ms=counts),
    )


def scanned(settings: WorldSettings, *, seed: int, pixels: int, cycles: int) -> Series:
    """Scan any cell as `series_of` does; field and time of a line are set by the number of pixels."""
    line_ms = 176.0 * 96 / pixels
    settings = replace(
        settings,
        sample=replace(settings.sample, field_um=pixels * _PIXEL_UM),
        timing=replace(settings.timing, line_overhead_ms=line_ms - pixels),
    )
    world = World(settings, seed)
    model = material_named(settings.sample.material)
    axis_um = (np.arange(pixels) - (pixels - 1) / 2) * _PIXEL_UM
    energies_ev = np.array(model.energies_ev)
    grid = ScanGrid(axis_um, axis_um)
    plan = ScanPlan("r", "test", "", grid, energies_ev, np.ones(energies_ev.size), cycles, world.time_s)
    detector = Detector(settings.detector.variance_to_mean, settings.detector.dark_per_ms)
    return Series(world, plan, _library(model), Recipe(detector=detector), list(_lines(world, plan, cycles)))


def maps_of(series: Series, estimator: Estimator) -> list[LithiationMap]:
    """Return the maps of record of the cycles from `FIRST_CYCLE` on."""
    state = start(series.plan, series.library, replace(series.recipe, estimator=estimator))
    maps: list[LithiationMap] = []
    for line in series.lines:
        state = step(state, line)
        for cycle in due(state):
            state, snapshot = record(state, cycle)
            if cycle >= FIRST_CYCLE and snapshot.map is not None:
                maps.append(snapshot.map)
    return maps


def truth_of(series: Series, time_s: float) -> FloatArray:
    """Return x as it really is at a time, shape (ny, nx)."""
    return series.world.truth(series.plan.grid.x_um, series.plan.grid.y_um, time_s).lithium


def agreement(series: Series, maps: list[LithiationMap]) -> Weighed:
    """Compare maps with the truth at the time each one speaks for."""
    total = Weighed(_NOTHING, _NOTHING)
    cycle_s = _cycle_s(series)
    for map_ in maps:
        truth = truth_of(series, map_.time_s)
        change = truth_of(series, map_.time_s + cycle_s / 2) - truth_of(series, map_.time_s - cycle_s / 2)
        known = map_.valid & np.isfinite(truth)
        fronts = known & (np.abs(change) > _FRONT)
        total += Weighed(_score(map_, truth, known), _score(map_, truth, fronts))
    return total


_NOTHING = Score(0, 0.0, 0.0, np.zeros(3))


def _score(map_: LithiationMap, truth: FloatArray, where: FloatArray) -> Score:
    error = (map_.lithium - truth)[where]
    ratio = np.abs(error) / map_.lithium_error[where]
    within = np.array([float((ratio < sigmas).sum()) for sigmas in (1, 2, 3)])
    return Score(error.size, float((error**2).sum()), float(error.sum()), within)


def _cycle_s(series: Series) -> float:
    first, last = series.lines[0].time_s, series.lines[-1].time_s
    return (last - first) / (series.lines[-1].cycle + 1)


def _lines(world: World, plan: ScanPlan, cycles: int) -> Iterator[Line]:
    x_um, y_um = plan.grid.x_um, plan.grid.y_um
    for cycle in range(cycles):
        for energy, energy_ev in enumerate(plan.energies_ev):
            world.set_energy(float(energy_ev))
            world.move_stage(float(x_um[0]), float(y_um[0]))
            for row in range(y_um.size):
                exposure = world.expose_line(x_um, float(y_um[row]), 1.0)
                yield Line(plan.run, cycle, energy, row, exposure.counts, None, world.time_s)


def _library(material: Material) -> Library:
    low, high = material.range_ev
    energy_ev = np.arange(low, high, 0.05)
    return Library(
        material.element,
        material.edge,
        material.formula,
        tuple(
            Phase(
                name=phase.name,
                lithium=phase.lithium,
                energy_ev=energy_ev,
                value=0.1 * od_per_um(phase, energy_ev),
                origin="simulator",
                source="simulator",
                licence="",
                is_model=True,
            )
            for phase in material.phases
        ),
        SpectrumKind.OPTICAL_DENSITY,
    )
