"""Runs of one image each, put together to a series: which cycle each of them belongs to.

Runs may come in any order. A run goes into the last cycle that had begun when it began, or into the next
one where its energy has been there: an energy that comes again begins a cycle. A run that came so late
that its place is taken, or that its series has ended, does not fit and is named.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from operando.core.energies import SAME_ENERGY_EV
from operando.errors import FrameRejected
from operando.io.frames import grown
from operando.types import FloatArray, RunClosed, ScanPlan

__all__ = ["GRIDS_OF_ONE_ENERGY", "ImageSeries", "SeriesBook"]

GRIDS_OF_ONE_ENERGY = "grid scans of one energy"
"""What they all have for `scan`: fields are scanned by turns, and none ends the series of another."""

_MAX_REMEMBERED = 64
_MAX_FIELDS = 8
_NAMED = 5


@dataclass(slots=True)
class ImageSeries:
    """One stack that grows by runs.

    Attributes
    ----------
    plan
        Of the series; its `run` is the uid of the run that came first. It is open where no run says which
        energies there will be: they are learned in the first cycle.
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

    @property
    def newest_s(self) -> float:
        """When the newest of its images was begun."""
        return max((max(cycle.values()) for cycle in self.cycles), default=self.plan.started_s)

    def learn(self, energy_ev: float, dwell_ms: float) -> int:
        """Return which of its energies this one is, and add it if it is a new one.

        Raises
        ------
        FrameRejected
            It is a new one, and the first cycle is over.
        RunRejected
            The series would be larger than can be held.
        """
        distances_ev = np.abs(self.plan.energies_ev - energy_ev)
        if distances_ev.min() <= SAME_ENERGY_EV:
            return int(np.argmin(distances_ev))
        self.plan = grown(self.plan, energy_ev, dwell_ms)
        return self.plan.energies_ev.size - 1

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
        if cycle and self.plan.is_open:
            # An energy came back, so the first cycle had them all.
            self.plan = replace(self.plan, is_open=False)
        return cycle

    def endings(self) -> list[ScanPlan | RunClosed]:
        """Return how the series ended, what is missing by name; and its plan, if no cycle has closed it."""
        return [*([replace(self.plan, is_open=False)] if self.plan.is_open else []), self._ending()]

    def _ending(self) -> RunClosed:
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

    def ended_by(self, scan: str, started_s: float) -> list[ScanPlan | RunClosed]:
        """Let go of the series of other scans, which a run of this one has ended; return how they ended.

        There is one microscope: where another scan has begun, the last one is over. A run that began before
        a series does not end it.
        """
        return [
            item
            for stack, series in list(self.series.items())
            if series.scan != scan and started_s > series.newest_s
            for item in self._end(stack, started_s)
        ]

    def field_of(self, plan: ScanPlan) -> str:
        """Return the `stack` of images of the field of a plan: the same pixels, less than half of one apart.

        Positions are compared, and not hashed: a relative scan stands where its motors were read to stand.
        """
        for stack, series in self.series.items():
            known = series.plan
            if (
                series.scan == GRIDS_OF_ONE_ENERGY
                and (known.sample, known.plan_name) == (plan.sample, plan.plan_name)
                and _is_same(known.grid.x_um, plan.grid.x_um)
                and _is_same(known.grid.y_um, plan.grid.y_um)
            ):
                return stack
        return plan.run

    def crowded_out(self, started_s: float) -> list[ScanPlan | RunClosed]:
        """Let go of the series that was silent longest, if there are too many; return how it ended."""
        if len(self.series) <= _MAX_FIELDS:
            return []
        return self._end(min(self.series, key=lambda stack: self.series[stack].newest_s), started_s)

    def _end(self, stack: str, ended_s: float) -> list[ScanPlan | RunClosed]:
        self.over[stack] = ended_s
        while len(self.over) > _MAX_REMEMBERED:
            del self.over[next(iter(self.over))]
        return self.series.pop(stack).endings()

    def of(self, stack: str, scan: str, plan: ScanPlan, energy_ev: float) -> ImageSeries:
        """Return the series of an image, which `plan` begins if it is the first.

        Parameters
        ----------
        stack, scan
            As in `ClsImage`.
        plan
            Of the run.
        energy_ev
            Of the image.

        Raises
        ------
        FrameRejected
            The series has ended.
        """
        found = self.series.get(stack)
        if found is not None:
            return found
        if plan.started_s < self.over.get(stack, -np.inf):
            msg = (
                f"an image at {energy_ev:.3f} eV came after another scan had ended its series; it is left out"
            )
            raise FrameRejected(msg)
        self.series[stack] = series = ImageSeries(plan, scan)
        return series

    def note(self, stack: str, trouble: str) -> None:
        """Take note of what happened to a run of a series."""
        series = self.series.get(stack)
        if series is not None and len(series.trouble) < _MAX_REMEMBERED:
            series.trouble.append(trouble)


def _is_same(known_um: FloatArray, other_um: FloatArray) -> bool:
    """Return whether the pixels of two axes are the same ones."""
    if known_um.shape != other_um.shape:
        return False
    pitch_um = np.abs(np.diff(known_um)).min() if known_um.size > 1 else np.inf
    return bool(np.abs(known_um - other_um).max() < max(pitch_um / 2, 1e-9))
