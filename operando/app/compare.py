"""Two results of one field, held against each other pixel by pixel: figures, a picture, a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operando.app.fresh import refuse_existing
from operando.errors import ConfigurationError
from operando.io.atomic import replacement
from operando.io.difference_page import difference_page
from operando.io.difference_picture import Difference, difference_png
from operando.io.results import Results, map_of, read_results
from operando.regions import Region, covered
from operando.types import MaskArray

__all__ = ["Compared", "Comparison", "compare", "draw"]

_GROUPS = ((0.2, 0.5), (0.5, 1.0), (1.0, 2.5))
"""Ranges of thickness, in units of the references, that pixels are grouped by."""

_MAD_TO_SIGMA = 1.48
"""A normal distribution has a standard deviation of 1.48 times its median absolute deviation."""

_SAME_PLACE_PX = 0.01
"""Two scans of one plan have the same positions but for rounding."""

_PICTURE, _PAGE = ".png", ".html"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two maps differ over some pixels.

    Attributes
    ----------
    region
        Name of the region; None for the whole field.
    thickness
        The range of thickness in the second result; None for any.
    pixels
        Number of pixels valid in both.
    spread
        1.48 × median absolute deviation of x₁ - x₂ from its median.
    median
        Median of x₁ - x₂.
    median_sigmas
        Median of |x₁ - x₂| / √(σ₁² + σ₂²); 0.67 for independent errors and no difference.
    """

    region: str | None
    thickness: tuple[float, float] | None
    pixels: int
    spread: float
    median: float
    median_sigmas: float

    @property
    def name(self) -> str:
        """What the pixels are called."""
        if self.region is not None:
            return self.region
        return "whole field" if self.thickness is None else "{:g} to {:g}".format(*self.thickness)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two results of one field.

    Attributes
    ----------
    first, second
        The results.
    difference
        Of the cycles that are compared.
    rows
        Of the whole field, of its ranges of thickness, and of each region.
    """

    first: Results
    second: Results
    difference: Difference
    rows: tuple[Comparison, ...]


def compare(first: Path, second: Path, regions: Sequence[Region] = ()) -> Compared:
    """Compare two results files: the last cycle that both have of one run, or the last ones of two runs.

    Parameters
    ----------
    first, second
        Results files.
    regions
        Parts of the field that have figures of their own.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        A file cannot be read.
    ConfigurationError
        They hold no cycle to compare, their pixels are not the same, or they count lithium in formula units
        that are not the same.
    """
    one, other = read_results(first), read_results(second)
    _refuse_unlike(first, one, second, other)
    places = _places(first, one, second, other)
    before, after = map_of(one, places[0]), map_of(other, places[1])
    valid = before.valid & after.valid
    change = np.where(valid, before.lithium - after.lithium, np.nan)
    error = np.hypot(before.lithium_error, after.lithium_error)
    difference = Difference(
        grid=one.plan.grid,
        first=before,
        second=after,
        lithium=change,
        sigmas=np.divide(np.abs(change), error, out=np.full(change.shape, np.nan), where=valid & (error > 0)),
    )
    chosen = [
        (None, None, valid),
        *(
            (None, (low, high), valid & (after.thickness >= low) & (after.thickness < high))
            for low, high in _GROUPS
        ),
        *((region.name, None, valid & covered(region, one.x_um, one.y_um)) for region in regions),
    ]
    rows = tuple(_row(difference, region, thickness, pixels) for region, thickness, pixels in chosen)
    return Compared(one, other, difference, rows)


def draw(compared: Compared, names: tuple[str, str], output: Path) -> None:
    """Write the maps of a comparison: a `.png`, or with the figures and settings a `.html`.

    Parameters
    ----------
    compared
        The two, and how they differ.
    names
        What the two are called.
    output
        The file; must not exist.

    Raises
    ------
    ConfigurationError
        It exists, or has another ending.
    """
    if output.suffix.lower() not in {_PICTURE, _PAGE}:
        msg = f"{output} ends in '{output.suffix}'; a comparison is drawn as {_PICTURE} or {_PAGE}"
        raise ConfigurationError(msg)
    refuse_existing(output)
    picture = difference_png(compared.difference, compared.second.phases, names)
    if output.suffix.lower() == _PICTURE:
        content = picture
    else:
        figures = [
            (
                row.name if row.thickness is None else f"thickness {row.name}",
                str(row.pixels),
                row.median,
                row.spread,
                row.median_sigmas,
            )
            for row in compared.rows
        ]
        content = difference_page((compared.first, compared.second), names, figures, picture).encode()
    with replacement(output) as part:
        part.write_bytes(content)


def _row(
    difference: Difference, region: str | None, thickness: tuple[float, float] | None, pixels: MaskArray
) -> Comparison:
    change = difference.lithium[pixels]
    if not change.size:
        unknown = float("nan")
        return Comparison(region, thickness, 0, unknown, unknown, unknown)
    sigmas = difference.sigmas[pixels]
    known = sigmas[np.isfinite(sigmas)]
    median = float(np.median(change))
    return Comparison(
        region=region,
        thickness=thickness,
        pixels=change.size,
        spread=_MAD_TO_SIGMA * float(np.median(np.abs(change - median))),
        median=median,
        median_sigmas=float(np.median(known)) if known.size else float("nan"),
    )


def _refuse_unlike(first: Path, one: Results, second: Path, other: Results) -> None:
    for path, results in ((first, one), (second, other)):
        if not results.cycle.size:
            msg = f"{path} holds no finished cycle; there is nothing to compare"
            raise ConfigurationError(msg)
    if one.lithium.shape[1:] != other.lithium.shape[1:]:
        msg = (
            f"{first} has {one.lithium.shape[1:]} pixels and {second} {other.lithium.shape[1:]}; "
            "only results of one field can be compared"
        )
        raise ConfigurationError(msg)
    pitch_um = max(_pitch_um(one.x_um), _pitch_um(one.y_um))
    apart_um = max(
        float(np.abs(here - there).max()) for here, there in ((one.x_um, other.x_um), (one.y_um, other.y_um))
    )
    if apart_um > _SAME_PLACE_PX * pitch_um:
        msg = (
            f"the pixels of {first} and {second} lie up to {apart_um:g} µm apart; "
            "only results of one field can be compared"
        )
        raise ConfigurationError(msg)
    formulas = [str(results.process.get("formula", "")) for results in (one, other)]
    if all(formulas) and formulas[0] != formulas[1]:
        msg = (
            f"x of {first} is lithium in {formulas[0]}, and of {second} in {formulas[1]}: they are not "
            "the same quantity; fit one of them with a library.toml that has the other's formula"
        )
        raise ConfigurationError(msg)


def _places(first: Path, one: Results, second: Path, other: Results) -> tuple[int, int]:
    """Return which cycles are compared, by their places."""
    if one.plan.run != other.plan.run:
        return -1, -1
    common = np.intersect1d(one.cycle, other.cycle)
    if not common.size:
        msg = f"{first} and {second} have no cycle of run {one.plan.run[:8]} in common; finish one of them"
        raise ConfigurationError(msg)
    return _place(one, common[-1]), _place(other, common[-1])


def _place(results: Results, cycle: int) -> int:
    return int(np.flatnonzero(results.cycle == cycle)[0])


def _pitch_um(centres_um: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(np.abs(np.diff(centres_um)).max()) if centres_um.size > 1 else 1.0
