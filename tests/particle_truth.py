"""Particles of a simulated cell as they are measured, beside what they really are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from moving_front import Series, truth_of
from operando.core.evolution import Images
from operando.core.particles import Field, Particle, measure
from operando.core.segments import segments
from operando.core.shared_errors import SharedErrors
from operando.types import FloatArray
from seen_cycles import Seen, seen_cycles

__all__ = ["Compared", "compared_particles", "field_of"]

_OLDER_IMAGES = 2
_NEAR_UM = 0.15


@dataclass(frozen=True, slots=True)
class Compared:
    """A particle and the truth.

    Attributes
    ----------
    cycle
        In which it was measured.
    particle
        As measured.
    lithium, active, spread
        True mean x, share of material between the end phases, and standard deviation of x over its pixels.
    is_core_shell
        Whether it reacts from its rim; None where it is not clear which particle this is.
    """

    cycle: int
    particle: Particle
    lithium: float
    active: float
    spread: float
    is_core_shell: bool | None


def field_of(series: Series, seen: Seen) -> Field:
    """Return what the measurement of particles is given."""
    composite = seen.composite
    newest = Images(composite.od, composite.variance, composite.row_time_s)
    return Field(
        series.plan.grid,
        seen.newest,
        (newest, *composite.older),
        composite.shared_variance,
        seen.design,
        SharedErrors(np.zeros(seen.design.phases)),
    )


def compared_particles(series: Series) -> Iterator[Compared]:
    """Yield every particle of every cycle that has the older images an estimator may use."""
    for seen in seen_cycles(series):
        if seen.newest.cycle < _OLDER_IMAGES:
            continue
        labels = segments(seen.newest.thickness, seen.newest.valid)
        truth = truth_of(series, seen.newest.time_s)
        grid = series.plan.grid
        amount = series.world.truth(grid.x_um, grid.y_um, seen.newest.time_s).thickness_um
        for particle in measure(field_of(series, seen), labels):
            pixels = (labels == particle.number) & seen.newest.valid
            x = np.nan_to_num(truth[pixels])
            yield Compared(
                seen.newest.cycle,
                particle,
                float(np.average(x, weights=amount[pixels])),
                float(np.average((x > 0.1) & (x < 0.9), weights=amount[pixels])),
                float(x.std()),
                _character(series, np.array(particle.centre_um)),
            )


def _character(series: Series, centre_um: FloatArray) -> bool | None:
    sample = series.world.sample
    away = [float(np.hypot(*(centre_um - (one.y_um, one.x_um)))) for one in sample.particles]
    nearest = int(np.argmin(away))
    return sample.reactions[nearest].is_core_shell if away[nearest] < _NEAR_UM else None
