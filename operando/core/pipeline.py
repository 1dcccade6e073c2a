"""The order of things: a line in, the state on; a look at the state; a cycle of record.

    state = start(plan, library, recipe)
    state = step(state, line)               # for every line
    while cycles := due(state):             # cycles that became complete, or changed since
        state, snapshot = record(state, cycles[0])
    snapshot = look(state)                  # at any time; provisional between cycles

Live monitoring, acquisition and replay run these same functions, so they give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from operando.cell import CellReading
from operando.core.cellbook import cell_findings, cell_record, heard
from operando.core.composite import Composite, arriving, compose, gain_of
from operando.core.control import RegionTrack, beam_effect, beam_findings, track_of
from operando.core.curve import Point, curve_of
from operando.core.drift import Drift, drift_findings, drift_of
from operando.core.exposure import dose_map
from operando.core.first_cycle import told_anew
from operando.core.fit import design_of
from operando.core.gain import gain_findings
from operando.core.health import check_design, findings_of, reference_findings
from operando.core.increment import Solved, solve_again
from operando.core.light import lit_recipe
from operando.core.placing import remembering
from operando.core.progress import on_one_clock, progress_of, run_findings
from operando.core.references import Library, spectra_of
from operando.core.region import lithium_of_spectrum
from operando.core.regionbook import Model, RegionBook, marked, noted, results_of, unmasked_curve
from operando.core.shared_errors import SharedErrors
from operando.core.simultaneous import parts_of, spectrum_at
from operando.core.stack import HISTORY_CYCLES, Recipe, StackState, add, empty_stack, is_complete
from operando.core.studies import Studies, Study, Subject, later_than, studied
from operando.core.study_rules import NO_STUDIES, CellBook, StudyRules
from operando.errors import OperandoError, RunRejected
from operando.regions import Marks
from operando.types import (
    Finding,
    Line,
    LithiationMap,
    PhaseSpectra,
    Progress,
    RunClosed,
    ScanPlan,
    Severity,
    Snapshot,
    Vitals,
)

__all__ = [
    "PipelineState",
    "close",
    "due",
    "hear",
    "look",
    "look_again",
    "mark",
    "record",
    "refusal",
    "replan",
    "start",
    "step",
]

_WORST_FIRST = (Severity.ALARM, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, slots=True)
class PipelineState:
    """One run on its way.

    Attributes
    ----------
    library, phases, recipe
        What it is fitted with.
    stack
        What is known; taken over by `step`.
    changed
        Cycles with lines that no record has seen.
    points
        The curve so far, by cycle.
    remarks
        Findings that hold for the whole run.
    closed
        How it ended, or None.
    book
        The regions and masks, and what they say.
    rules, studies
        What is studied once a cycle, and what is known of it.
    cell
        What the potentiostat has said.
    exposed
        Of a control region: what the other regions of its series did, by the uid of their runs.
    """

    library: Library
    phases: PhaseSpectra
    recipe: Recipe
    stack: StackState
    changed: frozenset[int]
    points: dict[int, Point]
    remarks: tuple[Finding, ...]
    closed: RunClosed | None
    book: RegionBook = field(default_factory=RegionBook)
    rules: StudyRules = NO_STUDIES
    studies: Studies = field(default_factory=Studies)
    cell: CellBook = field(default_factory=CellBook)
    exposed: dict[str, RegionTrack] = field(default_factory=dict[str, RegionTrack])

    @property
    def plan(self) -> ScanPlan:
        """The scan."""
        return self.stack.plan


def start(plan: ScanPlan, library: Library, recipe: Recipe, rules: StudyRules = NO_STUDIES) -> PipelineState:
    """Return the state of a run before its first line.

    Parameters
    ----------
    plan, library, recipe
        The scan, and what it is fitted with.
    rules
        What is studied once a cycle, beyond the map.

    Raises
    ------
    ConfigurationError
        The references do not cover the energies.
    RunRejected
        There are too few energies for the phases.
    """
    recipe = lit_recipe(recipe, plan.light)
    phases = spectra_of(library, plan.energies_ev)
    if not plan.is_open:
        check_design(plan, phases, recipe)
    remarks = tuple(reference_findings(plan, phases, recipe))
    before = CellBook() if rules.cell is None else rules.cell.before
    return PipelineState(
        library,
        phases,
        recipe,
        empty_stack(plan, recipe),
        frozenset(),
        {},
        remarks,
        None,
        rules=rules,
        cell=before,
    )


def refusal(plan: ScanPlan, library: Library, recipe: Recipe, error: OperandoError) -> Snapshot:
    """Return what there is to see of a run that cannot be fitted: the plan, and why."""
    nan = float("nan")
    stack = np.full(plan.stack_shape, nan)
    own_ev = np.unique(np.concatenate([phase.energy_ev for phase in library.phases]))
    covered = spectra_of(library, np.median(own_ev, keepdims=True))
    return Snapshot(
        plan=plan,
        progress=Progress(0, 0, 0, 0, None, nan, nan, nan, is_closed=True, exit_status="refused"),
        map=None,
        frame=None,
        od=stack,
        od_error=stack,
        row_time_s=np.full(plan.stack_shape[:2], nan),
        i0=np.full(plan.energies_ev.size, nan),
        i0_mode=recipe.incident.mode.value,
        blank=np.zeros(plan.grid.shape, dtype=bool),
        phases=replace(covered, at_energies=np.full((plan.energies_ev.size, len(library.phases)), nan)),
        curve=curve_of({}),
        findings=(Finding("refused", Severity.ALARM, f"this run is not fitted: {error}"),),
    )


def replan(state: PipelineState, plan: ScanPlan) -> PipelineState:
    """Return `state` under a plan that learned of more energies, that it has them all, or of its light.

    Raises
    ------
    RunRejected
        The pixels or the energies known so far changed: the lines seen no longer fit; or all
        energies are known, and they are too few for the phases.
    """
    old = state.plan
    known = old.energies_ev.size
    if plan.grid.shape != old.grid.shape or not np.array_equal(plan.energies_ev[:known], old.energies_ev):
        msg = (
            f"run {plan.run[:8]} changed its pixels or energies on the way "
            f"({old.stack_shape} became {plan.stack_shape}); start a new run for a new field"
        )
        raise RunRejected(msg)
    fresh = start(plan, state.library, state.recipe)
    stack = replace(
        state.stack,
        plan=plan,
        keeps_channel=fresh.stack.keeps_channel,
        detector=fresh.stack.detector,
    )
    # Another light is another map, of every cycle that can still be made.
    changed = state.changed | (stack.rows_seen.keys() if plan.light is not old.light else set())
    return replace(
        state, phases=fresh.phases, recipe=fresh.recipe, remarks=fresh.remarks, stack=stack, changed=changed
    )


def step(state: PipelineState, line: Line) -> PipelineState:
    """Return `state` having also seen `line`; takes `state` over.

    Raises
    ------
    FrameRejected
        The line does not fit into the scan.
    """
    was_complete = is_complete(state.stack, line.cycle)
    stack = add(state.stack, line)
    if stack is state.stack:
        return state
    # Later maps look back on this cycle; those recorded already are to be recorded anew.
    reach = set(range(line.cycle, line.cycle + 1 + state.recipe.estimator.older_images))
    if state.recipe.registration.is_needed:  # where later images lie may follow from it
        stack, told = told_anew(stack, line.cycle, was_complete=was_complete)
        reach = set(range(line.cycle, 1 + max(stack.rows_seen))) | told
    changed = reach & stack.rows_seen.keys() | later_than(state.studies, min(reach))
    return replace(state, stack=stack, changed=state.changed | changed)


def hear(state: PipelineState, reading: CellReading) -> PipelineState:
    """Return `state` having also heard what the potentiostat said."""
    return replace(state, cell=heard(state.cell, reading))


def mark(state: PipelineState, marks: Marks) -> PipelineState:
    """Return `state` with other regions and masks; neither changes a map."""
    return replace(state, book=marked(state.book, marks, state.plan.grid, _model(state)))


def close(state: PipelineState, closed: RunClosed) -> PipelineState:
    """Return `state` after the end of its run."""
    return replace(state, closed=closed)


def due(state: PipelineState) -> tuple[int, ...]:
    """Return the cycles to record now.

    A cycle is due when it is complete and has changed since it was recorded. An incomplete one is
    due, if it has half of its lines, when it is about to leave the history or the run has ended.
    """
    newest = state.stack.newest
    if not state.changed or newest is None:
        return ()
    leaving = newest.cycle - HISTORY_CYCLES + 1

    def is_due(cycle: int) -> bool:
        is_final = cycle <= leaving or state.closed is not None
        is_whole = is_complete(state.stack, cycle) and not state.plan.is_open
        has_half = 2 * state.stack.rows_seen[cycle] >= state.plan.lines_in(cycle)
        return is_whole or (is_final and has_half)

    return tuple(sorted(filter(is_due, state.changed)))


def record(state: PipelineState, cycle: int) -> tuple[PipelineState, Snapshot]:
    """Return the state knowing that `cycle` is recorded, and the snapshot of record."""
    solved = _solve(state, cycle, None)
    composite, newest = solved.composite, solved.map
    point = _mean_lithium(state, composite, newest)
    points = {**state.points, cycle: point} if point.pixels else state.points
    found = gain_of(state.stack, cycle, composite.blank)
    freedom = state.plan.energies_ev.size - state.phases.lithium.size - state.recipe.background
    contradicted = gain_findings(found, state.recipe.detector.gain, newest.chi2[newest.valid], freedom)
    remarks = (*(remark for remark in state.remarks if remark.code != "gain"), *contradicted)
    model = _model(state)
    book = noted(state.book, composite, newest, model) if newest.valid.any() else state.book
    subject = Subject(state.stack, state.recipe, state.library, composite, newest, model)
    studies, study = _studied(state.studies, subject, state.rules)
    # A cycle that was never completed is recorded after later ones, which then build upon it.
    changed = (state.changed | later_than(studies, cycle)) - {cycle}
    state = replace(state, changed=changed, points=points, remarks=remarks, book=book, studies=studies)
    state = replace(state, stack=remembering(state.stack, composite.origins.placing))
    return state, _snapshot(state, composite, newest, study)


def _studied(known: Studies, subject: Subject, rules: StudyRules) -> tuple[Studies, Study]:
    """Return what `studied` returns; numbers that nobody foresaw must not cost the map of the cycle."""
    try:
        return studied(known, subject, rules)
    except (ValueError, ArithmeticError, LookupError, MemoryError) as error:
        words = f"this cycle could not be studied beyond its map: {type(error).__name__}: {error}"
        finding = Finding(
            "studies", Severity.WARNING, words, "the map is as good as ever; please report this"
        )
        return known, Study(subject.composite.cycle, findings=(finding,))


def look(state: PipelineState) -> Snapshot:
    """Return all there is to see at this moment; nothing in it changes any more."""
    return look_again(state, None)[0]


def look_again(state: PipelineState, before: Solved | None) -> tuple[Snapshot, Solved]:
    """Return what `look` returns, and what makes the next look cheaper.

    Parameters
    ----------
    state
        What is known.
    before
        The second answer for an earlier state of the same run, or None. It leaves no trace in the
        snapshot: only rows that can have changed are solved again.
    """
    cycle = 0 if state.stack.newest is None else state.stack.newest.cycle
    solved = _solve(state, cycle, before)
    return _snapshot(state, solved.composite, solved.map, state.studies.newest), solved


def _solve(state: PipelineState, cycle: int, before: Solved | None) -> Solved:
    if before is not None and before.phases is not state.phases:  # the run was planned anew
        before = None
    return solve_again(
        before,
        compose(state.stack, state.recipe, cycle, None if before is None else before.composite),
        state.plan,
        state.phases,
        state.recipe,
        is_provisional=not is_complete(state.stack, cycle),
    )


def _snapshot(
    state: PipelineState, composite: Composite, newest: LithiationMap, study: Study | None
) -> Snapshot:
    has_map = bool(newest.energies_used.max(initial=0) >= state.phases.lithium.size + state.recipe.background)
    now = findings_of(composite, newest, state.plan, state.phases, state.recipe)
    plan, clocks = on_one_clock(state.stack)
    drift = _drift(state, composite)
    if drift is not None:
        now += drift_findings(drift, state.plan, state.recipe.registration)
    curve, rules = curve_of(state.points), state.rules
    cell, dose = None, None
    if study is not None:
        now += study.findings
        cell = cell_record(state.cell, newest.time_s, curve, rules.cell)
        if rules.dose is not None and study.dose_mgy is not None:
            dose = dose_map(study.dose_mgy, state.book.covers, rules.dose.limit_mgy)
    now += cell_findings(cell)
    beam = None
    if plan.part.is_control and newest.cycle == max(state.points, default=-1):
        own = track_of(plan.part, state.points, state.studies.particles)
        beam = beam_effect(own, tuple(state.exposed.values()))
        now += beam_findings(beam)
    of_record = _worst_first([*state.remarks, *now])
    findings = _worst_first([*of_record, *clocks, *run_findings(state.stack, state.closed)])
    return Snapshot(
        plan=plan,
        progress=progress_of(state.stack, state.closed),
        map=newest if has_map else None,
        frame=arriving(state.stack, composite, state.recipe),
        od=composite.od,
        od_error=np.sqrt(composite.variance),
        row_time_s=composite.row_time_s,
        i0=composite.i0,
        dwell_ms=composite.dwell_ms,
        i0_mode=state.recipe.incident.mode.value,
        blank=composite.blank,
        phases=state.phases,
        curve=curve,
        findings=findings,
        of_record=of_record,
        marks=state.book.marks,
        regions=results_of(state.book, composite, newest, _model(state)),
        unmasked_curve=unmasked_curve(state.book),
        ring_current_ma=composite.ring_current_ma,
        vitals=Vitals(
            drift_nm_per_min=float("nan") if drift is None else drift.nm_per_min,
            dose_mgy=float("nan") if dose is None else dose.field_mgy,
        ),
        particles=None if study is None else study.particles,
        unexplained=() if study is None else study.unexplained,
        clusters=None if study is None else study.clusters,
        dose=dose,
        cell=cell,
        beam=beam,
        crystal=rules.crystal,
    )


def _worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.severity)))


def _drift(state: PipelineState, composite: Composite) -> Drift | None:
    placing = composite.origins.placing
    return None if placing is None else drift_of(placing, state.plan, composite.cycle)


def _model(state: PipelineState) -> Model:
    phases, energies_ev = state.phases, state.plan.energies_ev
    design = design_of(phases.at_energies, phases.lithium, energies_ev, state.recipe.background)
    shared = SharedErrors.of(phases, state.recipe.incident.error)
    return Model(design, shared, max(float(np.ptp(energies_ev)) / 2, 1e-9))


def _mean_lithium(state: PipelineState, composite: Composite, newest: LithiationMap) -> Point:
    """Fit all the material in the field at once: a mean of pixels would keep what the bounds do to each."""
    parts, model = parts_of(composite.images, newest.valid), _model(state)
    spectrum = spectrum_at(parts, composite.shared_variance, newest.time_s, composite.own_share)
    found = lithium_of_spectrum(spectrum, model.design, model.shared)
    return Point(newest.time_s, found.lithium, found.lithium_error, found.pixels)
