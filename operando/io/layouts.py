"""Bluesky documents to plans and lines: which key is what.

Five layouts are told apart by what the documents themselves hold, not by who wrote them:

* a `stxm` block in the start document and one event per line (ALS run-layout contract v1, and
  `operando_plans`, whose events also carry `cycle`, `energy_index` and `row`);
* a `stxm` block and one event per image;
* no block, one event per image with the energy beside it;
* a grid scan of bluesky, one event per point: rows are put together from them, and runs of one energy
  become one series;
* metadata of pyStxm (CLS), one run per image: the runs of a stack become one series.

Any of them may have streams of images without the sample and without light: see `reference_frames`.
Where a descriptor and the data disagree, the data and the start document win.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

from operando.cell import CellReading
from operando.core.absorption import Detector
from operando.errors import FrameRejected, RunRejected
from operando.io.block_lines import block_lines
from operando.io.cell_stream import cell_reading
from operando.io.cls_run import ClsImage, cls_image_of, line_of
from operando.io.frames import Frames
from operando.io.image_series import GRIDS_OF_ONE_ENERGY, SeriesBook
from operando.io.points import Beside, Points, beside_of, holds_points
from operando.io.readings import text, whole
from operando.io.run_light import RunLight
from operando.io.sequence import MAX_GAP, Sequence
from operando.io.startdoc import Block, block_of
from operando.settings import LayoutSettings
from operando.types import Line, RunClosed, ScanPlan

__all__ = ["MAX_OPEN_RUNS", "DocumentReader", "Item", "ReaderState", "Rejection"]

_STREAM = "primary"
_BEFORE = "baseline"
"""What is read once before a scan and once behind it."""
MAX_OPEN_RUNS = 8
"""Runs that have begun and not stopped. When one more begins, the one that was silent longest is over."""
_MAX_CLOSED = 16_384
"""Runs and streams that are remembered as over."""
_READ = frozenset({"start", "descriptor", "event", "event_page", "stop"})
_PASSED_OVER = frozenset({"resource", "datum", "datum_page", "stream_resource", "stream_datum"})
_CONTENT = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""What content that nobody foresaw raises where it is read."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A document that was refused: one line or frame, or a whole run."""

    run: str
    error: FrameRejected | RunRejected


Item: TypeAlias = ScanPlan | Line | RunClosed | CellReading | Rejection


@dataclass(slots=True)
class _Run:
    """What has been learned of one run."""

    uid: str
    start: Mapping[str, Any]
    light: RunLight
    block: Block | None = None
    plan: ScanPlan | None = None
    streams: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    sequence: Sequence = field(default_factory=Sequence)
    frames: Frames | None = None
    points: Points | None = None
    is_refused: bool = False
    image: ClsImage | None = None
    stack: str = ""
    cycle: int = 0
    energy: int = 0
    beside: Beside | None = None

    @property
    def gaps(self) -> int:
        """Events that were passed over in the numbering; none where the run is no scan."""
        # A refused run's events are not counted any more, so its numbering says nothing.
        return self.sequence.missing if self.is_scan else 0

    @property
    def is_scan(self) -> bool:
        """Whether its events are read and fitted."""
        return self.plan is not None and not self.is_refused


@dataclass(slots=True)
class ReaderState:
    """What a reader has learned: enough to go on in another process.

    Attributes
    ----------
    runs
        Those that have begun and not ended, the one that was silent longest first.
    closed
        Runs that are over and their descriptors; whether they were given up rather than stopped.
    lost, repeated
        Of closed runs.
    unknown
        Documents of no known name or run.
    book
        Series that are made of runs of one image each.
    """

    runs: dict[str, _Run] = field(default_factory=dict[str, _Run])
    closed: dict[str, bool] = field(default_factory=dict[str, bool])
    lost: int = 0
    repeated: int = 0
    unknown: int = 0
    book: SeriesBook = field(default_factory=SeriesBook)


