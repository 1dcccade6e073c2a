"""Stress is computed where somebody looks at it, once a cycle, aside, and says that it is a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk import STORY
from operando.crystal import Crystal
from operando.errors import ConfigurationError
from operando.io.frozen import freeze, thaw
from operando.particles import ParticleField
from operando.types import FloatArray, Snapshot
from operando.view.example import Stage, Story, snapshot_at
from operando.view.maps import Surroundings, map_levels, present_map
from operando.view.options import DashboardOptions
from operando.view.quantities import STRESS, choices_of, quantity
from operando.view.readout import value_words
from operando.view.scales import FIRST_COLOUR, UNDETERMINED
from operando.view.stresses import Stresses, StressQuestion, WholeCycle

CRYSTAL = Crystal((100.0, 100.0, 100.0, 40.0, 40.0, 40.0, 30.0), (0.02, 0.02))
COMPLETE, NEXT = Stage(cycles=4), Stage(cycles=5)
WITHIN = Stage(cycles=5, frames=2, rows=20)
_PATIENCE_S = 10.0


def told(snapshot: Snapshot) -> Snapshot:
    """A snapshot that knows its crystal, and one particle."""
    ny, nx = snapshot.plan.grid.shape
    labels = np.zeros((ny, nx), np.int32)
    labels[ny // 3 : 2 * ny // 3, nx // 3 : 2 * nx // 3] = 1
    return replace(snapshot, crystal=CRYSTAL, particles=ParticleField(0, labels, ()))


def question_of(shown: Snapshot) -> StressQuestion:
    return StressQuestion(shown.map.lithium, shown.particles.labels, shown.plan.grid, CRYSTAL)


class Solver:
    """Notes what it is asked; x times 0.1 GPa is its stress."""

    def __init__(self, trouble: str = "") -> None:
        self.asked: list[StressQuestion] = []
        self._trouble = trouble

    def __call__(self, question: StressQuestion) -> FloatArray:
        self.asked.append(question)
        if self._trouble:
            raise ConfigurationError(self._trouble)
        return np.where(question.labels > 0, 0.1 * question.lithium, np.nan)


def settled(stresses: Stresses) -> bool:
    """Wait for what is pending; whether anything was."""
    if stresses.pending is None:
        return False
    stresses.pending.exception(_PATIENCE_S)
    return stresses.has_come()


SHOWN = told(snapshot_at(COMPLETE, STORY))


@given(order=st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_a_cycle_is_computed_once_however_often_it_is_asked_for(order: list[int]) -> None:
    shown, solver = SHOWN, Solver()
    stresses = Stresses(solver)
    for cycle in order:
        stresses.ask(shown, WholeCycle(cycle, lambda: shown.map.lithium))
        settled(stresses)
        assert stresses.of(shown, cycle) is not None
    assert len(solver.asked) == len(set(order))
    assert stresses.newest(shown) == max(order)


def test_another_run_and_another_grid_have_none_of_it() -> None:
    shown, stresses = told(snapshot_at(COMPLETE, STORY)), Stresses(Solver())
    stresses.ask(shown, WholeCycle(2, lambda: shown.map.lithium))
    assert settled(stresses)
    assert stresses.newest(replace(shown, plan=replace(shown.plan, run="another"))) is None
    assert stresses.of(told(snapshot_at(COMPLETE, Story(shape=(64, 64)))), 2) is None


def test_it_is_offered_only_where_the_crystal_is_known_and_its_every_name_says_model() -> None:
    shown = snapshot_at(COMPLETE, STORY)
    assert STRESS not in choices_of(None)
    assert STRESS not in choices_of(shown)
    assert choices_of(told(shown)) == (*choices_of(shown), STRESS)
    named = quantity(STRESS, told(shown))
    assert "model" in named.name
    assert "model-dependent" in named.label
    assert "model-dependent" in named.meaning


def test_outside_particles_it_has_no_colour_and_the_readout_says_so() -> None:
    shown = told(snapshot_at(COMPLETE, STORY))
    around = Surroundings(stress=Solver()(question_of(shown)))
    levels = map_levels(shown, STRESS, None, around)
    picture = present_map(shown, STRESS, levels, around)
    inside = np.isfinite(around.stress)
    assert inside.any()
    assert not inside.all()
    assert (picture.index[inside] >= FIRST_COLOUR).all()
    assert (picture.index[~inside] <= UNDETERMINED).all()
    known, unknown = (tuple(np.argwhere(where & shown.map.valid)[0]) for where in (inside, ~inside))
    assert value_words(shown, STRESS, picture, known).endswith("GPa, model-dependent")
    assert value_words(shown, STRESS, picture, unknown) == "no stress here"


def test_its_scale_widens_as_the_reaction_goes_on() -> None:
    shown = told(snapshot_at(COMPLETE, STORY))
    grown = [Surroundings(stress=np.full(shown.plan.grid.shape, gpa)) for gpa in (0.01, 0.4, 0.2)]
    levels = map_levels(shown, STRESS, None)
    tops = []
    for around in grown:
        levels = map_levels(shown, STRESS, levels, around)
        tops.append(levels.high)
    assert tops[0] < 0.1
    assert tops[0] < tops[1] == tops[2]


def show(desk, stage: Stage) -> None:
    desk.waiting.append(told(snapshot_at(stage, STORY)))
    desk.window.refresh()


def test_the_window_has_it_computed_when_it_is_picked_and_not_before(open_desk) -> None:
    solver = Solver()
    desk = open_desk(solve_stress=solver)
    window = desk.window
    show(desk, COMPLETE)
    assert not solver.asked
    window.session.show_map(STRESS)
    window.draw()
    assert window.session.stresses.pending.exception(_PATIENCE_S) is None
    window.refresh()
    assert len(solver.asked) == 1
    assert "stress of cycle 4, model-dependent" in window.deck.maps.legend.text()
    (pane,) = window.deck.maps.panes
    assert (pane.picture.index >= FIRST_COLOUR).sum() == np.isfinite(pane.picture.values).sum() > 0


def test_while_a_cycle_comes_the_last_whole_one_is_shown(open_desk) -> None:
    solver = Solver()
    desk = open_desk(solve_stress=solver)
    session = desk.session
    session.show_map(STRESS)
    show(desk, COMPLETE)
    assert settled(session.stresses)
    show(desk, WITHIN)
    assert session.stress_words == "stress of cycle 4, model-dependent"
    assert session.around.stress is not None
    assert settled(session.stresses)
    show(desk, WITHIN)
    assert session.stress_words == "stress of cycle 5, model-dependent"
    assert len(solver.asked) == 2
    assert np.isfinite(solver.asked[1].lithium).any()


def test_a_moment_of_the_past_has_its_own(open_desk) -> None:
    desk = open_desk(solve_stress=Solver())
    session = desk.session
    session.show_map(STRESS)
    show(desk, WITHIN)
    assert settled(session.stresses)
    session.go_to(1)
    assert session.around.stress is None
    desk.window.draw()
    assert settled(session.stresses)
    assert session.stress_words == "stress of cycle 2, model-dependent"
    session.go_live()
    assert session.stress_words == "stress of cycle 5, model-dependent"


def test_why_there_is_none_is_said_where_it_is_missed(open_desk) -> None:
    desk = open_desk(solve_stress=Solver("stress needs scikit-fem: pip install 'operando[strain]'"))
    window = desk.window
    show(desk, COMPLETE)
    window.session.show_map(STRESS)
    window.draw()
    window.session.stresses.pending.exception(_PATIENCE_S)
    window.refresh()
    assert "pip install" in window.deck.maps.legend.text()
    assert window.session.around.stress is None


def test_a_window_of_nobody_says_so() -> None:
    shown, stresses = told(snapshot_at(COMPLETE, STORY)), Stresses()
    stresses.ask(shown, WholeCycle(0, lambda: shown.map.lithium))
    assert settled(stresses)
    assert stresses.words(None) == "nobody computes stress for this window"
    with pytest.raises(ConfigurationError):
        DashboardOptions().solve_stress(question_of(shown))


def test_the_crystal_goes_to_a_window_in_another_process() -> None:
    assert thaw(Snapshot, freeze(SHOWN)).crystal == CRYSTAL
