"""What is to be measured and how well the instrument knows itself: what a choice of energies answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import pairwise, product

import numpy as np

from operando.core.fit import Background
from operando.core.references import Library, resample
from operando.errors import ConfigurationError
from operando.types import FloatArray

__all__ = ["Aim", "Mixtures", "Question", "band_ev", "candidates_of", "compositions", "thickness_at"]

_MARGIN_SIGMAS = 2.34
"""The outermost node of the Gauss-Hermite rule that stands for an energy error."""

_SAME_EV = 5e-4
"""Energies nearer than this are one."""

_PATH_POINTS = 3
"""Compositions between two neighbouring phases; σ is smooth there."""

_PAIR_POINTS = 5
"""The same where there are two phases only."""

_SIMPLEX_LEVELS = 5
_PATH_MARGIN = 0.15
"""Share of the way between two phases left out at each end. Nearly pure pixels sit on the boundary of the
fit, which makes their error smaller than the prediction: what is good enough between is so there too."""


class Aim(IntEnum):
    """What is made small over the compositions: the power p of the mean of σ²ᵖ.

    A high power follows the largest σ and still has a derivative.
    """

    AVERAGE = 1
    WORST = 16


class Mixtures(StrEnum):
    """Which phases share a pixel: neighbours in lithium content, or all."""

    NEIGHBOURS = "neighbours"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be measured, and how well the instrument knows itself.

    Attributes
    ----------
    count
        Number of energies k.
    thickness
        Expected amount of material Σt, in units of the references.
    counts
        I0 counts per pixel and energy at the mean dwell; k times this is the total, which stays
        the same for every other set of energies that the choice is compared with.
    gain
        Variance-to-mean ratio F of the counts.
    background
        Background columns of the fit. Energies that bear a line also bear a constant or none; those
        chosen for none do not bear a constant.
    offset_ev
        Standard deviation of the energy calibration, common to all images of a cycle.
    i0_error
        Relative standard deviation of I0, independent from image to image.
    jitter_ev
        Standard deviation of the energy from image to image.
    reference_error
        Standard deviation of a reference's value at one energy, in the unit of the references.
    lithium_range
        Lowest and highest x to expect; None for all.
    mixtures
        Which phases occur together.
    aim
        Average or worst case over the compositions.
    least_dwell
        No energy gets less than this share of the mean dwell; 1 makes all dwells equal.
    overhead
        Time between images in which nothing is measured, in units of the mean dwell.
    range_ev
        Lowest and highest energy allowed; None for the range of the references.
    forbid_ev
        Ranges (low, high) that are not allowed.
    include_ev
        Energies that must be among the chosen.
    separation_ev
        Least distance of two energies.
    step_ev
        Step of the grid of candidates.
    candidates_ev
        Energies to choose from instead of a grid, such as those of a recorded run; may be empty.
    """

    count: int = 5
    thickness: float = 1.0
    counts: float = 1000.0
    gain: float = 1.0
    background: Background = Background.LINEAR
    offset_ev: float = 0.1
    i0_error: float = 0.02
    jitter_ev: float = 0.0
    reference_error: float = 0.0
    lithium_range: tuple[float, float] | None = None
    mixtures: Mixtures = Mixtures.NEIGHBOURS
    aim: Aim = Aim.AVERAGE
    least_dwell: float = 0.25
    overhead: float = 0.0
    range_ev: tuple[float, float] | None = None
    forbid_ev: tuple[tuple[float, float], ...] = ()
    include_ev: tuple[float, ...] = ()
    separation_ev: float = 0.3
    step_ev: float = 0.1
    candidates_ev: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        positive = {
            "thickness": self.thickness,
            "counts": self.counts,
            "gain": self.gain,
            "step": self.step_ev,
        }
        for name, value in positive.items():
            if not (np.isfinite(value) and value > 0):
                raise ConfigurationError(f"the {name} is {value}; it must be a number above 0")
        errors = {
            "energy offset": self.offset_ev,
            "I0 error": self.i0_error,
            "energy jitter": self.jitter_ev,
            "reference error": self.reference_error,
            "separation": self.separation_ev,
            "overhead": self.overhead,
        }
        for name, value in errors.items():
            if not (np.isfinite(value) and value >= 0):
                raise ConfigurationError(f"the {name} is {value}; it must be a number of 0 or more")
        if not 0 < self.least_dwell <= 1:
            msg = f"the least dwell is {self.least_dwell} of the mean; it must be above 0 and at most 1"
            raise ConfigurationError(msg)
        if self.count < 2 or len(self.include_ev) > self.count:
            msg = (
                f"{self.count} energies are asked for and {len(self.include_ev)} of them given; "
                "ask for 2 or more, and not fewer than are given"
            )
            raise ConfigurationError(msg)


