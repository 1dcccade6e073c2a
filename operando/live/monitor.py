"""The monitor: one worker thread that reads documents, fits, and puts snapshots into a box.

Documents and fits are never dropped; pictures are. Whatever cannot be used is counted, logged
and shown. The same monitor follows a growing log and replays a finished one: only the source
differs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from operando.core.energies import Selection, select
from operando.core.pipeline import PipelineState, close, due, look, record, refusal, replan, start, step
from operando.core.references import Library
from operando.core.stack import Recipe
from operando.errors import ConfigurationError, FrameRejected, OperandoError, RunRejected
from operando.io.layouts import DocumentReader, Item, Rejection
from operando.io.sources import Source
from operando.live.adviser import Adviser
from operando.live.latest import Latest
from operando.settings import LayoutSettings
from operando.types import Delivery, Finding, FloatArray, Line, RunClosed, ScanPlan, Severity, Snapshot

__all__ = ["Monitor", "Work"]

_log = logging.getLogger(__name__)

_BATCH = 256
_LOOK_EVERY_S = 0.15
_LOOK_SHARE = 0.3
"""Looking takes at most this share of the worker's time: pictures are dropped, lines are not."""
_IDLE_S = 0.02


@dataclass(frozen=True, slots=True)
class Work:
    """What to fit, and how.

    Attributes
    ----------
    library
        The references.
    recipe
        Detector, I0, background, limits.
    layout
        Keys that an instrument names differently.
    energies_ev
        Fit only these energies of the run, shape (n,); None fits all.
    adviser
        Tells the plan what to do next; None tells it nothing.
    """

    library: Library
    recipe: Recipe
    layout: LayoutSettings
    energies_ev: FloatArray | None = None
    adviser: Adviser | None = None


@dataclass(slots=True)
class _Run:
    state: PipelineState
    selection: Selection | None


