"""Bluesky documents to plans and lines: which key is what.

Three layouts are told apart by what the documents themselves hold, not by who wrote them:

* a `stxm` block in the start document and one event per line (ALS run-layout contract v1, and
  `operando_plans`, whose events also carry `cycle`, `energy_index` and `row`);
* a `stxm` block and one event per image;
* no block, one event per image with the energy beside it.

Where a descriptor and the data disagree, the data and the start document win.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from operando.errors import FrameRejected, RunRejected
from operando.io.frames import Frames, lines_of
from operando.io.readings import dwell_of, incident_of, numbers_of, text, time_of, whole, without_leading
from operando.io.startdoc import Block, block_of
from operando.settings import LayoutSettings
from operando.types import Line, RunClosed, ScanPlan

__all__ = ["DocumentReader", "Item", "Rejection"]

_STREAM = "primary"
_MAX_GAP = 100_000
_READ = frozenset({"start", "descriptor", "event", "event_page", "stop"})
_PASSED_OVER = frozenset({"resource", "datum", "datum_page", "stream_resource", "stream_datum"})
_CONTENT = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""What content that nobody foresaw raises where it is read."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A document that was refused: one line or frame, or a whole run."""

    run: str
    error: FrameRejected | RunRejected


Item: TypeAlias = ScanPlan | Line | RunClosed | Rejection


@dataclass(slots=True)
class _Sequence:
    """Which numbers of a stream have come."""

    highest: int = 0
    missing: set[int] = field(default_factory=set)
    repeated: int = 0

    def count(self, number: int) -> None:
        if number < 1 or number > self.highest + _MAX_GAP:
            msg = f"an event has seq_num {number} after {self.highest}; it is damaged"
            raise FrameRejected(msg)
        if number > self.highest:
            self.missing.update(range(self.highest + 1, number))
            self.highest = number
        elif number in self.missing:
            self.missing.remove(number)
        else:
            self.repeated += 1


@dataclass(slots=True)
class _Run:
    """What has been learned of one run."""

    uid: str
    start: Mapping[str, Any]
    block: Block | None
    plan: ScanPlan | None
    streams: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    sequence: _Sequence = field(default_factory=_Sequence)
    frames: Frames | None = None
    is_refused: bool = False

    @property
    def gaps(self) -> int:
        """Events that were passed over in the numbering; none where the run is no scan."""
        # A refused run's events are not counted any more, so its numbering says nothing.
        return len(self.sequence.missing) if self.is_scan else 0

    @property
    def is_scan(self) -> bool:
        """Whether its events are read and fitted."""
        return self.plan is not None and not self.is_refused


