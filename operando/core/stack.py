"""What is known now: the newest images of each energy.

An image is keyed by its cycle and energy, a line by its row in it, and of two deliveries of one
row the one taken later counts. So the state depends on the set of lines, not on the way they
came: order, grouping and repetition leave no trace in the bits.

`StackState` owns its arrays. `add` writes a line into them and returns the state to go on with;
the state that was passed in must not be used again. Whatever leaves this module is a copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from operando.core.absorption import Detector
from operando.core.fit import Background
from operando.core.image import Image
from operando.core.incident import KEPT, IncidentRule
from operando.core.track import Registering, RegistrationRule, Track
from operando.core.tracking import settle
from operando.errors import FrameRejected
from operando.types import Line, ScanPlan

__all__ = [
    "HISTORY_CYCLES",
    "Estimator",
    "Limits",
    "Recipe",
    "StackState",
    "add",
    "empty_stack",
    "is_complete",
    "kept_cycles",
]

HISTORY_CYCLES = 3
"""Cycles that lines may still come for: the one arriving, the last complete one, one for rewound lines."""

_MOST_COUNTS = 1e30
"""No detector reads as much."""


class Estimator(StrEnum):
    """Which images of an energy a map is made of."""

    LATEST = "latest"
    """The newest alone, as if all energies had been measured at once."""
    TIMED = "timed"
    """The newest and older ones, moved to the time of the map; see `evolution`."""

    @property
    def older_images(self) -> int:
        """How many images of an energy are used beside the newest.

        A third gained 6 % in RMSE of x where a second gained 20 %; a fourth is not worth its memory.
        """
        return 2 if self is Estimator.TIMED else 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a pixel has no lithium content.

    Attributes
    ----------
    min_thickness
        In units of the references.
    min_significance
        Thickness over its own standard deviation.
    max_od
        Optical density at any energy; thicker than this, stray light and dark counts rule.
    """

    min_thickness: float = 0.1
    min_significance: float = 3.0
    max_od: float = 3.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How counts become a map, apart from the references themselves."""

    detector: Detector = field(default_factory=Detector)
    incident: IncidentRule = field(default_factory=IncidentRule)
    background: Background = Background.NONE
    limits: Limits = field(default_factory=Limits)
    estimator: Estimator = Estimator.TIMED
    registration: RegistrationRule = field(default_factory=RegistrationRule)


@dataclass(frozen=True, slots=True)
class StackState:
    """The images known.

    Attributes
    ----------
    plan
        The scan they belong to.
    images
        By cycle and energy; the newest `kept_cycles` cycles.
    rows_seen
        Distinct rows per cycle, for every cycle so far.
    newest
        The line taken last, or None.
    first_line_s
        When the first line was taken; NaN before it.
    kept_cycles
        `HISTORY_CYCLES`, and those that a map of the oldest of them still needs.
    keeps_channel
        Whether readings of the incident beam beside the counts are kept.
    registration, detector
        How images are registered, and how readings are to be taken for that.
    track
        What is known of where images lie that cannot change any more.
    """

    plan: ScanPlan
    images: dict[tuple[int, int], Image]
    rows_seen: dict[int, int]
    newest: Line | None
    first_line_s: float
    kept_cycles: int = HISTORY_CYCLES
    keeps_channel: bool = False
    registration: RegistrationRule = field(default_factory=lambda: RegistrationRule(Registering.OFF))
    detector: Detector = field(default_factory=Detector)
    track: Track = field(default_factory=Track)

    @property
    def lines_seen(self) -> int:
        """Distinct lines so far."""
        return sum(self.rows_seen.values())


def empty_stack(plan: ScanPlan, recipe: Recipe) -> StackState:
    """Return the state before the first line, with room for what the recipe looks back on."""
    return StackState(
        plan,
        {},
        {},
        None,
        float("nan"),
        # An image that can still change may be compared with the one before it.
        kept_cycles=HISTORY_CYCLES + max(recipe.estimator.older_images, int(recipe.registration.is_needed)),
        keeps_channel=recipe.incident.mode in KEPT,
        registration=recipe.registration,
        detector=recipe.detector,
    )


def add(state: StackState, line: Line) -> StackState:
    """Return `state` having also seen `line`; takes `state` over.

    Raises
    ------
    FrameRejected
        The line does not fit into the scan, or is older than the history kept.
    """
    _check(state, line)
    line = _readable(line)
    key = (line.cycle, line.energy)
    image = state.images.get(key)
    is_new = image is None
    if image is None:
        image = _empty_image(state)
    image = state.images[key] = _with_room(image, line, state)
    known_time_s = image.row_time_s[line.row]
    if known_time_s > line.time_s or (known_time_s == line.time_s and _is_known(image, line)):
        return state
    if np.isnan(known_time_s):
        state.rows_seen[line.cycle] = state.rows_seen.get(line.cycle, 0) + 1
    image.counts[line.row] = line.counts
    if image.i0 is not None:
        image.i0[line.row] = np.nan if line.i0 is None else line.i0
    if image.spread is not None:
        image.spread[line.row] = line.counts if line.spread is None else line.spread
    if image.i0 is not None and image.i0_spread is not None:
        image.i0_spread[line.row] = image.i0[line.row] if line.i0_spread is None else line.i0_spread
    image.row_time_s[line.row] = line.time_s
    image.row_dwell_ms[line.row] = line.dwell_ms
    image.row_ring_ma[line.row] = line.ring_current_ma
    image.marks[line.row] = object()
    newest, track = state.newest, state.track
    if newest is None or _order(line) >= _order(newest):
        # Otherwise the images are those that were kept for the line before.
        if newest is None or line.cycle != newest.cycle or is_new:
            track = _settled(state, line.cycle)
            _forget(state, line.cycle)
        newest = line
    return replace(
        state, newest=newest, track=track, first_line_s=float(np.fmin(state.first_line_s, line.time_s))
    )


def is_complete(state: StackState, cycle: int) -> bool:
    """Return whether every row of every energy that a cycle visits has come."""
    return 0 < state.plan.lines_in(cycle) == state.rows_seen.get(cycle, 0)


def kept_cycles(state: StackState, energy: int) -> int:
    """Return for how many cycles the images of an energy are kept: the same number of images of each."""
    return state.kept_cycles * (state.plan.every[energy] if state.plan.every else 1)


def _check(state: StackState, line: Line) -> None:
    energies, ny, nx = state.plan.stack_shape
    where = f"line of cycle {line.cycle}, energy {line.energy}, row {line.row}"
    if not (0 <= line.energy < energies and 0 <= line.row < ny and line.cycle >= 0):
        msg = f"{where} is outside the scan of {energies} energies and {ny} rows"
        raise FrameRejected(msg)
    if line.counts.shape != (nx,) or (line.i0 is not None and line.i0.shape != (nx,)):
        sizes = f"{line.counts.size} pixels" + ("" if line.i0 is None else f" and {line.i0.size} of I0")
        msg = f"{where} has {sizes}; the scan has {nx}"
        raise FrameRejected(msg)
    for spread in (line.spread, line.i0_spread):
        if spread is not None and spread.shape != (nx,):
            msg = f"{where} has variances of {spread.size} pixels; the scan has {nx}"
            raise FrameRejected(msg)
    if not np.isfinite(line.time_s):
        msg = f"{where} has no time"
        raise FrameRejected(msg)
    newest_cycle = line.cycle if state.newest is None else state.newest.cycle
    cycles = state.plan.cycles
    # A damaged number must not make the cycle that is under way look old.
    if line.cycle > newest_cycle + HISTORY_CYCLES or (cycles is not None and line.cycle >= cycles):
        planned = "" if cycles is None else f"; the run has {cycles} cycles"
        msg = f"{where} came when cycle {newest_cycle} was under way{planned}"
        raise FrameRejected(msg)
    if line.cycle <= newest_cycle - HISTORY_CYCLES:
        msg = f"{where} came when cycle {newest_cycle} was under way; {HISTORY_CYCLES} cycles are kept"
        raise FrameRejected(msg)


def _readable(line: Line) -> Line:
    """Return the line with NaN for what is no reading: infinite, or more than its square has a number for."""
    readable = np.abs(line.counts) < _MOST_COUNTS
    also = readable if line.i0 is None else np.abs(line.i0) < _MOST_COUNTS
    if readable.all() and also.all():
        return line
    counts = np.where(readable, line.counts, np.nan)
    return replace(line, counts=counts, i0=None if line.i0 is None else np.where(also, line.i0, np.nan))


def _is_known(image: Image, line: Line) -> bool:
    """Return whether the row holds just this already: a document delivered again."""
    held = [image.row_dwell_ms[line.row], image.row_ring_ma[line.row]]
    if not np.array_equal(held, [line.dwell_ms, line.ring_current_ma], equal_nan=True):
        return False
    if not np.array_equal(image.counts[line.row], line.counts, equal_nan=True):
        return False
    incident = np.nan if line.i0 is None else line.i0
    held_and_new = (
        (image.i0, incident),
        (image.spread, line.counts if line.spread is None else line.spread),
        (image.i0_spread, incident if line.i0_spread is None else line.i0_spread),
    )
    return all(
        held is None
        or np.array_equal(held[line.row], np.broadcast_to(new, line.counts.shape), equal_nan=True)
        for held, new in held_and_new
    )


def _with_room(image: Image, line: Line, state: StackState) -> Image:
    """Return the image with arrays for all that a line brings: some images have variances of their own."""
    i0, spread, i0_spread = image.i0, image.spread, image.i0_spread
    if i0 is None and state.keeps_channel:
        i0 = np.full_like(image.counts, np.nan)
    if spread is None and line.spread is not None:
        spread = image.counts.copy()
    if i0_spread is None and line.i0_spread is not None and i0 is not None:
        i0_spread = i0.copy()
    if i0 is image.i0 and spread is image.spread and i0_spread is image.i0_spread:
        return image
    return replace(image, i0=i0, spread=spread, i0_spread=i0_spread)


def _empty_image(state: StackState) -> Image:
    ny, nx = state.plan.grid.shape
    return Image(
        counts=np.full((ny, nx), np.nan),
        i0=np.full((ny, nx), np.nan) if state.keeps_channel else None,
        row_time_s=np.full(ny, np.nan),
        row_dwell_ms=np.full(ny, np.nan),
        row_ring_ma=np.full(ny, np.nan),
        marks=np.full(ny, None),
    )


def _settled(state: StackState, newest_cycle: int) -> Track:
    """Return the track with the places of images that no line is taken for any more."""
    if not state.registration.is_needed:
        return state.track
    fixed = {key: image for key, image in state.images.items() if key[0] <= newest_cycle - HISTORY_CYCLES}
    leaving = _leaving(state, newest_cycle)
    if not leaving and fixed.keys() <= state.track.settled.keys():
        return state.track
    return settle(fixed, state.track, state.registration, state.detector, leaving)


def _forget(state: StackState, newest_cycle: int) -> None:
    for key in _leaving(state, newest_cycle):
        del state.images[key]


def _leaving(state: StackState, newest_cycle: int) -> list[tuple[int, int]]:
    """Return which images are not kept any longer."""
    return [
        (cycle, energy)
        for cycle, energy in state.images
        if cycle <= newest_cycle - kept_cycles(state, energy)
    ]


def _order(line: Line) -> tuple[float, int, int, int]:
    return line.time_s, line.cycle, line.energy, line.row