class Monitor:
    """Follow a source to its end, or until stopped.

    Parameters
    ----------
    source
        Where the documents come from.
    work
        What to fit, and how.
    on_cycle
        Called in the worker's thread with the snapshot of each cycle of record; returns why it could
        not be kept, or None. The fit goes on either way.
    clock
        Wall time in seconds.

    Attributes
    ----------
    latest
        The newest snapshot, for a view to take.
    newest
        The snapshot that was shown last, taken or not; None before the first.
    failure
        What ended the worker before its time, or None.
    """

    def __init__(
        self,
        source: Source,
        work: Work,
        on_cycle: Callable[[Snapshot], str | None] = lambda _snapshot: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.latest: Latest[Snapshot] = Latest()
        self.newest: Snapshot | None = None
        self.failure: Exception | None = None
        self._source = source
        self._work = work
        self._on_cycle = on_cycle
        self._clock = clock
        self._reader = DocumentReader(work.layout)
        self._runs: dict[str, _Run] = {}
        self._shown: str | None = None
        self._refusals: dict[str, OperandoError] = {}
        self._rejected: dict[str, int] = {}
        self._offset = 0
        self._lag_s = float("nan")
        self._next_look = float("-inf")
        self._trouble: str | None = None
        self._advice_trouble: str | None = None
        self._has_news = False
        self._stop = threading.Event()
        # Not Thread.join: in Python 3.11 a Ctrl-C while joining marks the thread as ended when it is not.
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="operando-monitor", daemon=True)

    def start(self) -> None:
        """Begin to follow the source in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the worker to end after the batch in hand; returns at once."""
        self._stop.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the worker's end; return whether it came in time."""
        return self._ended.wait(timeout_s)

    @property
    def refusals(self) -> tuple[OperandoError, ...]:
        """Why runs were not fitted."""
        return tuple(self._refusals.values())

    @property
    def delivery(self) -> Delivery:
        """How the documents have travelled so far."""
        head = max(self._source.head(), self._offset)
        return Delivery(
            source=self._source.name,
            documents=self._offset,
            behind=head - self._offset,
            lag_s=self._lag_s,
            lost=self._reader.lost,
            repeated=self._reader.repeated,
            rejected=sum(self._rejected.values()) + self._reader.unknown,
            is_finished=self._source.has_ended(self._offset),
        )

    def pull(self) -> int:
        """Read and fit one batch in the calling thread; return how many documents it had."""
        batch = self._source.read(self._offset, _BATCH)
        for logged in batch:
            for item in self._reader.read(logged.name, logged.document):
                self._take(item)
            self._offset = logged.seq
            if self._clock() >= self._next_look:
                self._lag_s = self._clock() - logged.recorded_s
                self.show()
        if batch:
            self._lag_s = self._clock() - batch[-1].recorded_s
        return len(batch)

    def show(self) -> Snapshot | None:
        """Put a snapshot of the run that moved last into the box and return it; None without a run."""
        began = self._clock()
        self._has_news = False
        run = self._runs.get(self._shown or "")
        if run is None:
            return None
        snapshot = self._dressed(look(run.state))
        self._put(snapshot)
        ended = self._clock()
        self._next_look = ended + max(_LOOK_EVERY_S, (ended - began) / _LOOK_SHARE)
        return snapshot

    def finish(self) -> None:
        """Record what is there of runs that never said that they ended, and show the last state."""
        for uid, run in self._runs.items():
            if run.state.closed is None:
                if self._stop.is_set() and not self._source.has_ended(self._offset):
                    self._close(RunClosed(uid, "unfinished", "the monitor was stopped"))
                else:
                    self._close(RunClosed(uid, "incomplete", "its documents end here"))
        self.show()

    def _follow(self) -> None:
        try:
            while not self._stop.is_set():
                if self.pull():
                    continue
                if self._has_news:
                    self.show()
                if self._source.has_ended(self._offset):
                    break
                self._stop.wait(_IDLE_S)
            self.finish()
        except OperandoError as error:
            # The source cannot be read any further; what was read is kept.
            self.failure = error
            self.finish()
        except Exception as error:  # noqa: BLE001 - the worker's loop: it must say why it ended
            _log.exception("the monitor stopped at document %d", self._offset)
            self.failure = error
        finally:
            self._source.close()
            self._ended.set()

    def _take(self, item: Item) -> None:
        try:
            if isinstance(item, Line):
                self._add(item)
            elif isinstance(item, ScanPlan):
                self._open(item)
            elif isinstance(item, RunClosed):
                self._close(item)
            else:
                self._reject(item)
        except FrameRejected as error:
            self._reject(Rejection(item.run, error))
        except (RunRejected, ConfigurationError) as error:
            self._refuse(item, error)
        except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
            # Nobody has met such a document yet; one of them must not end the watch.
            _log.exception("a document of run %s could not be used", item.run[:8])
            self._reject(Rejection(item.run, FrameRejected(f"{type(error).__name__}: {error}")))

    def _open(self, plan: ScanPlan) -> None:
        self._forget_closed(plan.run)
        selection = None
        if self._work.energies_ev is not None:
            selected = select(plan, self._work.energies_ev)
            if selected is None:
                return
            plan, selection = selected
        run = self._runs.get(plan.run)
        if run is None:
            self._runs[plan.run] = _Run(start(plan, self._work.library, self._work.recipe), selection)
        else:
            run.state, run.selection = replan(run.state, plan), selection
        self._shown = plan.run
        self._has_news = True

    def _add(self, line: Line) -> None:
        run = self._runs.get(line.run)
        if run is None or line.run in self._refusals:
            return
        if run.selection is not None:
            selected = run.selection.line(line)
            if selected is None:
                return
            line = selected
        run.state = step(run.state, line)
        self._shown = line.run
        self._has_news = True
        self._record(run)

    def _close(self, closed: RunClosed) -> None:
        run = self._runs.get(closed.run)
        if run is not None and closed.run not in self._refusals:
            run.state = close(run.state, closed)
            self._record(run)
            self._has_news = True

    def _record(self, run: _Run) -> None:
        for cycle in due(run.state):
            run.state, snapshot = record(run.state, cycle)
            if snapshot.map is not None:
                self._trouble = self._on_cycle(self._dressed(snapshot))
                if self._work.adviser is not None and run.state.closed is None:
                    self._advice_trouble = self._work.adviser(snapshot)

    def _reject(self, rejection: Rejection) -> None:
        if isinstance(rejection.error, RunRejected):
            self._refuse(rejection, rejection.error)
            return
        self._rejected[rejection.run] = self._rejected.get(rejection.run, 0) + 1
        _log.warning("run %s: %s", rejection.run[:8], rejection.error)

    def _refuse(self, item: Item, error: OperandoError) -> None:
        """Give a run up: its map stays as it is, and the screen says why."""
        # A session's log holds runs that are no scans; those are no trouble.
        is_scan = item.run in self._runs or isinstance(item, ScanPlan)
        _log.log(logging.ERROR if is_scan else logging.INFO, "run %s is not fitted: %s", item.run[:8], error)
        self._refusals[item.run] = error
        if item.run in self._runs:
            run = self._runs[item.run]
            run.state = close(run.state, RunClosed(item.run, "refused", str(error)))
            self._has_news = True
        elif isinstance(item, ScanPlan):
            self._put(self._dressed(refusal(item, self._work.library, self._work.recipe, error)))

    def _forget_closed(self, newcomer: str) -> None:
        """Let go of the images of runs that have ended, once another one begins."""
        for uid in [uid for uid, run in self._runs.items() if run.state.closed and uid != newcomer]:
            del self._runs[uid]

    def _put(self, snapshot: Snapshot) -> None:
        self.newest = snapshot
        self.latest.put(snapshot)

    def _dressed(self, snapshot: Snapshot) -> Snapshot:
        """Add what only the monitor knows."""
        findings = snapshot.findings
        rejected = self._rejected.get(snapshot.plan.run, 0)
        if rejected:
            findings = (
                Finding("rejected", Severity.WARNING, f"{rejected} documents of this run could not be used"),
                *findings,
            )
        if self._trouble:
            findings = (Finding("results", Severity.ALARM, self._trouble, "the fit goes on"), *findings)
        if self._advice_trouble:
            words = f"the plan gets no advice: {self._advice_trouble}"
            findings = (Finding("advice", Severity.WARNING, words, "it goes on as planned"), *findings)
        return replace(snapshot, findings=findings, delivery=self.delivery)
