"""The mean x of a simulated field and of regions drawn in it, as recorded, beside what it really is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moving_front import FIRST_CYCLE, Series
from operando.core.pipeline import due, mark, record, start, step
from operando.regions import Marks, Outline, Region, covered

__all__ = ["Mean", "compared_means", "corners_of"]


@dataclass(frozen=True, slots=True)
class Mean:
    """One point of a curve and the truth.

    Attributes
    ----------
    cycle
        Of record.
    lithium, lithium_error
        As recorded.
    truth
        x of the material of the same pixels at the time the map speaks for.
    """

    cycle: int
    lithium: float
    lithium_error: float
    truth: float

    @property
    def error(self) -> float:
        """How much too high it is."""
        return self.lithium - self.truth

    @property
    def pull(self) -> float:
        """The error in units of the stated one."""
        return self.error / self.lithium_error


def corners_of(series: Series) -> tuple[Region, ...]:
    """Return four regions that hold a quarter of the field each."""
    grid = series.plan.grid
    far_x, far_y = 1.1 * float(np.abs(grid.x_um).max()), 1.1 * float(np.abs(grid.y_um).max())
    return tuple(
        Region(f"{x} {y}", Outline.RECTANGLE, ((0.0, 0.0), (x * far_x, y * far_y)))
        for x in (-1, 1)
        for y in (-1, 1)
    )


def compared_means(
    series: Series, regions: Sequence[Region] = (), first_cycle: int = FIRST_CYCLE
) -> Iterator[tuple[Mean, ...]]:
    """Yield the means of every cycle of record from one on: that of the field, and those of the regions."""
    state = mark(start(series.plan, series.library, series.recipe), Marks(tuple(regions)))
    grid = series.plan.grid
    covers = [np.ones(grid.shape, np.bool_), *(covered(region, grid.x_um, grid.y_um) for region in regions)]
    for line in series.lines:
        state = step(state, line)
        for cycle in due(state):
            state, snapshot = record(state, cycle)
            if cycle < first_cycle or snapshot.map is None:
                continue
            real = series.world.truth(grid.x_um, grid.y_um, snapshot.map.time_s)
            x = np.nan_to_num(real.lithium)
            curves = (snapshot.curve, *(region.curve for region in snapshot.regions))
            yield tuple(
                Mean(
                    cycle,
                    float(curve.lithium[-1]),
                    float(curve.lithium_error[-1]),
                    float(np.average(x[inside], weights=real.thickness_um[inside])),
                )
                for curve, inside in zip(
                    curves, (snapshot.map.valid & cover for cover in covers), strict=True
                )
            )
