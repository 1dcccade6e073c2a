"""Simulated cycles as the science after the fit sees them: images of one time, the map, and the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from moving_front import Series
from operando.core.composite import Composite, compose
from operando.core.evolution import Images, brought_to_now, directions_of
from operando.core.fit import Background, Design, design_of
from operando.core.pipeline import due, record, start, step
from operando.types import FloatArray, LithiationMap

__all__ = ["Seen", "seen_cycles"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One cycle.

    Attributes
    ----------
    newest
        The map of record.
    od, variance
        Newest images brought to the time of the map, shape (energy, ny, nx).
    composite
        The images as they were taken.
    design
        The model of the images.
    """

    newest: LithiationMap
    od: FloatArray
    variance: FloatArray
    composite: Composite
    design: Design

    @property
    def amounts(self) -> FloatArray:
        """Amounts of the phases, shape (phase, ny, nx)."""
        return self.newest.fraction * self.newest.thickness


def seen_cycles(series: Series) -> Iterator[Seen]:
    """Yield every complete cycle of a series, fitted with the estimator in use."""
    state = start(series.plan, series.library, series.recipe)
    phases = state.phases
    design = design_of(phases.at_energies, phases.lithium, series.plan.energies_ev, Background.NONE)
    directions = directions_of(design)
    assert directions is not None
    for line in series.lines:
        state = step(state, line)
        for cycle in due(state):
            state, snapshot = record(state, cycle)
            composite = compose(state.stack, series.recipe, cycle)
            assert snapshot.map is not None
            now = Images(composite.od, composite.variance, composite.row_time_s)
            evidence = brought_to_now(now, composite.older, directions, design, snapshot.map.time_s)
            energies = len(composite.od)
            yield Seen(snapshot.map, evidence.od[:energies], evidence.variance[:energies], composite, design)
