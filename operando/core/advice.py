"""What to do next, by rules given beforehand: from the cycles of a run to suggestions for its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from operando.core.dwell import longer_look, shares_of_variance
from operando.core.fit import Background
from operando.core.front import box_of, front_of
from operando.types import FloatArray, LithiationMap, Snapshot

__all__ = ["Memory", "Rules", "Suggestion", "advise"]

_DENSE_SHARE = 0.5
"""A denser field that covers more of its region is no choice of a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When to suggest what; None never.

    Attributes
    ----------
    stop_above_x, stop_below_x
        The mean x of the field at which to stop, once it is beyond with `confidence`.
    confidence
        Probability that a difference is one, 0.5..1: from it follows how many σ it has to have.
    max_duration_s
        Stop after this time since the start of the run.
    max_dose_mgy, dose_mgy_per_ms
        Stop when a pixel has had this dose; what it gets in each ms of the first cycle's light.
    wished_sigma_x
        Measure longer while the median σ(x) is above.
    max_dwell_ms
        Never suggest more.
    unchanged_cycles
        Go to the next region when the mean x has not changed for so many cycles.
    front_pixels
        Suggest a denser field where the reaction goes on, if that is so many pixels together.
    shift_um
        Suggest that the field follows a sample that has moved so far.
    """

    stop_above_x: float | None = None
    stop_below_x: float | None = None
    confidence: float = 0.975
    max_duration_s: float | None = None
    max_dose_mgy: float | None = None
    dose_mgy_per_ms: float | None = None
    wished_sigma_x: float | None = None
    max_dwell_ms: float = float("inf")
    unchanged_cycles: int | None = None
    front_pixels: int | None = None
    shift_um: float | None = None

    @property
    def sigmas(self) -> float:
        """How many σ a difference has to have."""
        return NormalDist().inv_cdf(self.confidence)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing to do next.

    Attributes
    ----------
    action
        "stop", "next_region", "dwell", "dense_region", "shift" or "same".
    reason
        Why, in words with the numbers.
    details
        What else the action needs: `energy_index` and `dwell_ms`, `centre_um` and `size_um`, or `shift_um`.
    """

    action: str
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept of a run between its cycles.

    Attributes
    ----------
    i0
        Incident counts of every image, by cycle, shapes (energy,); NaN for energies it did not visit.
    dwell_ms
        Of these images, shapes (energy,).
    maps
        x and its σ of the newest two cycles, by cycle, shapes (ny, nx).
    """

    i0: Mapping[int, FloatArray] = field(default_factory=dict[int, FloatArray])
    dwell_ms: Mapping[int, FloatArray] = field(default_factory=dict[int, FloatArray])
    maps: Mapping[int, tuple[FloatArray, FloatArray]] = field(
        default_factory=dict[int, tuple[FloatArray, FloatArray]]
    )


def advise(
    snapshot: Snapshot, memory: Memory, rules: Rules, background: Background
) -> tuple[Memory, tuple[Suggestion, ...]]:
    """Return what to do after a cycle of record, and what to remember.

    The same cycle may come again, with lines that came late; it then counts once.

    Parameters
    ----------
    snapshot
        Of the cycle, with its map.
    memory
        Of the cycles before.
    rules
        When to suggest what.
    background
        Of the fit.

    Returns
    -------
    tuple
        One suggestion at least: "same" where no rule holds.
    """
    newest = snapshot.map
    if newest is None:
        return memory, (Suggestion("same", "there is no map yet"),)
    memory = _remembered(memory, snapshot, newest)
    ends = [*_reached(snapshot, rules), *_spent(snapshot, memory, newest.cycle, rules)]
    if ends:
        return memory, (Suggestion("stop", "; ".join(ends)),)
    found = [
        *_finished(snapshot, rules),
        *_longer(snapshot, newest, rules, background),
        *_denser(snapshot, newest, memory, rules),
        *_followed(newest, rules),
    ]
    return memory, tuple(found) or (Suggestion("same", "no rule asks for anything else"),)


def _remembered(memory: Memory, snapshot: Snapshot, newest: LithiationMap) -> Memory:
    maps = {**memory.maps, newest.cycle: (newest.lithium, newest.lithium_error)}
    kept = {cycle: maps[cycle] for cycle in sorted(maps)[-2:]}
    is_visited = np.zeros(snapshot.i0.size, dtype=bool)
    is_visited[list(snapshot.plan.visited_in(newest.cycle))] = True
    return replace(
        memory,
        i0={**memory.i0, newest.cycle: np.where(is_visited, snapshot.i0, np.nan)},
        dwell_ms={**memory.dwell_ms, newest.cycle: np.where(is_visited, _dwell_ms(snapshot), 0.0)},
        maps=kept,
    )


def _dwell_ms(snapshot: Snapshot) -> FloatArray:
    """Return the dwell of the newest images: a plan may have made it longer than it said."""
    return snapshot.plan.dwell_ms if snapshot.dwell_ms is None else snapshot.dwell_ms


def _lit_ms(memory: Memory, cycle: int) -> float:
    """Return how long the light of the first cycle would have to shine for that of another one, ms.

    I0 holds the dwell and how bright the beam was; where it is not known, the beam is taken to have been as
    bright as at first.
    """
    first = min(memory.i0)
    with np.errstate(invalid="ignore", divide="ignore"):
        lit = memory.dwell_ms[first] * memory.i0[cycle] / memory.i0[first]
    return float(np.where(np.isfinite(lit) & (lit > 0), lit, memory.dwell_ms[cycle]).sum())


def _reached(snapshot: Snapshot, rules: Rules) -> list[str]:
    """Return why the mean lithium content is where it was to go."""
    curve = snapshot.curve
    if not curve.lithium.size:
        return []
    mean, error = float(curve.lithium[-1]), float(curve.lithium_error[-1])
    said = f"mean x is {mean:.3f} ± {error:.3f}"
    reasons: list[str] = []
    for limit, side, sign in ((rules.stop_above_x, "above", 1.0), (rules.stop_below_x, "below", -1.0)):
        if limit is not None and sign * (mean - limit) > rules.sigmas * error:
            reasons.append(f"{said}, {side} {limit:g} with {rules.confidence:.1%} confidence")
    return reasons


def _spent(snapshot: Snapshot, memory: Memory, cycle: int, rules: Rules) -> list[str]:
    """Return why time or dose is used up."""
    reasons: list[str] = []
    took_s = snapshot.progress.last_line_s - snapshot.plan.started_s
    if rules.max_duration_s is not None and took_s >= rules.max_duration_s:
        reasons.append(f"the run has taken {took_s:.0f} s of {rules.max_duration_s:g} s")
    if rules.max_dose_mgy is not None and rules.dose_mgy_per_ms is not None:
        lit_ms = sum(_lit_ms(memory, past) for past in memory.i0 if past <= cycle)
        dose_mgy = rules.dose_mgy_per_ms * lit_ms
        if dose_mgy >= rules.max_dose_mgy:
            reasons.append(f"a pixel has had {dose_mgy:.3g} MGy of {rules.max_dose_mgy:g} MGy")
    return reasons


def _finished(snapshot: Snapshot, rules: Rules) -> list[Suggestion]:
    """Suggest the next region where nothing happens any more."""
    cycles, curve = rules.unchanged_cycles, snapshot.curve
    if cycles is None or curve.lithium.size <= cycles:
        return []
    lithium, error = curve.lithium[-cycles - 1 :], curve.lithium_error[-cycles - 1 :]
    change = np.abs(lithium - lithium[-1])[:-1]
    if not (change <= rules.sigmas * np.hypot(error, error[-1])[:-1]).all():
        return []
    words = (
        f"mean x is {lithium[-1]:.3f} ± {error[-1]:.3f} and changed by no more than {change.max():.3f} "
        f"in {cycles} cycles, within its error"
    )
    return [Suggestion("next_region", words)]


def _longer(
    snapshot: Snapshot, newest: LithiationMap, rules: Rules, background: Background
) -> list[Suggestion]:
    """Suggest more dwell where it lowers σ(x) most."""
    if rules.wished_sigma_x is None or not newest.valid.any():
        return []
    sigma = float(np.median(newest.lithium_error[newest.valid]))
    energies_ev = snapshot.plan.energies_ev
    dwell_ms = _dwell_ms(snapshot)
    share = shares_of_variance(newest, snapshot.od_error, snapshot.phases, energies_ev, background)
    share = np.where(dwell_ms < rules.max_dwell_ms, share, 0.0)
    longer = longer_look(share, dwell_ms, sigma, rules.wished_sigma_x) if share.sum() > 0 else None
    if longer is None:
        return []
    now_ms = float(dwell_ms[longer.energy])
    # Rounded, so that small changes of σ do not come as new wishes.
    wished_ms = float(f"{min(longer.factor * now_ms, rules.max_dwell_ms):.3g}")
    if not wished_ms > now_ms:
        return []
    outcome = "" if longer.is_enough and wished_ms < rules.max_dwell_ms else ", which is not enough yet"
    words = (
        f"the median σ(x) is {sigma:.3f}, wished are {rules.wished_sigma_x:g}; "
        f"{energies_ev[longer.energy]:.2f} eV has {longer.share:.0%} of the variance and gains most: "
        f"{now_ms:.3g} to {wished_ms:g} ms{outcome}"
    )
    return [Suggestion("dwell", words, {"energy_index": longer.energy, "dwell_ms": wished_ms})]


def _denser(snapshot: Snapshot, newest: LithiationMap, memory: Memory, rules: Rules) -> list[Suggestion]:
    """Suggest a denser field where the front is."""
    earlier = memory.maps.get(newest.cycle - 1)
    if rules.front_pixels is None or earlier is None:
        return []
    lithium = snapshot.phases.lithium
    ends = (float(lithium.min()), float(lithium.max()))
    front = front_of((newest.lithium, newest.lithium_error), earlier, ends, rules.sigmas)
    box = box_of(front, snapshot.plan.grid)
    if box is None or box.pixels < rules.front_pixels or box.share > _DENSE_SHARE:
        return []
    (x, y), (width, height) = box.centre_um, box.size_um
    words = (
        f"{box.pixels} pixels between the end phases changed beyond their error since the cycle before, in "
        f"{width:.2f} × {height:.2f} µm about ({x:.2f}, {y:.2f}) µm"
    )
    return [Suggestion("dense_region", words, {"centre_um": [x, y], "size_um": [width, height]})]


def _followed(newest: LithiationMap, rules: Rules) -> list[Suggestion]:
    """Suggest that the field follows the sample."""
    found = np.flatnonzero(np.isfinite(newest.shift_quality))
    if rules.shift_um is None or not found.size:
        return []
    youngest = found[np.argmin(newest.frame_age_s[found])]
    y_um, x_um = newest.shift_um[youngest].tolist()
    if not float(np.hypot(y_um, x_um)) >= rules.shift_um:
        return []
    words = f"the sample has moved by ({x_um:.3f}, {y_um:.3f}) µm under the field"
    return [Suggestion("shift", words, {"shift_um": [x_um, y_um]})]
