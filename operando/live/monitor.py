"""The monitor: one worker thread that reads documents, fits, and puts snapshots into a box.

Documents and fits are never dropped; pictures are. Whatever cannot be used is counted, logged
and shown. The same monitor follows a growing log and replays a finished one: only the source
differs.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from operando.core.increment import Solved
from operando.core.pipeline import look_again
from operando.errors import DamagedFileError, OperandoError
from operando.io.filled import with_images
from operando.io.layouts import DocumentReader
from operando.io.runlog import LoggedDocument
from operando.io.sources import Source
from operando.live.adviser import Adviser
from operando.live.beside import Alone, Beside
from operando.live.catching_up import Start, finding_of
from operando.live.checkpoints import Checkpoint, Checkpoints, MonitorState, fingerprint_of
from operando.live.latest import Latest
from operando.live.runs import Runs, Work
from operando.regions import Marks
from operando.types import Delivery, Finding, Severity, Snapshot

__all__ = ["Monitor", "Work"]

_log = logging.getLogger(__name__)

_BATCH = 256
_WITH_LINES = frozenset({"event", "event_page"})
_LOOK_EVERY_S = 0.15
_LOOK_BACK_EVERY_S = 0.5
"""While what is read is old: a picture of the past is worth less than coming to the present."""
_LOOK_SHARE = 0.3
"""Looking takes at most this share of the worker's time: pictures are dropped, lines are not."""
_IDLE_S = 0.02
_AUDIENCE_POLL_S = 0.05


@dataclass(slots=True)
class _Place:
    """How far the source has been read, and how late that was."""

    offset: int = 0
    newest: LoggedDocument | None = None
    lag_s: float = float("nan")