def band_ev(library: Library) -> tuple[float, float]:
    """Return the range of energies that all references cover."""
    low = max(float(phase.energy_ev[0]) for phase in library.phases) + library.energy_offset_ev
    high = min(float(phase.energy_ev[-1]) for phase in library.phases) + library.energy_offset_ev
    if low >= high:
        msg = f"no energy is covered by all references: one begins at {low:.2f} eV, one ends at {high:.2f} eV"
        raise ConfigurationError(msg)
    return low, high


def candidates_of(library: Library, question: Question) -> FloatArray:
    """Return the energies to choose from, ascending, shape (candidate,).

    They keep so far from the ends of the references that an energy offset does not lead out of them.

    Raises
    ------
    ConfigurationError
        Nothing is left, or an energy that must be included is not covered by the references.
    """
    low, high = band_ev(library)
    margin = _MARGIN_SIGMAS * max(question.offset_ev, question.jitter_ev)
    bottom, top = low + margin, high - margin
    if question.range_ev is not None:
        bottom, top = max(bottom, question.range_ev[0]), min(top, question.range_ev[1])
    if question.candidates_ev:
        grid = np.unique(np.asarray(question.candidates_ev, dtype=float))
    else:
        # Round numbers: they are typed into other programs.
        first = np.ceil(bottom / question.step_ev - 1e-9)
        steps = max(int(np.floor(top / question.step_ev + 1e-9) - first) + 1, 0)
        grid = (first + np.arange(steps)) * question.step_ev
    allowed = (grid >= bottom - 1e-9) & (grid <= top + 1e-9)
    for forbidden_low, forbidden_high in question.forbid_ev:
        allowed &= (grid < forbidden_low) | (grid > forbidden_high)
    fixed = np.unique(np.asarray(question.include_ev, dtype=float))
    outside = fixed[(fixed < low) | (fixed > high)]
    if outside.size:
        msg = f"{outside[0]:.2f} eV must be included, but the references cover {low:.2f} to {high:.2f} eV"
        raise ConfigurationError(msg)
    if fixed.size > 1 and np.diff(fixed).min() < question.separation_ev - _SAME_EV:
        msg = (
            f"two energies to include are {np.diff(fixed).min():.3f} eV apart, less than the separation "
            f"of {question.separation_ev:g} eV; lower the separation"
        )
        raise ConfigurationError(msg)
    grid = grid[allowed]
    new = [energy for energy in fixed if not np.any(np.abs(grid - energy) < _SAME_EV)]
    grid = np.sort(np.concatenate([grid, new]))
    if grid.size < question.count:
        msg = (
            f"{grid.size} energies are allowed between {bottom:.2f} and {top:.2f} eV and {question.count} "
            "are asked for; forbid less, widen the range or take a finer step"
        )
        raise ConfigurationError(msg)
    return grid


def thickness_at(library: Library, od: float) -> float:
    """Return the amount Σt at which the mean of the references has this optical density at its peak."""
    low, high = band_ev(library)
    mean = resample(library, np.linspace(low, high, 2000)).mean(axis=1)
    return od / float(mean.max())


def compositions(library: Library, question: Question) -> FloatArray:
    """Return the fractions of the phases to design for, shape (composition, phase).

    Raises
    ------
    ConfigurationError
        The range of lithium is not within that of the references, or holds no mixture.
    """
    lithium = library.lithium
    low, high = question.lithium_range or (float(lithium.min()), float(lithium.max()))
    if not (lithium.min() <= low <= high <= lithium.max()):
        msg = (
            f"lithium from {low:g} to {high:g} is expected, but the references go from "
            f"{lithium.min():g} to {lithium.max():g}; give a range within them, the lower end first"
        )
        raise ConfigurationError(msg)
    if question.mixtures is Mixtures.NEIGHBOURS:
        nodes, index, sharers = np.unique(lithium, return_inverse=True, return_counts=True)
        path = _path(nodes, low, high)
        tents = np.stack([np.interp(path, nodes, unit) for unit in np.eye(nodes.size)], axis=1)
        return tents[:, index] / sharers[index]
    steps = np.array(list(product(range(1, _SIMPLEX_LEVELS + 1), repeat=lithium.size)), dtype=float)
    total = _SIMPLEX_LEVELS + lithium.size - 1
    grid = steps[steps.sum(axis=1) == total] / total
    x = grid @ lithium
    grid = grid[(x >= low) & (x <= high)]
    if not grid.size:
        msg = f"no mixture of all phases was found with lithium from {low:g} to {high:g}; widen the range"
        raise ConfigurationError(msg)
    return grid


def _path(nodes: FloatArray, low: float, high: float) -> FloatArray:
    """Lithium contents between low and high that are not near a pure phase, if there are any."""
    count = _PAIR_POINTS if nodes.size == 2 else _PATH_POINTS
    points: list[FloatArray] = []
    for lower, upper in pairwise(nodes):
        margin = _PATH_MARGIN * (upper - lower)
        first, last = max(lower + margin, low), min(upper - margin, high)
        if first <= last:
            points.append(np.linspace(first, last, count if last > first else 1))
    return np.concatenate(points) if points else np.linspace(low, high, count if high > low else 1)
