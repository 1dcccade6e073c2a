"""The cycles of record that can be looked at again: immutable, and bounded in memory.

Pixels without a lithium content are not kept but for their optical density; all is in single
precision. When the budget is used up, the cycle whose neighbours are closest together goes, so that
the whole run stays in view, ever more coarsely. The curves are no part of this: they lose nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.types import Curve, FloatArray, LithiationMap, RegionResult, Snapshot
from operando.view.bands import Band, Rows, bands_of

__all__ = ["History", "HistoryBook", "Moment", "moment_of"]

_BUDGET_BYTES = 256 * 2**20
"""500 cycles of 96 × 96 pixels, 5 energies and 2 phases, of which a quarter has material; 17 of 512 × 512."""
_NEWEST_KEPT = 4
"""The newest cycles stay: what was just seen is what one goes back to."""
_USUAL_FROM = 8
"""Cycles that say what is usual where bands are looked for."""

_NO_CURVE = Curve(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
_PIXELWISE = tuple(
    name
    for name in (entry.name for entry in fields(LithiationMap))
    if name not in {"cycle", "time_s", "frame_age_s", "is_provisional", "reason", "energies_used"}
    and not name.startswith("shift_")
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One cycle of record, packed.

    Attributes
    ----------
    cycle, time_s
        Which, and the time its map speaks for.
    rows
        When its rows were taken, I0 and ring current.
    """

    cycle: int
    time_s: float
    rows: Rows
    _map: LithiationMap
    _valid: NDArray[np.bool_]
    _od: NDArray[np.float32]
    _od_error: NDArray[np.float32]
    _blank: NDArray[np.uint8]
    _regions: tuple[RegionResult, ...]

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        arrays: list[Any] = [getattr(self._map, name) for name in (*_PIXELWISE, "reason", "energies_used")]
        own = (self._valid, self._od, self._od_error, self._blank, self.rows.time_s)
        return sum(array.nbytes for array in (*arrays, *own))

    def lithium(self) -> FloatArray:
        """Return the lithium content, shape (ny, nx)."""
        return self._whole(self._map.lithium)

    def snapshot(self, live: Snapshot) -> Snapshot:
        """Return what the screen shows of this cycle, with the run as it stands in `live`."""
        whole = {name: self._whole(getattr(self._map, name)) for name in _PIXELWISE}
        time_s = self.rows.time_s
        past = replace(
            live.progress,
            cycle=self.cycle,
            energy=len(time_s),
            last_line_s=float(np.nanmax(time_s)) if np.isfinite(time_s).any() else self.time_s,
        )
        curves = {result.region.polygon_um: result.curve for result in live.regions}
        return replace(
            live,
            progress=past,
            map=replace(self._map, **whole),
            frame=None,
            od=self._od.astype(np.float64),
            od_error=self._od_error.astype(np.float64),
            row_time_s=time_s,
            i0=self.rows.i0,
            blank=np.unpackbits(self._blank, count=self._valid.size).reshape(self._valid.shape).astype(bool),
            regions=tuple(
                replace(result, curve=curves.get(result.region.polygon_um, _NO_CURVE))
                for result in self._regions
            ),
            ring_current_ma=self.rows.ring_current_ma,
        )

    def _whole(self, packed: NDArray[Any]) -> FloatArray:
        values = np.full((*packed.shape[:-1], *self._valid.shape), np.nan)
        values[..., self._valid] = packed
        return values


def moment_of(snapshot: Snapshot) -> Moment | None:
    """Pack a snapshot of record; None where it has no map."""
    fitted = snapshot.map
    if fitted is None:
        return None
    valid = fitted.valid
    packed = {name: getattr(fitted, name)[..., valid].astype(np.float32) for name in _PIXELWISE}
    return Moment(
        cycle=fitted.cycle,
        time_s=fitted.time_s,
        rows=Rows(snapshot.row_time_s, snapshot.i0, snapshot.ring_current_ma),
        _map=replace(fitted, **packed),
        _valid=valid,
        _od=snapshot.od.astype(np.float32),
        _od_error=snapshot.od_error.astype(np.float32),
        _blank=np.packbits(snapshot.blank),
        # Their curves grow with every cycle and are those of the live snapshot anyway.
        _regions=tuple(replace(result, curve=_NO_CURVE) for result in snapshot.regions),
    )


