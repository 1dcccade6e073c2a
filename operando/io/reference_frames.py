"""The reference frames of a run, and the lines that they are the light of.

Images without the sample come in a stream of their own, with their energy, and so do dark ones; before the
images of the sample, after them, or both. Lines are given at once with what is known, and again, with the
same time, when reference frames have come that say more; the later delivery counts. Frames of one energy
that follow each other, with no other event between them, are averaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from operando.core.absorption import Detector, below_ceiling
from operando.core.energies import SAME_ENERGY_EV
from operando.core.flats import Group, RawReadings, lit_readings, mean_of, with_more
from operando.core.stack import HISTORY_CYCLES
from operando.errors import FrameRejected
from operando.types import FloatArray, Line, ScanPlan

__all__ = ["Images", "References"]

_KEPT_GROUPS = 2 * HISTORY_CYCLES
"""Of an energy: as far back as lines are held, if there are two in a cycle."""
_SAME_DWELL = 0.01


@dataclass(frozen=True, slots=True)
class Images:
    """What one event of reference frames holds.

    Attributes
    ----------
    readings
        Shape (n, ny, nx).
    time_s, dwell_ms, ring_current_ma
        When, for how long each and in what beam; NaN where the event does not say, but for the time.
    """

    readings: FloatArray
    time_s: float
    dwell_ms: float
    ring_current_ma: float


@dataclass(slots=True)
class References:
    """What is known of the light of one run.

    Attributes
    ----------
    detector
        Ceiling of raw readings, and the dark level where no dark frames come.
    """

    detector: Detector
    _darks: list[Group] = field(default_factory=list[Group])
    _flats: dict[float, list[Group]] = field(default_factory=dict[float, list[Group]])
    _held: dict[tuple[int, int, int], Line] = field(default_factory=dict[tuple[int, int, int], Line])
    _growing_ev: float | None = None
    _has_new_dark: bool = False
    _newest_cycle: int = -1

    @property
    def has_flats(self) -> bool:
        """Whether any image without the sample has come; dark ones alone are no light."""
        return bool(self._flats)

    def dark(self, images: Images) -> None:
        """Take note of images without light; the level of an exposure is the mean of all of them."""
        own = self._group(images)
        for place, group in enumerate(self._darks):
            if _is_alike(group.dwell_ms, own.dwell_ms):
                _check_shapes(group, own)
                self._darks[place] = with_more(group, own)
                break
        else:
            self._darks.append(own)
        self._has_new_dark = True

    def flat(self, images: Images, energy_ev: float) -> None:
        """Take note of images without the sample."""
        own, known_ev = self._group(images), self._known_ev(energy_ev)
        groups = self._flats.setdefault(known_ev, [])
        if groups:
            _check_shapes(groups[-1], own)
        is_more = groups and self._growing_ev == known_ev and _is_alike(groups[-1].dwell_ms, own.dwell_ms)
        if is_more:
            groups[-1] = with_more(groups[-1], own)
        else:
            groups.append(own)
            groups.sort(key=lambda group: group.time_s)
            del groups[:-_KEPT_GROUPS]
        self._growing_ev = known_ev

    def ends_group(self, energy_ev: float) -> bool:
        """Return whether images of this energy end a group of another one that grows."""
        return self._growing_ev is not None and self._known_ev(energy_ev) != self._growing_ev

    def settle(self, plan: ScanPlan | None) -> Iterator[Line]:
        """Yield again the lines that the newest reference frames say more of: their group is complete.

        `plan` is that of the run, None before its first image.
        """
        growing_ev, self._growing_ev = self._growing_ev, None
        has_new_dark, self._has_new_dark = self._has_new_dark, False
        if plan is None or not self._flats or (growing_ev is None and not has_new_dark):
            return
        for line in self._held.values():
            known_ev = self._known_ev(float(plan.energies_ev[line.energy]))
            if has_new_dark or (known_ev == growing_ev and line.time_s >= self._since_s(known_ev)):
                yield self._lit(line, plan)

    def take(self, line: Line, plan: ScanPlan) -> Line:
        """Return a line with the light that is known of it, and hold it in case that more comes.

        Raises
        ------
        FrameRejected
            The reference frames have other pixels than the images.
        """
        lit = self._lit(line, plan) if self._flats else line
        known = self._newest_cycle
        if known >= 0 and abs(line.cycle - known) > HISTORY_CYCLES:
            return (
                lit  # it is not taken for the stack either, and a damaged number must not empty what is held
            )
        if line.cycle > known:
            self._newest_cycle = line.cycle
            # While it is not known that there are any, no more than a cycle waits for them.
            oldest = line.cycle - (HISTORY_CYCLES if self._flats else 1)
            self._held = {key: held for key, held in self._held.items() if key[0] > oldest}
        self._held[line.cycle, line.energy, line.row] = line
        return lit

    def _group(self, images: Images) -> Group:
        readings = below_ceiling(images.readings, self.detector)
        return mean_of(readings, images.time_s, images.dwell_ms, images.ring_current_ma)

    def _known_ev(self, energy_ev: float) -> float:
        """Return the energy under which flat groups of this one stand."""
        near = min(self._flats, key=lambda known: abs(known - energy_ev), default=energy_ev)
        return near if abs(near - energy_ev) <= SAME_ENERGY_EV else energy_ev

    def _since_s(self, known_ev: float) -> float:
        """Return the time since when lines may have light from the newest group: that of the one before."""
        groups = self._flats[known_ev]
        return groups[-2].time_s if len(groups) > 1 else -np.inf

    def _lit(self, line: Line, plan: ScanPlan) -> Line:
        groups = self._flats.get(self._known_ev(float(plan.energies_ev[line.energy])), [])
        before = [group for group in groups if group.time_s <= line.time_s]
        after = [group for group in groups if group.time_s > line.time_s]
        around = before[-1] if before else None, after[0] if after else None
        dwell_ms = line.dwell_ms if line.dwell_ms > 0 else float(plan.dwell_ms[line.energy])
        dark = self._dark_of(dwell_ms)
        for group in (*around, dark):
            if isinstance(group, Group) and group.mean.shape != plan.grid.shape:
                msg = (
                    f"reference frames have the shape {group.mean.shape} and images {plan.grid.shape}; take "
                    "both with the same region and binning"
                )
                raise FrameRejected(msg)
        raw = below_ceiling(line.counts, self.detector)
        frame = RawReadings(raw, line.row, line.time_s, dwell_ms, line.ring_current_ma)
        lit = lit_readings(frame, around, dark)
        return replace(line, counts=lit.counts, spread=lit.spread, i0=lit.i0, i0_spread=lit.i0_spread)

    def _dark_of(self, dwell_ms: float) -> Group | float:
        """Return the dark images of an exposure, or of that which is nearest to it."""
        if not self._darks:
            return self.detector.dark_counts
        return min(self._darks, key=lambda group: np.nan_to_num(abs(group.dwell_ms - dwell_ms)))


def _is_alike(one_ms: float, other_ms: float) -> bool:
    """Return whether two exposures are the same; those that nobody knows are."""
    return not abs(one_ms - other_ms) > _SAME_DWELL * max(one_ms, other_ms)


def _check_shapes(group: Group, more: Group) -> None:
    if group.mean.shape != more.mean.shape:
        msg = (
            f"a reference frame has the shape {more.mean.shape}; those before have {group.mean.shape}: "
            "take all with the same region and binning"
        )
        raise FrameRejected(msg)