class DocumentReader:
    """Turn documents of any number of interleaved runs into plans, lines and endings.

    A run without a stop document cannot be waited for without end: when `MAX_OPEN_RUNS` are open and
    one more begins, the one that was silent longest is closed as incomplete.

    Parameters
    ----------
    settings
        Keys that an instrument names differently; what is left out is found by itself.
    state
        Of a reader with the same settings, to go on from; taken over.
    detector
        Its ceiling and dark level, which belong to raw readings: they are needed where dark frames are
        taken off.

    Attributes
    ----------
    state
        What it has learned so far.
    """

    def __init__(
        self,
        settings: LayoutSettings | None = None,
        state: ReaderState | None = None,
        detector: Detector | None = None,
    ) -> None:
        self._settings = settings or LayoutSettings()
        self._detector = detector or Detector()
        self.state = state or ReaderState()
        self._run_of_descriptor = {
            descriptor: run for run in self.state.runs.values() for descriptor in run.streams
        }

    @property
    def lost(self) -> int:
        """Events missing from the numbering of their stream, over all runs that are scans."""
        return self.state.lost + sum(run.gaps for run in self.state.runs.values())

    @property
    def repeated(self) -> int:
        """Events that came again with a number that had come, over all runs."""
        return self.state.repeated + sum(run.sequence.repeated for run in self.state.runs.values())

    @property
    def unknown(self) -> int:
        """Documents of no known name or run."""
        return self.state.unknown

    def read(self, name: str, document: Mapping[str, Any]) -> Iterator[Item]:
        """Yield what one document holds; never raises on its content.

        Parameters
        ----------
        name
            "start", "descriptor", "event", "event_page" or "stop"; documents about external data
            are passed over, names that bluesky does not have are counted as unknown.
        document
            As bluesky emits it.
        """
        if name in _PASSED_OVER:
            return
        try:
            uid = self._run_uid(name, document)
        except _CONTENT:
            uid = None
        if name not in _READ or uid is None:
            self._pass_over(document)
            return
        try:
            yield from self._dispatch(name, uid, document)
        except FrameRejected as error:
            yield Rejection(uid, error)
        except RunRejected as error:
            yield self._refuse(uid, error)
        except _CONTENT as error:
            if name == "start":
                # Without it nothing of the run can be read.
                yield self._refuse(uid, RunRejected(_unread(name, error)))
            else:
                yield Rejection(uid, FrameRejected(_unread(name, error)))

    def endings(self) -> Iterator[Item]:
        """Yield what is left of open runs if nothing more comes: rows that lack points, endings of series."""
        for run in self.state.runs.values():
            yield from self._rest(run)
        for series in self.state.book.series.values():
            yield from series.endings()

    def _pass_over(self, document: object) -> None:
        stream = (
            cast("Mapping[str, Any]", document).get("descriptor") if isinstance(document, Mapping) else ""
        )
        if isinstance(stream, str) and self.state.closed.get(stream) is False:
            # Delivered again after its run had stopped.
            self.state.repeated += 1
        else:
            self.state.unknown += 1

    def _run_uid(self, name: str, document: Mapping[str, Any]) -> str | None:
        key = {"start": "uid", "descriptor": "run_start", "stop": "run_start"}.get(name)
        if key is not None:
            uid = document.get(key)
            return uid if isinstance(uid, str) else None
        run = self._run_of_descriptor.get(str(document.get("descriptor")))
        return None if run is None else run.uid

    def _dispatch(self, name: str, uid: str, document: Mapping[str, Any]) -> Iterator[Item]:
        if name == "start":
            yield from self._start(uid, document)
            return
        run = self.state.runs.pop(uid, None)
        if run is None:
            if uid not in self.state.closed:
                msg = f"a {name} of run {uid[:8]} came without its start document"
                raise FrameRejected(msg)
            return
        self.state.runs[uid] = run
        if name == "stop":
            yield from self._stop(run, document)
        elif name == "descriptor":
            stream, uid, keys = document["name"], document["uid"], document["data_keys"]
            if not isinstance(keys, Mapping):
                msg = f"a descriptor has data_keys of type {type(keys).__name__}; expected a block of keys"
                raise FrameRejected(msg)
            run.streams[uid] = stream
            run.keys[uid] = keys
            self._run_of_descriptor[uid] = run
        elif not run.is_refused:
            yield from self._events(run, run.streams[document["descriptor"]], name, document)

    def _events(self, run: _Run, stream: str, name: str, document: Mapping[str, Any]) -> Iterator[Item]:
        """Yield what an event, or the events of a page, of any stream of a run hold."""
        indices = range(1 if name == "event" else len(document["seq_num"]))
        if stream == _STREAM:
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
        elif stream == self._settings.cell_stream:
            for event in events:
                yield _cell_item(run, event)

    def _start(self, uid: str, document: Mapping[str, Any]) -> Iterator[Item]:
        runs = self.state.runs
        if uid in runs or uid in self.state.closed:
            return
        if len(runs) >= MAX_OPEN_RUNS:
            silent = runs[next(iter(runs))]
            yield from self._rest(silent)
            reason = f"no stop came, and {MAX_OPEN_RUNS} other runs began"
            if not silent.stack:
                yield RunClosed(silent.uid, "incomplete", reason)
            else:
                self.state.book.note(silent.stack, f"run {silent.uid[:8]}: {reason}")
            self._let_go(silent, is_given_up=True)
        runs[uid] = run = _Run(uid, document, RunLight(self._settings, self._detector))
        if text(uid) != uid:
            msg = f"a run has the uid {text(uid)!a}, which no file can hold; expected a short text"
            raise RunRejected(msg)
        run.image = cls_image_of(document, self._settings)
        if run.image is not None:
            yield from self._image(run, run.image)
            return
        run.block = block_of(document, self._settings)
        if run.block is not None:
            run.light.say(is_amplitude=run.block.is_amplitude)
            run.plan = replace(run.block.plan(uid, document), light=run.light.kind)
            yield from self.state.book.ended_by("", run.plan.started_s)
            yield run.plan

    def _image(self, run: _Run, image: ClsImage) -> Iterator[Item]:
        """Find the place of a run that is one image of a series."""
        plan = image.block.plan(run.uid, run.start)
        run.block, run.stack = image.block, image.stack
        book = self.state.book
        yield from book.ended_by(image.scan, plan.started_s)
        try:
            series = book.of(image.stack, image.scan, plan, float(plan.energies_ev[image.energy]))
            run.cycle = series.place(image.energy, plan.started_s)
        except FrameRejected as error:
            yield self._left_out(run, error)
            return
        run.plan = series.plan
        if series.plan.run == run.uid:
            yield series.plan

    def _left_out(self, run: _Run, error: FrameRejected) -> Rejection:
        """Give up a run that has no place in its series, of which that is said."""
        run.is_refused = True
        known = self.state.book.series.get(run.stack)
        return Rejection(run.uid if known is None else known.plan.run, error)

    def _begun(self, run: _Run, plan: ScanPlan) -> Iterator[Item]:
        """Yield the plan of a run whose events say it; a grid of one energy finds its place in a series."""
        book = self.state.book
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
            series = book.of(
                run.stack, GRIDS_OF_ONE_ENERGY, replace(plan, cycles=None, is_open=True), energy_ev
            )
            before = series.plan if series.cycles else None
            run.energy = series.learn(energy_ev, dwell_ms)
            run.cycle = series.place(run.energy, plan.started_s)
        except FrameRejected as error:
            yield self._left_out(run, error)
            return
        yield from book.crowded_out(plan.started_s)
        run.plan = series.plan
        if series.plan is not before:
            yield series.plan

    def _stop(self, run: _Run, document: Mapping[str, Any]) -> Iterator[Item]:
        yield from self._rest(run)
        if not self._settings.asset_roots and (outside := _never_read(run)):
            yield self._refuse(run.uid, RunRejected(outside))
        elif run.plan is None and not run.is_refused:
            msg = (
                f"run {run.uid[:8]} ({text(run.start.get('plan_name', 'no plan name'))}) has no layout this "
                "program knows: no 'stxm' block in its start document and no images in its events"
            )
            yield self._refuse(run.uid, RunRejected(msg))
        elif run.plan is not None and run.plan.is_open and not run.is_refused and not run.stack:
            yield replace(run.plan, is_open=False)
        status, reason = text(document.get("exit_status", "")), text(document.get("reason") or "")
        if not run.stack:
            yield RunClosed(run.uid, status, reason)
        elif status != "success":
            self.state.book.note(run.stack, f"run {run.uid[:8]} ended as {status}: {reason}".rstrip(": "))
        self.state.lost += _missing_at_the_end(run, document)
        self._let_go(run, is_given_up=False)

    def _let_go(self, run: _Run, *, is_given_up: bool) -> None:
        state = self.state
        state.lost += run.gaps
        state.repeated += run.sequence.repeated
        del state.runs[run.uid]
        for uid in (run.uid, *run.streams):
            self._run_of_descriptor.pop(uid, None)
            state.closed[uid] = is_given_up
        while len(state.closed) > _MAX_CLOSED:
            del state.closed[next(iter(state.closed))]

    def _refuse(self, uid: str, error: RunRejected) -> Rejection:
        if uid in self.state.runs:
            self.state.runs[uid].is_refused = True
        return Rejection(uid, error)

    def _guarded_event(self, run: _Run, name: str, document: Mapping[str, Any], index: int) -> Iterator[Item]:
        """Yield one event of a page, so that a bad one does not take its neighbours along."""
        try:
            event = document if name == "event" else _event_of(document, index)
            number = whole(event["seq_num"], "seq_num")
            run.sequence.count(number)
            if run.block is None or run.plan is None:
                yield from self._frame(run, number, event)
            elif run.image is not None:
                labelled = line_of(run.image, run.cycle, number, event, self._settings)
                yield from self._read(run, block_lines(run.block, run.plan, number, labelled))
            else:
                lines = list(block_lines(run.block, run.plan, number, event))
                if len(lines) > 1:
                    run.light.expect()
                yield from self._read(run, iter(lines))
        except FrameRejected as error:
            yield Rejection(run.uid, error)
        except _CONTENT as error:
            if isinstance(error, RunRejected):
                raise
            yield Rejection(run.uid, FrameRejected(_unread("event", error)))

    def _frame(self, run: _Run, number: int, event: Mapping[str, Any]) -> Iterator[Item]:
        layout, keys = run.frames or run.points, run.keys[event["descriptor"]]
        if layout is None and holds_points(run.start, event["data"], keys, self._settings):
            layout = run.points = Points(run.uid, run.start, self._settings, run.beside)
        elif layout is None:
            layout = run.frames = Frames(run.uid, run.start, self._settings)
            run.light.expect()
        yield from self._read(run, layout.read(number, event, keys))

    def _rest(self, run: _Run) -> Iterator[Item]:
        """Yield what a run has left when nothing more comes for it."""
        if run.points is not None and not run.is_refused:
            yield from self._read(run, run.points.rest())
        if not run.is_refused:
            yield from run.light.settle(run.plan)

    def _read(self, run: _Run, items: Iterator[ScanPlan | Line]) -> Iterator[Item]:
        """Yield plans and lines as what they are, with their light."""
        for item in items:
            if isinstance(item, ScanPlan):
                if run.frames is not None:
                    run.light.say(is_amplitude=run.frames.is_amplitude)
                yield from self._begun(run, replace(item, light=run.light.kind))
            elif run.plan is not None and not run.is_refused:
                yield run.light.read(_joined(run, run.plan, item), run.plan)

    def _reference(
        self, run: _Run, stream: str, event: Mapping[str, Any]
    ) -> Iterator[ScanPlan | Line | Rejection]:
        """Take note of a frame without sample or light; yield what it says more of."""
        light = run.light
        try:
            yield from light.note(stream, event, run.keys[event["descriptor"]], run.start, run.plan)
        except FrameRejected as error:
            yield Rejection(run.uid, error)
        except _CONTENT as error:
            yield Rejection(run.uid, FrameRejected(_unread("reference", error)))
        if run.plan is not None and run.plan.light is not light.kind:
            run.plan = replace(run.plan, light=light.kind)
            yield run.plan


