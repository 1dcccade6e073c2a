"""What a run said that it would do, and what arrives of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from operando.types.arrays import FloatArray, MaskArray

__all__ = ["Frame", "Light", "Line", "RunClosed", "ScanGrid", "ScanPlan", "SeriesPart"]


@dataclass(frozen=True, slots=True)
class ScanGrid:
    """Where the pixels are.

    Attributes
    ----------
    x_um, y_um
        Pixel centres in µm, shapes (nx,) and (ny,), in the order of columns and rows;
        either may descend.
    """

    x_um: FloatArray
    y_um: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, (ny, nx)."""
        return self.y_um.size, self.x_um.size


class Light(StrEnum):
    """Where the light of a run's images is known from."""

    AS_TOLD = "as told"
    """Blank pixels, a channel or a file, as the recipe says."""
    REFERENCES = "references"
    """Images without the sample, which the run has for each of its energies."""
    AMPLITUDE = "amplitude"
    """Readings are squares of amplitudes, whose scale and noise blank pixels tell."""


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """Which part of a series of several regions a run is; all empty where it is of none.

    Attributes
    ----------
    series
        What all runs of the series have in common.
    region
        The name of the region.
    role
        "series" for one that is visited in every cycle, "control" for one that gets no light between its
        first visit and its last, "dense" for a part of another one that is visited once.
    """

    series: str = ""
    region: str = ""
    role: str = ""

    @property
    def is_control(self) -> bool:
        """Whether it is the control of a series."""
        return bool(self.series) and self.role == "control"

    @property
    def is_exposed(self) -> bool:
        """Whether it is what the control of a series is held against."""
        return bool(self.series) and self.role == "series"


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What a run said in its start document that it would do.

    Attributes
    ----------
    run
        The uid of the run.
    plan_name, sample
        As the start document names them; `sample` may be empty.
    grid
        Where the pixels are.
    energies_ev, dwell_ms
        Shape (energy,), in the order of acquisition within a cycle; dwell is NaN where unknown.
    cycles
        How many times all energies are visited; None where the plan does not say.
    started_s
        Time of the start document.
    is_open
        True while more energies may come: the run did not say beforehand which.
    every
        In which cycles each energy is visited: every one (1), every second (2), …, all of them in the
        first; empty where all are in every cycle.
    part
        Of which series it is a part.
    light
        Where the light of its images is known from, as far as the documents tell.
    """

    run: str
    plan_name: str
    sample: str
    grid: ScanGrid
    energies_ev: FloatArray
    dwell_ms: FloatArray
    cycles: int | None
    started_s: float
    is_open: bool = False
    every: tuple[int, ...] = ()
    part: SeriesPart = SeriesPart()
    light: Light = Light.AS_TOLD

    def visited_in(self, cycle: int) -> tuple[int, ...]:
        """Return which of the energies a cycle visits."""
        every = self.every or (1,) * self.energies_ev.size
        return tuple(energy for energy, step in enumerate(every) if cycle % step == 0)

    def lines_in(self, cycle: int) -> int:
        """Return how many lines a cycle has."""
        return len(self.visited_in(cycle)) * self.grid.shape[0]

    @property
    def lines_planned(self) -> int | None:
        """How many lines the run has; None where it does not say how many cycles."""
        if self.cycles is None:
            return None
        every = self.every or (1,) * self.energies_ev.size
        return self.grid.shape[0] * sum(-(-self.cycles // step) for step in every)

    @property
    def stack_shape(self) -> tuple[int, int, int]:
        """Energies, rows and columns, (energy, ny, nx)."""
        return self.energies_ev.size, *self.grid.shape


@dataclass(frozen=True, slots=True)
class Line:
    """One row of one image: what arrives.

    Attributes
    ----------
    run
        The uid of the run it belongs to.
    cycle, energy, row
        Which image and which row of it; all count from zero.
    counts
        Detector reading per pixel, shape (nx,); NaN where a pixel was not measured.
    i0
        Reading of the incident-beam channel, shape (nx,), or None where there is none.
    time_s
        When the row was finished. Of two deliveries of one row the later one counts.
    ring_current_ma
        Current of the storage ring; NaN where the documents do not say.
    dwell_ms
        Time per pixel, where the line says it itself; NaN where it is that of the plan.
    spread, i0_spread
        Times the gain, they are the variances of `counts` and `i0`, shape (nx,); None where they are the
        readings themselves.
    """

    run: str
    cycle: int
    energy: int
    row: int
    counts: FloatArray
    i0: FloatArray | None
    time_s: float
    ring_current_ma: float = float("nan")
    dwell_ms: float = float("nan")
    spread: FloatArray | None = None
    i0_spread: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class RunClosed:
    """A run ended.

    Attributes
    ----------
    run
        The uid of the run.
    exit_status
        "success", "abort" or "fail", as in the stop document; "incomplete" if none came, "unfinished" if
        the monitor was stopped before, "refused" if the run cannot be fitted.
    reason
        The text that came with it; may be empty.
    """

    run: str
    exit_status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One image, as far as it has arrived.

    Attributes
    ----------
    cycle, energy
        Which image.
    energy_ev
        Its photon energy.
    counts
        Shape (ny, nx), NaN in rows that have not come.
    od
        Optical density, shape (ny, nx); NaN where unknown (rows missing, or no I0 yet).
    row_time_s
        Shape (ny,), NaN in rows that have not come.
    """

    cycle: int
    energy: int
    energy_ev: float
    counts: FloatArray
    od: FloatArray
    row_time_s: FloatArray

    @property
    def rows_seen(self) -> MaskArray:
        """Which rows have come, shape (ny,)."""
        return ~np.isnan(self.row_time_s)