@dataclass(slots=True)
class _Troubles:
    """What goes wrong beside the fit: at the results, at the advice, and what an earlier process met."""

    results: str | None = None
    advice: str | None = None
    damage_before: tuple[Finding, ...] = ()

    def findings(self) -> tuple[Finding, ...]:
        """Return what is to be said of results and advice."""
        found: list[Finding] = []
        if self.results:
            found.append(Finding("results", Severity.ALARM, self.results, "the fit goes on"))
        if self.advice:
            words = f"the plan gets no advice: {self.advice}"
            found.append(Finding("advice", Severity.WARNING, words, "it goes on as planned"))
        return tuple(found)


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
    checkpoints
        Where its state is kept, so that the same work goes on after a kill; None keeps nothing.
    adviser
        Tells the plan what to do next, after each cycle of record of a run that goes on; None tells nothing.

    Attributes
    ----------
    latest
        The newest snapshot, for a view to take; `open_box` makes further ones.
    beside
        What is known beside the fit; may be replaced before `start`.
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
        checkpoints: Checkpoints | None = None,
        adviser: Adviser | None = None,
    ) -> None:
        self.latest: Latest[Snapshot] = Latest()
        self.beside: Beside = Alone()
        self.newest: Snapshot | None = None
        self.failure: Exception | None = None
        self._source = with_images(source, work.layout)
        self._on_cycle = on_cycle
        self._clock = clock
        self._checkpoints = checkpoints
        self._adviser = adviser
        self._before = None if checkpoints is None else checkpoints.load()
        self._layout = work.layout
        self._detector = work.recipe.detector
        self._reader = DocumentReader(work.layout, detector=self._detector)
        self._runs = Runs(
            work,
            self._keep,
            lambda snapshot: self._put(self._dressed(snapshot)),
            on_image=self._look_at_image,
            before_record=self._look_first,
        )
        self._began: Start | None = None
        self._place = _Place()
        self._troubles = _Troubles()
        self._solved: tuple[str, Solved] | None = None
        self._next_look = self._next_image = float("-inf")
        self._is_fresh = False
        self._boxes: tuple[Latest[Snapshot], ...] = (self.latest,)
        self._inbox: queue.SimpleQueue[Marks] = queue.SimpleQueue()
        self._has_audience = threading.Event()
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

    def send(self, marks: Marks) -> None:
        """Put regions and masks into the inbox, from any thread; the next snapshot has their curves."""
        self._inbox.put(marks)

    def open_box(self) -> Latest[Snapshot]:
        """Return a box of its own for one more who looks, with the newest snapshot in it; from any thread."""
        box: Latest[Snapshot] = Latest()
        self._boxes = (*self._boxes, box)
        if self.newest is not None:
            box.put(self.newest)
        return box

    def attend(self) -> None:
        """Go on answering what is sent after the source has ended, until `leave` or `stop`."""
        self._has_audience.set()

    def leave(self) -> None:
        """Nobody sends any more: the worker may end with its source."""
        self._has_audience.clear()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the worker's end; return whether it came in time."""
        return self._ended.wait(timeout_s)

    @property
    def refusals(self) -> tuple[OperandoError, ...]:
        """Why runs were not fitted."""
        return tuple(refusal.error() for refusal in self._runs.state.refusals.values())

    @property
    def damage(self) -> tuple[Finding, ...]:
        """What of the source was damaged and passed over, by an earlier process too."""
        return tuple(finding for finding in self._of_source() if finding.code == "damage")

    @property
    def delivery(self) -> Delivery:
        """How the documents have travelled so far."""
        head = max(self._source.head(), self._place.offset)
        return Delivery(
            source=self._source.name,
            documents=self._place.offset,
            behind=head - self._place.offset,
            lag_s=self._place.lag_s,
            lost=self._reader.lost,
            repeated=self._reader.repeated,
            rejected=self._runs.state.rejections + self._reader.unknown,
            is_finished=self._source.has_ended(self._place.offset),
            failure="" if self.failure is None else str(self.failure),
            catch_up=None if self._began is None else self._began.so_far(self._place.offset, self._clock()),
        )

    def pull(self) -> int:
        """Read and fit one batch in the calling thread; return how many documents it had."""
        if self._began is None and self._checkpoints is not None and not self._begin(self._checkpoints):
            return 0
        self._obey()
        batch = self._source.read(self._place.offset, _BATCH)
        first_s = batch[0].recorded_s if batch else float("nan")
        newest = max((logged.seq for logged in batch if logged.name in _WITH_LINES), default=0)
        for logged in batch:
            is_late = self._clock() - logged.recorded_s > _LOOK_EVERY_S
            self._is_fresh = logged.seq == newest or not is_late
            for item in self._reader.read(logged.name, logged.document):
                self._runs.take(item)
            self._place.offset = logged.seq
            self._place.newest = logged
            self._obey()
            if self._clock() >= self._next_look:
                self._place.lag_s = self._clock() - logged.recorded_s
                self.show()
        if batch:
            self._place.lag_s = self._clock() - batch[-1].recorded_s
            if self._began is not None:
                self._began.seen(self._place.offset, first_s, self._clock())
        if self._checkpoints is not None and self._checkpoints.is_due():
            self._save()
        return len(batch)

    def show(self) -> Snapshot | None:
        """Put a snapshot of the run that moved last into the box and return it; None without a run."""
        began = self._clock()
        self._runs.has_news = False
        state = self._runs.shown
        if state is None:
            return None
        uid = self._runs.state.shown
        # Another run's map spares no work for this one.
        before = self._solved[1] if self._solved is not None and self._solved[0] == uid else None
        seen, solved = look_again(state, before)
        self._solved = uid, solved
        snapshot = self._dressed(seen)
        self._put(snapshot)
        ended = self._clock()
        every_s = _LOOK_EVERY_S if self._is_fresh else _LOOK_BACK_EVERY_S
        self._next_look = ended + max(every_s, (ended - began) / _LOOK_SHARE)
        return snapshot

    def _look_at_image(self) -> None:
        """Show an image at once that is followed as it comes: its last row is waited for."""
        began = self._clock()
        if self._is_fresh and began >= self._next_image:
            self.show()
            ended = self._clock()
            # Images that come faster than they are looked at take half of the time at most.
            self._next_image = ended + (ended - began)

    def _look_first(self) -> None:
        """Show a cycle that is followed as it comes before it is recorded, which takes longer than a look."""
        if self._is_fresh and self._runs.has_news:
            self.show()

    def finish(self) -> None:
        """Record what is there of runs that never said that they ended, and show the last state."""
        # Kept before: the same work goes on as if these runs had not been closed here.
        self._save()
        if self._stop.is_set() and not self._source.has_ended(self._place.offset):
            self._runs.close_all("unfinished", "the monitor was stopped")
        else:
            for ending in self._reader.endings():
                self._runs.take(ending)
            self._runs.close_all("incomplete", "its documents end here")
        self.show()

    def _follow(self) -> None:
        try:
            while not self._stop.is_set():
                if self.pull():
                    continue
                if self._runs.has_news and self._clock() >= self._next_look:
                    self.show()
                if self._source.has_ended(self._place.offset):
                    break
                self._stop.wait(_IDLE_S)
            self.finish()
            self._answer()
        except OperandoError as error:
            # The source cannot be read any further; what was read is kept.
            self.failure = error
            self.finish()
            self._answer()
        except Exception as error:  # noqa: BLE001 - the worker's loop: it must say why it ended
            _log.exception("the monitor stopped at document %d", self._place.offset)
            self.failure = error
        finally:
            self._source.close()
            self._ended.set()

    def _answer(self) -> None:
        """Serve whoever looks at a run that has ended."""
        while self._has_audience.is_set() and not self._stop.is_set():
            if self._inbox.empty():
                self._stop.wait(_AUDIENCE_POLL_S)
            else:
                self._obey()
                self.show()

    def _obey(self) -> None:
        """Do what has been sent: of several marks the newest counts."""
        if self._inbox.empty():
            return
        marks = self._inbox.get()
        while not self._inbox.empty():
            marks = self._inbox.get()
        self._runs.mark(marks)

    def _begin(self, checkpoints: Checkpoints) -> bool:
        """Go on from the checkpoint, if it is of this log; return False while the log does not answer."""
        before, head = self._before, self._source.head()
        if before is not None:
            found = self._document_at(before)
            if found is None and head >= before.offset:
                return False
            if found is None or fingerprint_of(found) != before.fingerprint:
                checkpoints.refuse("the log is another one than before, or has lost its end")
            elif checkpoints.accept(before):
                self._place.offset, self._place.newest = before.offset, found
                self._reader = DocumentReader(self._layout, before.state.reader, self._detector)
                self._runs.state = before.state.runs
                if self._adviser is not None:
                    self._adviser.memories = before.state.memories
                self._troubles.damage_before = before.state.damage
                self._runs.has_news = True
        self._before = None
        self._began = Start(self._place.offset, max(head, self._place.offset), self._clock())
        return True

    def _document_at(self, before: Checkpoint) -> LoggedDocument | None:
        """Return the document that a checkpoint was made at, or another one, or None if none comes."""
        try:
            batch = self._source.read(before.offset - 1, 1)
        except DamagedFileError as error:
            _log.warning("%s", error)
            return LoggedDocument(0, "", "", {}, float("nan"))
        return batch[0] if batch else None

    def _save(self) -> None:
        if self._checkpoints is not None and self._place.newest is not None:
            runs = self._runs.kept_state()
            known = {} if self._adviser is None else self._adviser.memories
            memories = {uid: memory for uid, memory in known.items() if uid in runs.fitted}
            state = MonitorState(self._reader.state, runs, memories, self.damage)
            self._checkpoints.save(self._place.newest, state)

    def _keep(self, snapshot: Snapshot) -> None:
        self._troubles.results = self._on_cycle(self._dressed(snapshot))
        if self._adviser is not None and not snapshot.progress.is_closed:
            self._troubles.advice = self._adviser(snapshot)
        if self._checkpoints is not None:
            self._checkpoints.recorded()

    def _of_source(self) -> tuple[Finding, ...]:
        """Return what is to be said of the source; the same damage, met again after a restart, once."""
        return tuple(dict.fromkeys((*self._troubles.damage_before, *self._source.findings())))

    def _put(self, snapshot: Snapshot) -> None:
        self.newest = snapshot
        for box in self._boxes:
            box.put(snapshot)

    def _dressed(self, snapshot: Snapshot) -> Snapshot:
        """Add what only the monitor knows."""
        delivery = self.delivery
        own = [*self.beside.findings(), *self._troubles.findings()]
        rejected = self._runs.state.rejected.get(snapshot.plan.run, 0)
        if rejected:
            words = f"{rejected} documents of this run could not be used"
            own.append(Finding("rejected", Severity.WARNING, words))
        if self._checkpoints is not None and self._checkpoints.complaint:
            own.append(Finding("checkpoint", Severity.WARNING, self._checkpoints.complaint))
        news = () if delivery.catch_up is None else (finding_of(delivery.catch_up),)
        told = (*own, *self._of_source(), *snapshot.findings, *news)
        vitals = replace(snapshot.vitals, disk_h=self.beside.disk_h())
        return replace(snapshot, findings=told, delivery=delivery, vitals=vitals)