class DocumentReader:
    """Turn documents of any number of interleaved runs into plans, lines and endings.

    Parameters
    ----------
    settings
        Keys that an instrument names differently; what is left out is found by itself.
    """

    def __init__(self, settings: LayoutSettings | None = None) -> None:
        self._settings = settings or LayoutSettings()
        self._runs: dict[str, _Run] = {}
        self._closed: set[str] = set()
        self._run_of_descriptor: dict[str, _Run] = {}
        self._lost = 0
        self._repeated = 0
        self.unknown = 0

    @property
    def lost(self) -> int:
        """Events missing from the numbering of their stream, over all runs that are scans."""
        return self._lost + sum(run.gaps for run in self._runs.values())

    @property
    def repeated(self) -> int:
        """Events that came again with a number that had come, over all runs."""
        return self._repeated + sum(run.sequence.repeated for run in self._runs.values())

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
            self.unknown += 1
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
        run = self._runs.get(uid)
        if run is None:
            if uid not in self._closed:
                msg = f"a {name} of run {uid[:8]} came without its start document"
                raise FrameRejected(msg)
            return
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
        elif run.streams[document["descriptor"]] == _STREAM and not run.is_refused:
            for index in range(1 if name == "event" else len(document["seq_num"])):
                yield from self._guarded_event(run, name, document, index)

    def _start(self, uid: str, document: Mapping[str, Any]) -> Iterator[Item]:
        if uid in self._runs or uid in self._closed:
            return
        self._runs[uid] = run = _Run(uid, document, None, None)
        if text(uid) != uid:
            msg = f"a run has the uid {text(uid)!a}, which no file can hold; expected a short text"
            raise RunRejected(msg)
        run.block = block_of(document, self._settings)
        if run.block is not None:
            run.plan = run.block.plan(uid, document)
            yield run.plan

    def _stop(self, run: _Run, document: Mapping[str, Any]) -> Iterator[Item]:
        if run.plan is None and not run.is_refused:
            msg = (
                f"run {run.uid[:8]} ({text(run.start.get('plan_name', 'no plan name'))}) has no layout this "
                "program knows: no 'stxm' block in its start document and no images in its events"
            )
            yield self._refuse(run.uid, RunRejected(msg))
        elif run.plan is not None and run.plan.is_open and not run.is_refused:
            yield replace(run.plan, is_open=False)
        yield RunClosed(run.uid, text(document.get("exit_status", "")), text(document.get("reason") or ""))
        self._lost += run.gaps + _missing_at_the_end(run, document)
        self._repeated += run.sequence.repeated
        self._closed.add(run.uid)
        del self._runs[run.uid]
        for descriptor in run.streams:
            self._run_of_descriptor.pop(descriptor, None)

    def _refuse(self, uid: str, error: RunRejected) -> Rejection:
        if uid in self._runs:
            self._runs[uid].is_refused = True
        return Rejection(uid, error)

    def _guarded_event(self, run: _Run, name: str, document: Mapping[str, Any], index: int) -> Iterator[Item]:
        """Yield one event of a page, so that a bad one does not take its neighbours along."""
        try:
            event = document if name == "event" else _event_of(document, index)
            number = whole(event["seq_num"], "seq_num")
            run.sequence.count(number)
            if run.block is None or run.plan is None:
                yield from self._frame(run, number, event)
            else:
                yield from _readings(run.block, run.plan, number, event)
        except FrameRejected as error:
            yield Rejection(run.uid, error)
        except _CONTENT as error:
            if isinstance(error, RunRejected):
                raise
            yield Rejection(run.uid, FrameRejected(_unread("event", error)))

    def _frame(self, run: _Run, number: int, event: Mapping[str, Any]) -> Iterator[ScanPlan | Line]:
        if run.frames is None:
            run.frames = Frames(run.uid, run.start, self._settings)
        for item in run.frames.read(number, event, run.keys[event["descriptor"]]):
            if isinstance(item, ScanPlan):
                run.plan = item
            yield item


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


def _readings(block: Block, plan: ScanPlan, number: int, event: Mapping[str, Any]) -> Iterator[Line]:
    """Yield the line, or the lines of the image, of an event."""
    data: Mapping[str, Any] = event["data"]
    image = plan.grid.shape
    line = image[1:]
    counts = without_leading(numbers_of(data, block.data_field), line, image)
    if counts.shape not in (line, image):
        msg = f"'{block.data_field}' has the shape {counts.shape}; a line has {line}, an image {image}"
        raise FrameRejected(msg)
    i0 = incident_of(data, block.i0_field, counts.shape)
    time_s = time_of(event, block.data_field)
    if counts.shape == image:
        for line in lines_of(plan, _place_of_image(number, plan, data), counts, i0, time_s):
            yield replace(line, dwell_ms=dwell_of(data))
    else:
        cycle, energy, row = _place_of_line(number, plan, data)
        yield Line(plan.run, cycle, energy, row, counts, i0, time_s, dwell_ms=dwell_of(data))


def _place_of_line(number: int, plan: ScanPlan, data: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return cycle, energy and row: as the event says, or counted from its number."""
    if "row" in data and "energy_index" in data:
        return (*_labelled_image(data), whole(data["row"], "row"))
    energies, ny, _ = plan.stack_shape
    image, row = divmod(number - 1, ny)
    cycle, energy = divmod(image, energies)
    return cycle, energy, row


def _place_of_image(number: int, plan: ScanPlan, data: Mapping[str, Any]) -> tuple[int, int]:
    if "energy_index" in data:
        return _labelled_image(data)
    return divmod(number - 1, plan.energies_ev.size)


def _labelled_image(data: Mapping[str, Any]) -> tuple[int, int]:
    return whole(data.get("cycle", 0), "cycle"), whole(data["energy_index"], "energy_index")


def _missing_at_the_end(run: _Run, stop: Mapping[str, Any]) -> int:
    """Return how many events of a scan its stop document counts beyond the last one that came."""
    if not run.is_scan:
        return 0
    counted = stop.get("num_events")
    events = counted.get(_STREAM) if isinstance(counted, Mapping) else None
    if isinstance(events, bool) or not isinstance(events, int):
        return 0
    return min(max(events - run.sequence.highest, 0), _MAX_GAP)
