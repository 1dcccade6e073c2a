"""What the marked regions say now, and said in every cycle of record that is still kept.

A point of a region's curve follows from the data of its cycle, its outline and the masks alone. So a
region drawn late has the same bits as one that was there from the start, for the cycles kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from operando.core.composite import Composite
from operando.core.curve import Point, curve_of
from operando.core.fit import Design
from operando.core.region import RegionFit, fit_spectrum
from operando.core.shared_errors import SharedErrors
from operando.core.simultaneous import Part, parts_of, spectrum_at
from operando.regions import Marks, Region, covered
from operando.types import Curve, FloatArray, LithiationMap, MaskArray, RegionResult, ScanGrid

__all__ = ["Model", "RegionBook", "marked", "noted", "results_of", "unmasked_curve", "without_pages"]

_BUDGET_BYTES = 256 * 2**20
"""For cycles kept: 30 of 512 × 512 pixels and 5 energies, of which 4 in 10 hold material; 870 of 96 × 96."""


@dataclass(frozen=True, slots=True)
class Model:
    """What regions are fitted with.

    Attributes
    ----------
    design
        The model for the energies of the scan.
    shared
        What is uncertain beside the counts, and the same in all pixels.
    half_range_ev
        Half of the range of energies, which the slope of the background is counted in.
    """

    design: Design
    shared: SharedErrors
    half_range_ev: float


@dataclass(frozen=True, slots=True)
class _Past:
    """An older image of every energy at the pixels of a page, against the newest, in half precision.

    Three digits of a difference are more than its noise leaves of it.

    Attributes
    ----------
    step
        Optical density less that of the newest image, shape (energy, pixel).
    variance_ratio
        Variance in units of that of the newest image, same shape.
    row_time_s
        Shape (energy, ny).
    """

    step: NDArray[np.float16]
    variance_ratio: NDArray[np.float16]
    row_time_s: FloatArray

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.step.nbytes + self.variance_ratio.nbytes + self.row_time_s.nbytes


@dataclass(frozen=True, slots=True)
class _Page:
    """The pixels with a lithium content of one cycle of record, in single precision.

    Attributes
    ----------
    cycle, time_s
        Which, and the time its map speaks for.
    valid
        Which pixels they are, shape (ny, nx), packed into bits.
    od, variance
        Of the newest images, shape (energy, pixel).
    row_time_s
        Of the newest images, shape (energy, ny).
    older
        The images before, as far as the estimator uses them.
    shared_variance, own_share
        Shape (energy,).
    """

    cycle: int
    time_s: float
    valid: NDArray[np.uint8]
    od: NDArray[np.float32]
    variance: NDArray[np.float32]
    row_time_s: FloatArray
    older: tuple[_Past, ...]
    shared_variance: FloatArray
    own_share: FloatArray

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        newest = self.valid.nbytes + self.od.nbytes + self.variance.nbytes + self.row_time_s.nbytes
        return newest + sum(past.nbytes for past in self.older)


@dataclass(frozen=True, slots=True)
class RegionBook:
    """The marks of a run, and the cycles that are kept for marks yet to come.

    Attributes
    ----------
    marks
        What is marked.
    covers
        The pixels of each region that no mask covers, shape (ny, nx) each.
    unmasked
        All pixels that no mask covers; None without masks.
    points
        By region and cycle.
    unmasked_points
        Of the field without the masks, by cycle.
    pages
        The newest cycles of record, ascending, as many as the budget holds and the last in any case.
    budget_bytes
        Memory for them.
    """

    marks: Marks = field(default_factory=Marks)
    covers: tuple[MaskArray, ...] = ()
    unmasked: MaskArray | None = None
    points: tuple[Mapping[int, Point], ...] = ()
    unmasked_points: Mapping[int, Point] = field(default_factory=dict[int, Point])
    pages: tuple[_Page, ...] = ()
    budget_bytes: int = _BUDGET_BYTES


def marked(book: RegionBook, marks: Marks, grid: ScanGrid, model: Model) -> RegionBook:
    """Return the book with other marks; regions in a place that was marked before keep their points."""
    masks = [covered(mask, grid.x_um, grid.y_um) for mask in marks.masks]
    unmasked = ~np.logical_or.reduce(masks) if masks else None
    everywhere = np.ones(grid.shape, np.bool_) if unmasked is None else unmasked
    has_same_masks = [_place(mask) for mask in marks.masks] == [_place(mask) for mask in book.marks.masks]
    known = dict(zip(map(_place, book.marks.regions), book.points, strict=True)) if has_same_masks else {}
    covers = tuple(covered(region, grid.x_um, grid.y_um) & everywhere for region in marks.regions)
    points: list[Mapping[int, Point]] = []
    for region, cover in zip(marks.regions, covers, strict=True):
        place = _place(region)
        points.append(known[place] if place in known else _read(book.pages, cover, model))
    if has_same_masks:
        unmasked_points = book.unmasked_points
    else:
        unmasked_points = {} if unmasked is None else _read(book.pages, unmasked, model)
    return replace(
        book,
        marks=marks,
        covers=covers,
        unmasked=unmasked,
        points=tuple(points),
        unmasked_points=unmasked_points,
    )


def noted(book: RegionBook, composite: Composite, fitted: LithiationMap, model: Model) -> RegionBook:
    """Return the book knowing a cycle of record, in place of what it knew of that cycle before."""
    page = _page_of(composite, fitted)
    others = [other for other in book.pages if other.cycle != page.cycle]
    pages = sorted([*others, page], key=lambda each: each.cycle)
    while len(pages) > 1 and sum(each.nbytes for each in pages) > book.budget_bytes:
        del pages[0]
    points = tuple(
        _with_point(known, page, cover, model) for known, cover in zip(book.points, book.covers, strict=True)
    )
    unmasked_points = book.unmasked_points
    if book.unmasked is not None:
        unmasked_points = _with_point(unmasked_points, page, book.unmasked, model)
    return replace(book, points=points, unmasked_points=unmasked_points, pages=tuple(pages))


def without_pages(book: RegionBook) -> RegionBook:
    """Return the book with marks and points alone: what is worth keeping on disk every few seconds."""
    return replace(book, pages=())


def results_of(
    book: RegionBook, composite: Composite, fitted: LithiationMap, model: Model
) -> tuple[RegionResult, ...]:
    """Return what the regions say in a map, of record or not, and their curves so far."""
    return tuple(
        _result(region, _fit(composite, fitted, cover, model), curve_of(points), model)
        for region, cover, points in zip(book.marks.regions, book.covers, book.points, strict=True)
    )


def unmasked_curve(book: RegionBook) -> Curve | None:
    """Return the curve of the field without the masks; None where there are none."""
    return None if book.unmasked is None else curve_of(book.unmasked_points)


def _place(region: Region) -> tuple[tuple[float, float], ...]:
    return region.polygon_um


def _page_of(composite: Composite, fitted: LithiationMap) -> _Page:
    valid = fitted.valid
    newest, *older = parts_of(composite.images, valid)
    return _Page(
        cycle=fitted.cycle,
        time_s=fitted.time_s,
        valid=np.packbits(valid),
        od=newest.od.astype(np.float32),
        variance=newest.variance.astype(np.float32),
        row_time_s=newest.row_time_s,
        older=tuple(_past_of(part, newest) for part in older),
        shared_variance=composite.shared_variance,
        own_share=composite.own_share,
    )


def _past_of(part: Part, newest: Part) -> _Past:
    # What half precision cannot hold is not finite, which means unknown.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        step = (part.od - newest.od).astype(np.float16)
        ratio = (part.variance / newest.variance).astype(np.float16)
    return _Past(step, ratio, part.row_time_s)


def _parts_inside(page: _Page, valid: MaskArray, cover: MaskArray) -> tuple[Part, ...]:
    """Return the pixels of a page within a cover, as `parts_of` does."""
    inside, rows = cover[valid], np.nonzero(valid & cover)[0]
    od, variance = page.od[:, inside].astype(np.float64), page.variance[:, inside].astype(np.float64)
    older = (
        Part(od + past.step[:, inside], variance * past.variance_ratio[:, inside], rows, past.row_time_s)
        for past in page.older
    )
    return Part(od, variance, rows, page.row_time_s), *older


def _read(pages: Iterable[_Page], cover: MaskArray, model: Model) -> Mapping[int, Point]:
    points: Mapping[int, Point] = {}
    for page in pages:
        points = _with_point(points, page, cover, model)
    return points


def _with_point(
    points: Mapping[int, Point], page: _Page, cover: MaskArray, model: Model
) -> Mapping[int, Point]:
    """Return points with that of a cycle, or without it where the region has no pixel there."""
    others = {cycle: point for cycle, point in points.items() if cycle != page.cycle}
    valid = np.unpackbits(page.valid, count=cover.size).reshape(cover.shape).astype(bool)
    if not (valid & cover).any() or len(page.od) != len(model.design.matrix):
        return others
    parts = _parts_inside(page, valid, cover)
    spectrum = spectrum_at(parts, page.shared_variance, page.time_s, page.own_share)
    found = fit_spectrum(spectrum, model.design, model.shared)
    if found is None:
        return others
    whole = found.fit
    x, error = float(whole.lithium[0]), float(whole.lithium_error[0])
    return {**others, page.cycle: Point(page.time_s, x, error, found.pixels)}


def _fit(composite: Composite, fitted: LithiationMap, cover: MaskArray, model: Model) -> RegionFit | None:
    inside = fitted.valid & cover
    if not inside.any():
        return None
    parts = parts_of(composite.images, inside)
    spectrum = spectrum_at(parts, composite.shared_variance, fitted.time_s, composite.own_share)
    return fit_spectrum(spectrum, model.design, model.shared)


def _result(region: Region, found: RegionFit | None, curve: Curve, model: Model) -> RegionResult:
    energies, phases = len(model.design.matrix), model.design.phases
    nan = float("nan")
    if found is None:
        none, nothing = np.full(energies, nan), np.full(phases, nan)
        return RegionResult(
            region, 0, none, none, nothing, nothing, nan, 0.0, 0.0, nan, nan, nan, nan, curve
        )  # fmt: skip
    whole = found.fit
    background = [float(coefficient) for coefficient in whole.background[:, 0]]
    return RegionResult(
        region=region,
        pixels=found.pixels,
        od=found.od,
        od_error=np.sqrt(found.variance),
        fraction=whole.fraction[:, 0],
        fraction_error=whole.fraction_error[:, 0],
        thickness=float(whole.thickness[0]),
        background=background[0] if background else 0.0,
        background_slope=background[1] / model.half_range_ev if len(background) > 1 else 0.0,
        lithium=float(whole.lithium[0]),
        lithium_error=float(whole.lithium_error[0]),
        chi2=float(whole.chi2[0]),
        r_factor=float(whole.r_factor[0]),
        curve=curve,
    )
