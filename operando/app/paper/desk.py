"""Where orders for paper come together: from a results file, or from the window; and where the files go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from operando.app.fresh import refuse_existing
from operando.app.paper.drawing import draw
from operando.app.paper.sheet import SUFFIXES
from operando.errors import ConfigurationError, OperandoError
from operando.io.atomic import replacement
from operando.io.curves_csv import curves_csv
from operando.io.results_moment import read_moment, read_rows, read_settings
from operando.types import Snapshot
from operando.view.bands import Rows, bands_of
from operando.view.history import History
from operando.view.maps import Surroundings, map_levels
from operando.view.orders import MapOrder, Order, Orders, SpectrumOrder, TimeOrder
from operando.view.quantities import MapKind, choice_of, choices_of
from operando.view.spectrum import Spectrum, default_pixel, spectrum_at, spectrum_of_region
from operando.view.timeline import present_timeline

__all__ = ["Subject", "picture_from", "put_on_paper", "settings_beside", "table_from"]

_USUAL_FROM = 8


@dataclass(frozen=True, slots=True)
class Subject:
    """What a picture is to show.

    Attributes
    ----------
    panel
        "spectrum", "time", or the key of a map, such as "lithium" or "fraction:1".
    cycle
        Which, from 0; None for the last.
    at_um
        (x, y) of the pixel of a spectrum; None for the thickest.
    region
        Name of the region of a spectrum; None for a pixel.
    palette
        "viridis" or "cividis".
    """

    panel: str = "lithium"
    cycle: int | None = None
    at_um: tuple[float, float] | None = None
    region: str | None = None
    palette: str = "viridis"


def picture_from(results: Path, subject: Subject, output: Path) -> None:
    """Draw a panel of a results file.

    Parameters
    ----------
    results
        A results file.
    subject
        What to draw.
    output
        .png or .svg; must not exist.

    Raises
    ------
    ConfigurationError
        The output exists or ends otherwise; there is no such map, cycle, pixel or region.
    SourceUnreachable, DamagedFileError
        There is no such file, or it is no results file.
    """
    if output.suffix.lower() not in SUFFIXES:
        msg = f"{output} ends in '{output.suffix}'; pictures are written as .png or .svg"
        raise ConfigurationError(msg)
    refuse_existing(output)
    draw(_order(results, subject), output)


def table_from(results: Path, output: Path) -> int:
    """Write the curves of a results file as text; return how many cycles they are about.

    Parameters
    ----------
    results
        A results file.
    output
        The table; must not exist.

    Raises
    ------
    ConfigurationError
        The output exists or does not end in .csv, or there is no finished cycle.
    SourceUnreachable, DamagedFileError
        There is no such file, or it is no results file.
    """
    if output.suffix.lower() != ".csv":
        msg = f"{output} ends in '{output.suffix}'; the curves are written as .csv, which spreadsheets open"
        raise ConfigurationError(msg)
    refuse_existing(output)
    snapshot = read_moment(results)
    _write(output, curves_csv(snapshot, read_settings(results)))
    return snapshot.curve.cycle.size


def put_on_paper(orders: Orders, folder: Path, settings: Mapping[str, str | float | int]) -> tuple[Path, ...]:
    """Draw all that stands in a window as PNG and as SVG, and write the curves; return the files.

    Parameters
    ----------
    orders
        What stands there.
    folder
        Where the files go; none that is there is written over.
    settings
        What the fit was done with, for the table.

    Raises
    ------
    OSError
        A file cannot be written.
    """
    stem = _free_stem(folder, orders)
    made: list[Path] = []
    for name, order in orders.panels.items():
        for suffix in SUFFIXES:
            made.append(folder / f"{stem}-{name}{suffix}")
            draw(order, made[-1])
    made.append(folder / f"{stem}-curves.csv")
    _write(made[-1], curves_csv(orders.snapshot, settings))
    return tuple(made)


def _free_stem(folder: Path, orders: Orders) -> str:
    """Return the beginning of names of which there is no file yet."""
    number, stem = 1, orders.stem
    while any(folder.glob(f"{stem}-*")):
        number += 1
        stem = f"{orders.stem}-{number}"
    return stem


def _order(results: Path, subject: Subject) -> Order:
    snapshot = read_moment(results, subject.cycle)
    if subject.panel == "time":
        return TimeOrder(snapshot, present_timeline(_past(snapshot), _history(results, snapshot)))
    if subject.panel == "spectrum":
        return SpectrumOrder(snapshot, _spectrum(snapshot, subject))
    there = {choice.key: choice for choice in choices_of(snapshot)}
    try:
        choice = there[choice_of(subject.panel).key]
    except (ValueError, KeyError):
        msg = f"'{subject.panel}' is no panel; expected spectrum, time, {_listed(there)}"
        raise ConfigurationError(msg) from None
    before = _before(results, snapshot) if choice.kind is MapKind.CHANGE else None
    levels = map_levels(snapshot, choice, None, before or Surroundings())
    return MapOrder(snapshot, choice, levels, subject.palette, before or Surroundings())


def _listed(panels: Iterable[str]) -> str:
    """Return the names of panels; of those that are numbered the last one stands for all."""
    last: dict[str, str] = {}
    for panel in panels:
        kind, *_ = panel.split(":")
        last[kind] = f"{kind} (to {panel})" if ":" in panel else panel
    return ", ".join(last.values())


def _before(results: Path, snapshot: Snapshot) -> Surroundings:
    """Return the lithium content of the cycle before, which a change counts from."""
    cycle = 0 if snapshot.map is None else snapshot.map.cycle
    earlier = read_moment(results, cycle - 1).map
    return Surroundings(None if earlier is None else earlier.lithium)


def _spectrum(snapshot: Snapshot, subject: Subject) -> Spectrum:
    if subject.region is not None:
        for result in snapshot.regions:
            if result.region.name == subject.region:
                return spectrum_of_region(snapshot, result)
        names = ", ".join(result.region.name for result in snapshot.regions)
        there = f"there is: {names}" if names else "none was drawn in the window while it was fitted"
        msg = f"there is no region '{subject.region}' in the results; {there}"
        raise ConfigurationError(msg)
    pixel = default_pixel(snapshot) if subject.at_um is None else _pixel(snapshot, *subject.at_um)
    if pixel is None:
        msg = "no pixel has been measured: there is no spectrum"
        raise ConfigurationError(msg)
    return spectrum_at(snapshot, *pixel)


def _pixel(snapshot: Snapshot, x_um: float, y_um: float) -> tuple[int, int]:
    """Return the (row, column) of the pixel that a place is in."""
    grid = snapshot.plan.grid
    found: list[int] = []
    for name, at_um, centres_um in (("y", y_um, grid.y_um), ("x", x_um, grid.x_um)):
        place = int(np.argmin(np.abs(centres_um - at_um)))
        half_um = np.ptp(centres_um) / max(centres_um.size - 1, 1) / 2 or 0.5
        if not abs(centres_um[place] - at_um) <= half_um * (1 + 1e-6):
            msg = (
                f"{name} = {at_um:g} µm is outside the field, which reaches from "
                f"{centres_um.min():g} to {centres_um.max():g} µm"
            )
            raise ConfigurationError(msg)
        found.append(place)
    return found[0], found[1]


def _past(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot of which all rows are in the history."""
    return replace(snapshot, row_time_s=np.full_like(snapshot.row_time_s, np.nan))


def _history(results: Path, snapshot: Snapshot) -> History:
    """Return what the rows of all cycles say of pauses and lost beam."""
    earlier: list[Rows] = []
    bands = []
    for cycle, rows in read_rows(results):
        found = Rows(*rows)
        if np.isfinite(found.time_s).any():
            bands.append((cycle, bands_of(found, earlier[-_USUAL_FROM:])))
            earlier.append(found)
    return History(run=snapshot.plan.run, bands_by_cycle=tuple(bands))


def _write(path: Path, text: str) -> None:
    with replacement(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def settings_beside(results: Path) -> Mapping[str, str | float | int]:
    """Return the settings of a results file; none while there is no such file."""
    try:
        return read_settings(results)
    except OperandoError:
        return {}
