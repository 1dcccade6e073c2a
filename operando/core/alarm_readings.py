"""What each alarm reads from a snapshot, in the unit of its limit and in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from operando.core.alarms import AlarmRule, Reading, Watched
from operando.types import Finding, Severity, Snapshot

__all__ = ["ALARM_CODE", "readings_of"]

ALARM_CODE = "alarm"
"""Code of the finding that an alarm could not be passed on, which is no cause for another."""

_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ALARM: 2}
_NOT_ENDED = frozenset({"unfinished", "refused"})
"""How a run is closed that goes on without the monitor, or was never fitted."""


def readings_of(rule: AlarmRule, snapshot: Snapshot, age_s: float) -> tuple[Reading, ...]:
    """Return what a rule finds in a snapshot that came `age_s` ago; of findings, any number."""
    run = snapshot.plan.run
    match rule.watched:
        case Watched.FINDING:
            return tuple(
                Reading(run, found.code, 1.0, f"{found.code}: {found.message}")
                for found in (*snapshot.delivery.findings, *snapshot.findings)
                if _is_meant(rule, found)
            )
        case Watched.ENDED:
            progress = snapshot.progress
            has_ended = progress.is_closed and progress.exit_status not in _NOT_ENDED
            return (Reading(run, "", float(has_ended), f"the run has ended: {progress.exit_status}"),)
        case Watched.STALE:
            is_over = snapshot.progress.is_closed or snapshot.delivery.is_finished
            silent_s = 0.0 if is_over or snapshot.delivery.failure else age_s
            return (Reading(run, "", silent_s, f"no new data for {silent_s:.0f} s"),)
        case _:
            quantity = _QUANTITIES[rule.watched]
            of = f" of {rule.phase}" if rule.phase is not None else ""
            value, unit = quantity.value(snapshot, rule.phase or ""), quantity.unit
            limit = f"above {rule.above:g}" if rule.above is not None else f"below {rule.below:g}"
            return (Reading(run, "", value, f"{quantity.name}{of}: {value:.4g}{unit}, {limit}{unit}"),)


def _is_meant(rule: AlarmRule, found: Finding) -> bool:
    is_severe = rule.severity is None or _RANK[found.severity] >= _RANK[rule.severity]
    return found.code != ALARM_CODE and rule.code in {None, found.code} and is_severe


def _gap(snapshot: Snapshot, _phase: str) -> float:
    missing = snapshot.rows_missing
    return math.nan if missing is None else float(missing)


def _lithium(snapshot: Snapshot, _phase: str) -> float:
    curve = snapshot.unmasked_curve or snapshot.curve
    return float(curve.lithium[-1]) if curve.lithium.size else math.nan


def _fraction(snapshot: Snapshot, phase: str) -> float:
    """Return the share of a phase in all material with a lithium content."""
    fitted = snapshot.map
    if fitted is None or phase not in snapshot.phases.names or not fitted.valid.any():
        return math.nan
    valid = fitted.valid
    amount = fitted.thickness[valid]
    share = fitted.fraction[snapshot.phases.names.index(phase)][valid]
    return float(np.sum(amount * share) / np.sum(amount))


def _residual(snapshot: Snapshot, _phase: str) -> float:
    """Return the median χ² per degree of freedom over the pixels that have one."""
    fitted = snapshot.map
    if fitted is None:
        return math.nan
    known = fitted.chi2[fitted.valid]
    known = known[np.isfinite(known)]
    return float(np.median(known)) if known.size else math.nan


@dataclass(frozen=True, slots=True)
class _Quantity:
    """What is watched: its name and unit, and how it is read; NaN where it is not known."""

    name: str
    unit: str
    value: Callable[[Snapshot, str], float]


_QUANTITIES = {
    Watched.GAP: _Quantity("rows missing", "", _gap),
    Watched.LOST: _Quantity("documents lost", "", lambda seen, _: float(seen.delivery.lost)),
    Watched.I0: _Quantity("incident counts", "", lambda seen, _: seen.i0_now),
    Watched.RING: _Quantity("ring current", " mA", lambda seen, _: seen.ring_now_ma),
    Watched.DRIFT: _Quantity("drift", " nm/min", lambda seen, _: seen.vitals.drift_nm_per_min),
    Watched.RESIDUAL: _Quantity("median χ² per degree of freedom", "", _residual),
    Watched.LITHIUM: _Quantity("mean x of the field", "", _lithium),
    Watched.FRACTION: _Quantity("mean fraction", "", _fraction),
    Watched.DOSE: _Quantity("dose", " MGy", lambda seen, _: seen.vitals.dose_mgy),
    Watched.DISK: _Quantity("room on the disk", " h", lambda seen, _: seen.vitals.disk_h),
}
