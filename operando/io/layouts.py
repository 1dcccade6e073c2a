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
from dataclasses import replace
from typing import Any, cast

from operando.core.absorption import Detector
from operando.errors import FrameRejected, RunRejected
from operando.io.cls_run import cls_image_of
from operando.io.items import UNFORESEEN, Item, Rejection, unread
from operando.io.reader_state import OpenRun, ReaderState, missing_at_the_end, never_read
from operando.io.readings import text
from operando.io.run_events import RunEvents
from operando.io.run_light import RunLight
from operando.io.series_places import placed_image
from operando.io.startdoc import block_of
from operando.settings import LayoutSettings
from operando.types import RunClosed

__all__ = ["MAX_OPEN_RUNS", "DocumentReader", "Item", "ReaderState", "Rejection"]

MAX_OPEN_RUNS = 8
"""Runs that have begun and not stopped. When one more begins, the one that was silent longest is over."""
_MAX_CLOSED = 16_384
"""Runs and streams that are remembered as over."""
_READ = frozenset({"start", "descriptor", "event", "event_page", "stop"})
_PASSED_OVER = frozenset({"resource", "datum", "datum_page", "stream_resource", "stream_datum"})


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
        self._events = RunEvents(self._settings, self.state.book)
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
        except UNFORESEEN:
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
        except UNFORESEEN as error:
            if name == "start":
                # Without it nothing of the run can be read.
                yield self._refuse(uid, RunRejected(unread(name, error)))
            else:
                yield Rejection(uid, FrameRejected(unread(name, error)))

    def endings(self) -> Iterator[Item]:
        """Yield what is left of open runs if nothing more comes: rows that lack points, endings of series."""
        for run in self.state.runs.values():
            yield from self._events.rest(run)
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
            yield from self._events.read(run, run.streams[document["descriptor"]], name, document)

    def _start(self, uid: str, document: Mapping[str, Any]) -> Iterator[Item]:
        runs = self.state.runs
        if uid in runs or uid in self.state.closed:
            return
        if len(runs) >= MAX_OPEN_RUNS:
            silent = runs[next(iter(runs))]
            yield from self._events.rest(silent)
            reason = f"no stop came, and {MAX_OPEN_RUNS} other runs began"
            if not silent.stack:
                yield RunClosed(silent.uid, "incomplete", reason)
            else:
                self.state.book.note(silent.stack, f"run {silent.uid[:8]}: {reason}")
            self._let_go(silent, is_given_up=True)
        runs[uid] = run = OpenRun(uid, document, RunLight(self._settings, self._detector))
        if text(uid) != uid:
            msg = f"a run has the uid {text(uid)!a}, which no file can hold; expected a short text"
            raise RunRejected(msg)
        run.image = cls_image_of(document, self._settings)
        if run.image is not None:
            yield from placed_image(run, run.image, self.state.book)
            return
        run.block = block_of(document, self._settings)
        if run.block is not None:
            run.light.say(is_amplitude=run.block.is_amplitude)
            run.plan = replace(run.block.plan(uid, document), light=run.light.kind)
            yield from self.state.book.ended_by("", run.plan.started_s)
            yield run.plan

    def _stop(self, run: OpenRun, document: Mapping[str, Any]) -> Iterator[Item]:
        yield from self._events.rest(run)
        if not self._settings.asset_roots and (outside := never_read(run)):
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
        self.state.lost += missing_at_the_end(run, document)
        self._let_go(run, is_given_up=False)

    def _let_go(self, run: OpenRun, *, is_given_up: bool) -> None:
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
