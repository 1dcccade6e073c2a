"""Runs of one image each, put together to a series: which cycle each of them belongs to.

Runs may come in any order. A run goes into the last cycle that had begun when it began, or into the next
one where its energy has been there: an energy that comes again begins a cycle. A run that came so late
that its place is taken, or that its series has ended, does not fit and is named.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from operando.errors import FrameRejected
from operando.io.cls_run import ClsImage
from operando.types import RunClosed, ScanPlan

__all__ = ["ImageSeries", "SeriesBook"]

_MAX_REMEMBERED = 64
_NAMED = 5


@dataclass(slots=True)
class ImageSeries:
    """One stack that grows by runs.

    Attributes
    ----------
    plan
        Of the series; its `run` is the uid of the run that came first.
    scan
        As in `ClsImage`.
    cycles
        For each cycle, when the image of each energy was begun.
    trouble
        What its runs said that did not end well.
    """

    plan: ScanPlan
    scan: str
    cycles: list[dict[int, float]] = field(default_factory=list[dict[int, float]])
    trouble: list[str] = field(default_factory=list[str])

    def place(self, energy: int, started_s: float) -> int:
        """Return the cycle of an image, and take note of it.

        Raises
        ------
        FrameRejected
            Its place is taken.
        """
        begun = [number for number, cycle in enumerate(self.cycles) if min(cycle.values()) <= started_s]
        cycle = begun[-1] if begun else 0
        if cycle < len(self.cycles) and energy in self.cycles[cycle]:
            # An image that was begun before the one of its energy belongs to none of the later cycles.
            is_earlier = started_s < self.cycles[cycle][energy]
            cycle += 1
            if is_earlier or (cycle < len(self.cycles) and energy in self.cycles[cycle]):
                energy_ev = self.plan.energies_ev[energy]
                msg = (
                    f"an image at {energy_ev:.3f} eV came late: cycle {cycle} of its series has another one "
                    "at this energy already; it is left out"
                )
                raise FrameRejected(msg)
        if cycle == len(self.cycles):
            self.cycles.append({})
        self.cycles[cycle][energy] = started_s
        return cycle

    def ending(self) -> RunClosed:
        """Return how the series ended: what is missing is named."""
        said = list(self.trouble)
        for number, cycle in enumerate(self.cycles):
            missing = [ev for energy, ev in enumerate(self.plan.energies_ev.tolist()) if energy not in cycle]
            if missing:
                named = ", ".join(f"{ev:.3f}" for ev in missing[:_NAMED])
                more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
                said.append(f"cycle {number} has no image at {named}{more} eV")
        reason = "; ".join(said[:_NAMED])
        return RunClosed(self.plan.run, "incomplete" if said else "success", reason)


@dataclass(slots=True)
class SeriesBook:
    """All series that are open, and when those that are over ended.

    Attributes
    ----------
    series
        By what `ClsImage.stack` says.
    over
        When the run that ended each of them began.
    """

    series: dict[str, ImageSeries] = field(default_factory=dict[str, ImageSeries])
    over: dict[str, float] = field(default_factory=dict[str, float])

    def ended_by(self, scan: str, started_s: float) -> list[RunClosed]:
        """Let go of the series of other scans, which a run of this one has ended; return how they ended.

        There is one microscope: where another scan has begun, the last one is over. A run that began before
        a series does not end it.
        """
        endings: list[RunClosed] = []
        for stack, series in list(self.series.items()):
            newest_s = max((max(cycle.values()) for cycle in series.cycles), default=series.plan.started_s)
            if series.scan != scan and started_s > newest_s:
                endings.append(series.ending())
                del self.series[stack]
                self.over[stack] = started_s
        while len(self.over) > _MAX_REMEMBERED:
            del self.over[next(iter(self.over))]
        return endings

    def of(self, image: ClsImage, plan: ScanPlan) -> ImageSeries:
        """Return the series of an image, which `plan` begins if it is the first.

        Raises
        ------
        FrameRejected
            The series has ended.
        """
        found = self.series.get(image.stack)
        if found is not None:
            return found
        if plan.started_s < self.over.get(image.stack, -np.inf):
            msg = (
                f"an image at {plan.energies_ev[image.energy]:.3f} eV came after another scan had ended its "
                "series; it is left out"
            )
            raise FrameRejected(msg)
        self.series[image.stack] = series = ImageSeries(plan, image.scan)
        return series

    def note(self, image: ClsImage, trouble: str) -> None:
        """Take note of what happened to a run of a series."""
        series = self.series.get(image.stack)
        if series is not None and len(series.trouble) < _MAX_REMEMBERED:
            series.trouble.append(trouble)
