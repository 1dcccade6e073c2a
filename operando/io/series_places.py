"""Runs of one image, or of one energy, to their place in a series; others have a plan of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from operando.errors import FrameRejected
from operando.io.cls_run import ClsImage
from operando.io.image_series import GRIDS_OF_ONE_ENERGY, SeriesBook
from operando.io.items import Item, Rejection
from operando.io.reader_state import OpenRun
from operando.types import Line, ScanPlan

__all__ = ["begun", "joined", "placed_image"]


def placed_image(run: OpenRun, image: ClsImage, book: SeriesBook) -> Iterator[Item]:
    """Find the place of a run that is one image of a series."""
    plan = image.block.plan(run.uid, run.start)
    run.block, run.stack = image.block, image.stack
    yield from book.ended_by(image.scan, plan.started_s)
    try:
        series = book.of(image.stack, image.scan, plan, float(plan.energies_ev[image.energy]))
        run.cycle = series.place(image.energy, plan.started_s)
    except FrameRejected as error:
        yield _left_out(run, error, book)
        return
    run.plan = series.plan
    if series.plan.run == run.uid:
        yield series.plan


def begun(run: OpenRun, plan: ScanPlan, book: SeriesBook) -> Iterator[Item]:
    """Yield the plan of a run whose events say it; a grid of one energy finds its place in a series."""
    if run.points is None or not run.points.is_at_one_energy:
        if run.plan is None:
            yield from book.ended_by("", plan.started_s)
        run.plan = plan
        yield plan
        return
    yield from book.ended_by(GRIDS_OF_ONE_ENERGY, plan.started_s)
    run.stack = book.field_of(plan)
    energy_ev, dwell_ms = float(plan.energies_ev[0]), float(plan.dwell_ms[0])
    try:
        series = book.of(run.stack, GRIDS_OF_ONE_ENERGY, replace(plan, cycles=None, is_open=True), energy_ev)
        before = series.plan if series.cycles else None
        run.energy = series.learn(energy_ev, dwell_ms)
        run.cycle = series.place(run.energy, plan.started_s)
    except FrameRejected as error:
        yield _left_out(run, error, book)
        return
    yield from book.crowded_out(plan.started_s)
    run.plan = series.plan
    if series.plan is not before:
        yield series.plan


def joined(run: OpenRun, plan: ScanPlan, line: Line) -> Line:
    """Return a line at its place in the series, if its run is a grid of one energy."""
    if run.points is None or not run.stack:
        return line
    return replace(line, run=plan.run, cycle=run.cycle, energy=run.energy)


def _left_out(run: OpenRun, error: FrameRejected, book: SeriesBook) -> Rejection:
    """Give up a run that has no place in its series, of which that is said."""
    run.is_refused = True
    known = book.series.get(run.stack)
    return Rejection(run.uid if known is None else known.plan.run, error)
