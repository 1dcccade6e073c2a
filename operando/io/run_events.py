"""The events of a run to plans and lines, in whichever of the layouts they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from operando.cell import CellReading
from operando.errors import FrameRejected, RunRejected
from operando.io.block_lines import block_lines
from operando.io.cell_stream import cell_reading
from operando.io.cls_run import line_of
from operando.io.frames import Frames
from operando.io.image_series import SeriesBook
from operando.io.items import UNFORESEEN, Item, Rejection, unread
from operando.io.points import Points, beside_of, holds_points
from operando.io.reader_state import SCAN_STREAM, OpenRun
from operando.io.readings import whole
from operando.io.series_places import begun, joined
from operando.settings import LayoutSettings
from operando.types import Line, ScanPlan

__all__ = ["RunEvents"]

_BEFORE = "baseline"
"""What is read once before a scan and once behind it."""


@dataclass(frozen=True, slots=True)
class RunEvents:
    """Read the events of runs; what is learned of a run is kept in it.

    Attributes
    ----------
    settings
        Keys that an instrument names differently.
    book
        Series that are made of runs of one image, or of one energy, each.
    """

    settings: LayoutSettings
    book: SeriesBook

    def read(self, run: OpenRun, stream: str, name: str, document: Mapping[str, Any]) -> Iterator[Item]:
        """Yield what an event, or the events of a page, of any stream of a run hold."""
        indices = range(1 if name == "event" else len(document["seq_num"]))
        if stream == SCAN_STREAM:
            yield from run.light.settle(run.plan)
            for index in indices:
                yield from self._guarded_event(run, name, document, index)
            return
        events = [document] if name == "event" else [_event_of(document, index) for index in indices]
        if stream == _BEFORE and run.beside is None and events:
            run.beside = beside_of(events[0]["data"], run.keys[document["descriptor"]])
        elif run.light.is_of(stream):
            for event in events:
                yield from self._reference(run, stream, event)
        elif stream == self.settings.cell_stream:
            for event in events:
                yield _cell_item(run, event)

    def rest(self, run: OpenRun) -> Iterator[Item]:
        """Yield what a run has left when nothing more comes for it."""
        if run.points is not None and not run.is_refused:
            yield from self._read(run, run.points.rest())
        if not run.is_refused:
            yield from run.light.settle(run.plan)

    def _guarded_event(
        self, run: OpenRun, name: str, document: Mapping[str, Any], index: int
    ) -> Iterator[Item]:
        """Yield one event of a page, so that a bad one does not take its neighbours along."""
        try:
            event = document if name == "event" else _event_of(document, index)
            number = whole(event["seq_num"], "seq_num")
            run.sequence.count(number)
            if run.block is None or run.plan is None:
                yield from self._frame(run, number, event)
            elif run.image is not None:
                labelled = line_of(run.image, run.cycle, number, event, self.settings)
                yield from self._read(run, block_lines(run.block, run.plan, number, labelled))
            else:
                lines = list(block_lines(run.block, run.plan, number, event))
                if len(lines) > 1:
                    run.light.expect()
                yield from self._read(run, iter(lines))
        except FrameRejected as error:
            yield Rejection(run.uid, error)
        except UNFORESEEN as error:
            if isinstance(error, RunRejected):
                raise
            yield Rejection(run.uid, FrameRejected(unread("event", error)))

    def _frame(self, run: OpenRun, number: int, event: Mapping[str, Any]) -> Iterator[Item]:
        layout, keys = run.frames or run.points, run.keys[event["descriptor"]]
        if layout is None and holds_points(run.start, event["data"], keys, self.settings):
            layout = run.points = Points(run.uid, run.start, self.settings, run.beside)
        elif layout is None:
            layout = run.frames = Frames(run.uid, run.start, self.settings)
            run.light.expect()
        yield from self._read(run, layout.read(number, event, keys))

    def _read(self, run: OpenRun, items: Iterator[ScanPlan | Line]) -> Iterator[Item]:
        """Yield plans and lines as what they are, with their light."""
        for item in items:
            if isinstance(item, ScanPlan):
                if run.frames is not None:
                    run.light.say(is_amplitude=run.frames.is_amplitude)
                yield from begun(run, replace(item, light=run.light.kind), self.book)
            elif run.plan is not None and not run.is_refused:
                yield run.light.read(joined(run, run.plan, item), run.plan)

    def _reference(
        self, run: OpenRun, stream: str, event: Mapping[str, Any]
    ) -> Iterator[ScanPlan | Line | Rejection]:
        """Take note of a frame without sample or light; yield what it says more of."""
        light = run.light
        try:
            yield from light.note(stream, event, run.keys[event["descriptor"]], run.start, run.plan)
        except FrameRejected as error:
            yield Rejection(run.uid, error)
        except UNFORESEEN as error:
            yield Rejection(run.uid, FrameRejected(unread("reference", error)))
        if run.plan is not None and run.plan.light is not light.kind:
            run.plan = replace(run.plan, light=light.kind)
            yield run.plan


def _cell_item(run: OpenRun, event: Mapping[str, Any]) -> CellReading | Rejection:
    try:
        return cell_reading(run.uid, event, run.keys[event["descriptor"]])
    except FrameRejected as error:
        return Rejection(run.uid, error)


def _event_of(page: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Return one event of a page, without the columns that do not reach so far."""
    event: dict[str, Any] = {"descriptor": page["descriptor"], "seq_num": page["seq_num"][index]}
    if index < len(page["time"]):
        event["time"] = page["time"][index]
    for part in ("data", "timestamps"):
        columns = page.get(part) or {}
        event[part] = {key: column[index] for key, column in columns.items() if index < len(column)}
    return event
