"""How far and how fast the sample moves, and what is to be said of it before the field is lost."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from operando.core.placing import Place, Placing
from operando.core.track import Key, Kind, Registering, RegistrationRule
from operando.types import Finding, FloatArray, ScanPlan, Severity

__all__ = ["Drift", "Shifts", "drift_findings", "drift_of", "shifts_of"]

_FEWEST_STEPS = 3
_NEAR = 0.75
"""Of the cap: from here on it is said."""
_CYCLES_LEFT = 3.0
_NOTICED_NM_PER_MIN = 1.0


@dataclass(frozen=True, slots=True)
class Shifts:
    """What the newest image of each energy was moved back by.

    Attributes
    ----------
    px, um
        (y, x), shape (energy, 2); in µm along the axes of the grid. NaN where there is no image, or
        images are not registered.
    quality
        Size of the correlation with the image that it was compared with, 0 to 1, shape (energy,); NaN where
        the shift is that of the image before.
    """

    px: FloatArray
    um: FloatArray
    quality: FloatArray


@dataclass(frozen=True, slots=True)
class Drift:
    """How the sample moves.

    Attributes
    ----------
    far_px
        Where the newest image that was found lies, (y, x) from the first; zero where none was.
    px_per_s
        How fast it moves, (y, x), the median over the images of two cycles; NaN in the first cycle.
    nm_per_min
        The same, either way together.
    cycle_s
        From an image to the next of its energy; NaN in the first cycle.
    held
        How many of the newest complete images, one for each energy, could not be found.
    has_moved
        Whether any image was moved.
    """

    far_px: tuple[float, float]
    px_per_s: tuple[float, float]
    nm_per_min: float
    cycle_s: float
    held: int
    has_moved: bool


def shifts_of(placing: Placing | None, plan: ScanPlan, cycle: int) -> Shifts:
    """Return what the newest images up to a cycle were moved by."""
    energies = plan.energies_ev.size
    px, quality = np.full((energies, 2), np.nan), np.full(energies, np.nan)
    if placing is not None:
        for key in sorted(placing.images):
            if key[0] <= cycle:
                px[key[1]], quality[key[1]] = placing.places[key].moved_px, placing.places[key].quality
    return Shifts(px, px * _pitch_um(plan), quality)


def drift_of(placing: Placing, plan: ScanPlan, cycle: int) -> Drift:
    """Return how the sample moves as far as the images up to a cycle tell."""
    nan = float("nan")
    past = {key: place for key, place in sorted(placing.places.items()) if key[0] <= cycle}
    found = [(key, place) for key, place in past.items() if place.kind in {Kind.FOUND, Kind.FIRST}]
    newest = {key[1]: key for key in past if key in placing.images and placing.images[key].is_complete}
    held = sum(past[key].kind is Kind.HELD for key in newest.values())
    has_moved = any(place.moved_px != (0.0, 0.0) for place in past.values())
    far_px = (found[-1][1].y_px, found[-1][1].x_px) if found else (0.0, 0.0)
    recent = [place for _, place in found[-2 * plan.energies_ev.size :]]
    steps = [_rate(one, other) for one, other in pairwise(recent)]
    known = [step for step in steps if step is not None]
    if len(known) < _FEWEST_STEPS or found[-1][0][0] == found[0][0][0]:
        return Drift(far_px, (nan, nan), nan, nan, held, has_moved)
    y_px, x_px = np.median(np.array(known), axis=0).tolist()
    nm_per_min = 60e3 * float(np.hypot(*(np.array([y_px, x_px]) * _pitch_um(plan))))
    return Drift(far_px, (y_px, x_px), nm_per_min, _cycle_s(found), held, has_moved)


def drift_findings(drift: Drift, plan: ScanPlan, rule: RegistrationRule) -> list[Finding]:
    """Return what is to be said; in mode `AUTO` an image is only missed once another one was moved."""
    findings: list[Finding] = []
    cap_px = rule.limit_px(plan.grid.shape)
    far = np.array(drift.far_px)
    left_s = _seconds_left(far, np.array(drift.px_per_s), cap_px)
    ends_soon = left_s <= _CYCLES_LEFT * drift.cycle_s and drift.nm_per_min > _NOTICED_NM_PER_MIN
    if np.abs(far).max() >= _NEAR * cap_px or ends_soon:
        y_um, x_um = far * _pitch_um(plan)
        cycles_left = left_s / drift.cycle_s
        when = f", and will be there in {cycles_left:.1f} cycles" if np.isfinite(cycles_left) else ""
        findings.append(
            Finding(
                "drift",
                Severity.ALARM,
                f"the sample has moved by ({x_um:.2f}, {y_um:.2f}) µm: {np.abs(far).max():.1f} pixels; from "
                f"{cap_px:g} on the field is lost{when}",
                f"move the field by ({x_um:.2f}, {y_um:.2f}) µm, or let the plan do so: [advice] shift_um "
                "and the plan's max_shift_um",
            )
        )
    is_missed = rule.mode is Registering.ON or (rule.mode is Registering.AUTO and drift.has_moved)
    if drift.held and is_missed:
        findings.append(
            Finding(
                "registration-held",
                Severity.WARNING,
                f"{drift.held} of the {plan.energies_ev.size} newest images are too unlike those before to "
                "say how far the sample moved; they are taken to lie where the image before them does",
                "look at the images: beam, focus, and particles with edges in the field; shifts by hand go "
                "into the profile as [[registration.manual]]",
            )
        )
    return findings


def _pitch_um(plan: ScanPlan) -> FloatArray:
    """Return how far the next row and the next column are, (y, x), signed; 0 along what has no next one."""
    axes = (plan.grid.y_um, plan.grid.x_um)
    return np.array([(axis[-1] - axis[0]) / max(axis.size - 1, 1) for axis in axes])


def _rate(one: Place, other: Place) -> tuple[float, float] | None:
    apart_s = other.time_s - one.time_s
    if not apart_s > 0:
        return None
    return (other.y_px - one.y_px) / apart_s, (other.x_px - one.x_px) / apart_s


def _cycle_s(found: list[tuple[Key, Place]]) -> float:
    """Return how long it takes from an image to the next of its energy, as it last did; NaN if none knows."""
    (cycle, energy), newest = found[-1]
    before = [(key, place) for key, place in found if key[1] == energy and key[0] < cycle]
    if not before:
        return float("nan")
    key, place = before[-1]
    took_s = (newest.time_s - place.time_s) / (cycle - key[0])
    # Clocks that were set back meanwhile say nothing.
    return took_s if took_s > 0 else float("nan")


def _seconds_left(far_px: FloatArray, px_per_s: FloatArray, cap_px: float) -> float:
    """Return when a shift is at the cap, if it goes on; infinite where it does not or nothing is known."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left_s = (cap_px - np.sign(px_per_s) * far_px) / np.abs(px_per_s)
    return float(np.nanmin(np.where(np.isfinite(left_s), np.maximum(left_s, 0.0), np.inf)))
