"""What becomes of plans, lines and endings: the states of all runs, and their cycles of record."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from operando.cell import CellReading
from operando.core.energies import Selection, select
from operando.core.pipeline import PipelineState, close, due, hear, mark, record, refusal, replan, start, step
from operando.core.references import Library
from operando.core.regionbook import without_pages
from operando.core.series import accompanied, is_control_of
from operando.core.stack import Recipe
from operando.core.study_rules import StudyRules
from operando.errors import ConfigurationError, FrameRejected, OperandoError, RunRejected
from operando.io.layouts import Item, Rejection
from operando.regions import Marks
from operando.settings import LayoutSettings
from operando.types import FloatArray, Line, RunClosed, ScanPlan, Snapshot

__all__ = ["Runs", "RunsState", "Work"]

_log = logging.getLogger(__name__)

_MOST_REMEMBERED = 256
"""Runs whose refusal or number of rejected documents is remembered by name."""


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
    studies
        What is studied once a cycle, beyond the map.
    """

    library: Library
    recipe: Recipe
    layout: LayoutSettings
    energies_ev: FloatArray | None = None
    studies: StudyRules = field(default_factory=StudyRules)


@dataclass(slots=True)
class FittedRun:
    """One run on its way.

    Attributes
    ----------
    state
        What is known of it.
    selection
        Which of its energies are fitted, or None for all.
    is_refused
        Whether it was given up on the way.
    """

    state: PipelineState
    selection: Selection | None
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a run is not fitted; without the error itself, which would hold on to the images."""

    is_configuration: bool
    words: str

    def error(self) -> OperandoError:
        """Return it as an error."""
        return ConfigurationError(self.words) if self.is_configuration else RunRejected(self.words)


@dataclass(slots=True)
class RunsState:
    """What is known of all runs: enough to go on in another process.

    Attributes
    ----------
    fitted
        The runs whose images are kept.
    shown
        The uid of the run that moved last.
    refusals
        Why runs were not fitted, by uid; the newest ones.
    rejected
        Documents that could not be used, by uid; of the newest runs that had such.
    rejections
        How many such documents there were in all.
    marks
        Regions and masks of these runs, and of runs to come.
    """

    fitted: dict[str, FittedRun] = field(default_factory=dict[str, FittedRun])
    shown: str = ""
    refusals: dict[str, Refusal] = field(default_factory=dict[str, Refusal])
    rejected: dict[str, int] = field(default_factory=dict[str, int])
    rejections: int = 0
    marks: Marks = field(default_factory=Marks)


class Runs:
    """Fit runs item by item.

    Parameters
    ----------
    work
        What to fit, and how.
    on_record
        Called with the snapshot of each cycle of record.
    on_refusal
        Called with what there is to see of a run that is refused before its first line.
    on_image
        Called when the last row of an image has come.
    before_record
        Called when a cycle is about to be recorded, which takes longer than to look at it.

    Attributes
    ----------
    state
        What is known; may be replaced by one from before, of the same work.
    has_news
        Whether something has changed that a screen would show; set False by whoever shows it.
    """

    def __init__(
        self,
        work: Work,
        on_record: Callable[[Snapshot], None],
        on_refusal: Callable[[Snapshot], None],
        on_image: Callable[[], None] = lambda: None,
        before_record: Callable[[], None] = lambda: None,
    ) -> None:
        self.state = RunsState()
        self.has_news = False
        self._work = work
        self._on_record = on_record
        self._on_refusal = on_refusal
        self._on_image = on_image
        self._before_record = before_record

    @property
    def shown(self) -> PipelineState | None:
        """The run that moved last, or None."""
        run = self.state.fitted.get(self.state.shown)
        return None if run is None else run.state

    def take(self, item: Item) -> None:
        """Take what a document held; whatever cannot be used is counted."""
        try:
            if isinstance(item, Line):
                self._add(item)
            elif isinstance(item, ScanPlan):
                self._open(item)
            elif isinstance(item, RunClosed):
                self._close(item)
            elif isinstance(item, CellReading):
                self._hear(item)
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

    def mark(self, marks: Marks) -> None:
        """Follow other regions and masks, also in runs to come."""
        self.state.marks = marks
        for run in self.state.fitted.values():
            run.state = mark(run.state, marks)
        self.has_news = True

    def kept_state(self) -> RunsState:
        """Return the state as it is kept on disk: without what only regions yet to be drawn would need."""
        fitted = {
            uid: replace(run, state=replace(run.state, book=without_pages(run.state.book)))
            for uid, run in self.state.fitted.items()
        }
        return replace(self.state, fitted=fitted)

    def close_all(self, exit_status: str, reason: str) -> None:
        """Record what is there of runs that never said that they ended."""
        for uid, run in self.state.fitted.items():
            if run.state.closed is None:
                self._close(RunClosed(uid, exit_status, reason))

    def _open(self, plan: ScanPlan) -> None:
        self._forget_closed(plan.run)
        selection = None
        if self._work.energies_ev is not None:
            selected = select(plan, self._work.energies_ev)
            if selected is None:
                return
            plan, selection = selected
        run = self.state.fitted.get(plan.run)
        if run is None:
            started = start(plan, self._work.library, self._work.recipe, self._work.studies)
            self.state.fitted[plan.run] = FittedRun(mark(started, self.state.marks), selection)
        else:
            run.state, run.selection = replan(run.state, plan), selection
        self._show(plan.run)

    def _add(self, line: Line) -> None:
        run = self.state.fitted.get(line.run)
        if run is None or run.is_refused:
            return
        if run.selection is not None:
            selected = run.selection.line(line)
            if selected is None:
                return
            line = selected
        run.state = step(run.state, line)
        self._show(line.run)
        if line.row + 1 == run.state.plan.grid.shape[0]:
            self._on_image()
        self._record(run)

    def _hear(self, reading: CellReading) -> None:
        run = self.state.fitted.get(reading.run)
        if run is not None and not run.is_refused:
            run.state = hear(run.state, reading)

    def _close(self, closed: RunClosed) -> None:
        run = self.state.fitted.get(closed.run)
        if run is not None and not run.is_refused:
            run.state = close(run.state, closed)
            self._record(run)
            self.has_news = True

    def _record(self, run: FittedRun) -> None:
        if not due(run.state):
            return
        self._before_record()
        # A cycle that is recorded late makes later ones due again.
        while cycles := due(run.state):
            run.state, snapshot = record(run.state, cycles[0])
            if snapshot.map is not None:
                self._on_record(snapshot)
        self.has_news = True
        for other in self.state.fitted.values():
            if is_control_of(other.state, run.state) and not other.is_refused:
                other.state = accompanied(other.state, run.state)
                self._record(other)

    def _reject(self, rejection: Rejection) -> None:
        if isinstance(rejection.error, RunRejected):
            self._refuse(rejection, rejection.error)
            return
        state = self.state
        state.rejections += 1
        state.rejected[rejection.run] = state.rejected.pop(rejection.run, 0) + 1
        _keep_newest(state.rejected)
        _log.warning("run %s: %s", rejection.run[:8], rejection.error)

    def _refuse(self, item: Item, error: OperandoError) -> None:
        """Give a run up: its map stays as it is, and the screen says why."""
        run = self.state.fitted.get(item.run)
        # A session's log holds runs that are no scans; those are no trouble.
        is_scan = run is not None or isinstance(item, ScanPlan)
        _log.log(logging.ERROR if is_scan else logging.INFO, "run %s is not fitted: %s", item.run[:8], error)
        self.state.refusals[item.run] = Refusal(isinstance(error, ConfigurationError), str(error))
        _keep_newest(self.state.refusals)
        if run is not None:
            run.is_refused = True
            run.state = close(run.state, RunClosed(item.run, "refused", str(error)))
            self.has_news = True
        elif isinstance(item, ScanPlan):
            self._on_refusal(refusal(item, self._work.library, self._work.recipe, error))

    def _show(self, uid: str) -> None:
        self.state.shown = uid
        self.has_news = True

    def _forget_closed(self, newcomer: str) -> None:
        """Let go of the images of runs that have ended, once another one begins."""
        fitted = self.state.fitted
        for uid in [uid for uid, run in fitted.items() if run.state.closed and uid != newcomer]:
            del fitted[uid]


def _keep_newest(by_run: dict[str, Refusal] | dict[str, int]) -> None:
    while len(by_run) > _MOST_REMEMBERED:
        del by_run[next(iter(by_run))]