@dataclass(frozen=True, slots=True)
class History:
    """The cycles of record of one run.

    Attributes
    ----------
    run
        Its uid; empty before the first.
    moments
        The cycles kept, ascending.
    recorded
        How many there have been.
    bands_by_cycle
        Pauses and losses of every cycle so far, kept or not.
    budget_bytes
        Memory for the moments; the first and the newest stay in any case.
    """

    run: str = ""
    moments: tuple[Moment, ...] = ()
    recorded: frozenset[int] = frozenset()
    bands_by_cycle: tuple[tuple[int, tuple[Band, ...]], ...] = ()
    budget_bytes: int = _BUDGET_BYTES

    @property
    def bands(self) -> tuple[Band, ...]:
        """All bands, by cycle."""
        return tuple(band for _, bands in self.bands_by_cycle for band in bands)

    @property
    def is_thinned(self) -> bool:
        """Whether cycles are no longer kept."""
        return len(self.moments) < len(self.recorded)

    def including(self, snapshot: Snapshot) -> History:
        """Return the history with a cycle of record, which replaces an earlier record of that cycle."""
        moment = moment_of(snapshot)
        if moment is None:
            return self
        start = self if snapshot.plan.run == self.run and self._fits(moment) else self._begun(snapshot)
        others = [other for other in start.moments if other.cycle != moment.cycle]
        usual = [other.rows for other in others if other.cycle < moment.cycle][-_USUAL_FROM:]
        bands = dict(start.bands_by_cycle)
        bands[moment.cycle] = bands_of(moment.rows, usual)
        return replace(
            start,
            moments=_thinned(sorted([*others, moment], key=_cycle_of), self.budget_bytes),
            recorded=start.recorded | {moment.cycle},
            bands_by_cycle=tuple(sorted(bands.items())),
        )

    def at(self, cycle: int) -> Moment | None:
        """Return a cycle, if it is kept."""
        return next((moment for moment in self.moments if moment.cycle == cycle), None)

    def before(self, cycle: int) -> Moment | None:
        """Return the newest cycle kept that is older."""
        return next((moment for moment in reversed(self.moments) if moment.cycle < cycle), None)

    def after(self, cycle: int) -> Moment | None:
        """Return the oldest cycle kept that is newer."""
        return next((moment for moment in self.moments if moment.cycle > cycle), None)

    def _fits(self, moment: Moment) -> bool:
        # An open-ended run that learns of another energy begins anew.
        return not self.moments or self.moments[-1].rows.time_s.shape == moment.rows.time_s.shape

    def _begun(self, snapshot: Snapshot) -> History:
        return History(run=snapshot.plan.run, budget_bytes=self.budget_bytes)


def _cycle_of(moment: Moment) -> int:
    return moment.cycle


def _thinned(moments: list[Moment], budget_bytes: int) -> tuple[Moment, ...]:
    """Return what the budget holds: the moment whose neighbours are closest goes first."""
    kept = list(moments)
    while sum(moment.nbytes for moment in kept) > budget_bytes and len(kept) > 1 + _NEWEST_KEPT:
        spans = [kept[i + 1].time_s - kept[i - 1].time_s for i in range(1, len(kept) - _NEWEST_KEPT)]
        del kept[1 + int(np.argmin(spans))]
    return tuple(kept)


class HistoryBook:
    """Holds the newest history: written by the thread that records, read by the one that draws."""

    def __init__(self, budget_bytes: int = _BUDGET_BYTES) -> None:
        self._history = History(budget_bytes=budget_bytes)

    def note(self, snapshot: Snapshot) -> None:
        """Take a snapshot of record; replaces the history rather than changing it."""
        self._history = self._history.including(snapshot)

    def read(self) -> History:
        """Return the newest."""
        return self._history