def _joined(run: _Run, plan: ScanPlan, line: Line) -> Line:
    """Return a line at its place in the series, if its run is a grid of one energy."""
    if run.points is None or not run.stack:
        return line
    return replace(line, run=plan.run, cycle=run.cycle, energy=run.energy)


def _cell_item(run: _Run, event: Mapping[str, Any]) -> CellReading | Rejection:
    try:
        return cell_reading(run.uid, event, run.keys[event["descriptor"]])
    except FrameRejected as error:
        return Rejection(run.uid, error)


def _unread(name: str, error: Exception) -> str:
    return f"a {name} document could not be read ({type(error).__name__}: {error}); it was skipped"


def _event_of(page: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Return one event of a page, without the columns that do not reach so far."""
    event: dict[str, Any] = {"descriptor": page["descriptor"], "seq_num": page["seq_num"][index]}
    if index < len(page["time"]):
        event["time"] = page["time"][index]
    for part in ("data", "timestamps"):
        columns = page.get(part) or {}
        event[part] = {key: column[index] for key, column in columns.items() if index < len(column)}
    return event


def _never_read(run: _Run) -> str:
    """Return a sentence on a run of whose stream nothing is in the documents, not even events; or ""."""
    for uid, keys in run.keys.items():
        is_all_outside = all(isinstance(about, Mapping) and "external" in about for about in keys.values())
        if run.streams[uid] == _STREAM and keys and is_all_outside and not run.sequence.highest:
            return (
                f"the data of run {run.uid[:8]} lie outside the documents, which have no events ("
                f"{', '.join(text(key)[:60] for key in sorted(keys)[:5])}); name their folder in the "
                "profile as [layout] asset_roots"
            )
    return ""


def _missing_at_the_end(run: _Run, stop: Mapping[str, Any]) -> int:
    """Return how many events of a scan its stop document counts beyond the last one that came."""
    if not run.is_scan:
        return 0
    counted = stop.get("num_events")
    events = counted.get(_STREAM) if isinstance(counted, Mapping) else None
    if isinstance(events, bool) or not isinstance(events, int):
        return 0
    return min(max(events - run.sequence.highest, 0), MAX_GAP)
