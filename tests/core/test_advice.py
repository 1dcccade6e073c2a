"""Advice: rules given beforehand, each a law; what changes by chance alone changes nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from choice_library import THREE, TWO
from operando.core.advice import Memory, Rules, Suggestion, advise
from operando.core.dwell import longer_look, shares_of_variance
from operando.core.fit import Background
from operando.core.front import box_of, front_of
from operando.core.pipeline import record, start, step
from operando.core.prediction import problem_of, value_and_slope
from operando.core.question import Question
from operando.core.references import resample
from operando.types import Curve, LithiationMap, PhaseSpectra, Reason, ScanGrid, Snapshot
from scans import library, lines_of, plan_of, recipe, stack_of

NONE = Background.NONE


@cache
def a_snapshot() -> Snapshot:
    """The first cycle of a small scan."""
    plan = plan_of()
    state = start(plan, library(), recipe())
    for line in lines_of(plan, stack_of(plan, np.random.default_rng(1), cycles=1)):
        state = step(state, line)
    return record(state, 0)[1]


def with_curve(lithium: list[float], error: float = 0.01, cycle: int | None = None) -> Snapshot:
    snapshot, count = a_snapshot(), len(lithium)
    assert snapshot.map is not None
    curve = Curve(
        cycle=np.arange(count),
        time_s=1000.0 + 100.0 * np.arange(count),
        lithium=np.array(lithium),
        lithium_error=np.full(count, error),
        pixels=np.full(count, 40),
    )
    newest = replace(snapshot.map, cycle=count - 1 if cycle is None else cycle)
    return replace(snapshot, curve=curve, map=newest)


def advice(snapshot: Snapshot, rules: Rules, memory: Memory | None = None) -> tuple[Suggestion, ...]:
    return advise(snapshot, memory or Memory(), rules, NONE)[1]


def actions(snapshot: Snapshot, rules: Rules) -> list[str]:
    return [suggestion.action for suggestion in advice(snapshot, rules)]


@given(st.floats(0, 1), st.floats(1e-4, 0.2), st.floats(0, 1), st.floats(0.51, 0.999))
def test_it_stops_exactly_where_the_mean_is_beyond_the_limit_by_its_confidence(
    mean, error, limit, confidence
):
    snapshot = with_curve([mean], error)
    rules = Rules(stop_above_x=limit, confidence=confidence)
    assume(abs(mean - limit - rules.sigmas * error) > 1e-9)
    is_beyond = mean - limit > rules.sigmas * error
    assert actions(snapshot, rules) == (["stop"] if is_beyond else ["same"])
    mirrored = Rules(stop_below_x=1.0 - limit, confidence=confidence)
    assert actions(with_curve([1.0 - mean], error), mirrored) == actions(snapshot, rules)


def test_the_reason_has_the_numbers() -> None:
    (stop,) = advice(with_curve([0.9]), Rules(stop_above_x=0.8))
    assert stop.reason == "mean x is 0.900 ± 0.010, above 0.8 with 97.5% confidence"


def test_without_rules_or_without_news_it_goes_on_as_before() -> None:
    assert actions(with_curve([0.9]), Rules()) == ["same"]
    assert actions(replace(a_snapshot(), map=None), Rules(stop_above_x=0.1)) == ["same"]
    assert actions(with_curve([]), Rules(stop_above_x=0.1)) == ["same"]


@pytest.mark.parametrize(("limit_s", "expected"), [(24.0, ["stop"]), (24.5, ["same"])])
def test_it_stops_when_the_time_is_spent(limit_s: float, expected: list[str]) -> None:
    # Four energies of six rows, one a second.
    assert actions(a_snapshot(), Rules(max_duration_s=limit_s)) == expected


@given(st.lists(st.floats(0.5, 3.0), min_size=1, max_size=6), st.floats(0.01, 1.0))
def test_the_dose_is_the_light_of_all_cycles_each_counted_once(brightness: list[float], rate: float) -> None:
    snapshot, memory = a_snapshot(), Memory()
    assert snapshot.map is not None
    spent_ms, per_cycle_ms = 0.0, float(snapshot.plan.dwell_ms.sum())
    for cycle, bright in enumerate([1.0, *brightness]):
        spent_ms += bright * per_cycle_ms
        now = replace(snapshot, i0=bright * snapshot.i0, map=replace(snapshot.map, cycle=cycle))
        for wanted, share in (("stop", 0.999), ("same", 1.001)):
            rules = Rules(max_dose_mgy=share * rate * spent_ms, dose_mgy_per_ms=rate)
            memory, (found,) = advise(now, memory, rules, NONE)
            assert found.action == wanted


@given(st.integers(1, 5), st.integers(1, 8), st.floats(0.0, 0.3))
def test_a_region_is_finished_when_nothing_changed_for_so_many_cycles(wanted, quiet, jump) -> None:
    curve = [0.2, 0.2 + jump, *[0.2 + jump] * quiet]
    rules = Rules(unchanged_cycles=wanted)
    has_rested = jump <= rules.sigmas * 0.01 * np.sqrt(2) and wanted < len(curve)
    is_over = quiet >= wanted or has_rested
    assert actions(with_curve(curve), rules) == (["next_region"] if is_over else ["same"])


def test_what_ends_the_run_leaves_nothing_else_to_suggest() -> None:
    rules = Rules(stop_above_x=0.1, unchanged_cycles=1, wished_sigma_x=1e-6)
    assert actions(with_curve([0.9, 0.9]), rules) == ["stop"]


# ------------------------------------------------------------------------------------------- longer dwell


def a_map(fractions: np.ndarray, lithium: np.ndarray) -> LithiationMap:
    """One row of pixels of known composition, all valid."""
    assert a_snapshot().map is not None
    phases, pixels = fractions.shape
    row = (1, pixels)
    return replace(
        a_snapshot().map,
        fraction=fractions.reshape(phases, *row),
        lithium=(lithium @ fractions).reshape(row),
        lithium_error=np.full(row, 0.05),
        reason=np.full(row, Reason.DETERMINED, dtype=np.uint8),
    )


def spectra(material, energies_ev) -> PhaseSpectra:
    at = resample(material, energies_ev)
    names = tuple(phase.name for phase in material.phases)
    return PhaseSpectra(names, material.lithium, at, energies_ev, at, "optical_density", is_model=True)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["two", "three"]), st.lists(st.floats(0.3, 3.0), min_size=5, max_size=5))
def test_the_shares_are_those_of_the_design(material: str, dwells: list[float]) -> None:
    """∂σ²/∂w_e of the design is -s_e σ² / w_e, where only counting noise is counted."""
    references = TWO if material == "two" else THREE
    energies_ev = np.array([704.0, 707.5, 708.5, 709.6, 712.0])
    question = Question(
        thickness=1.0, counts=1e4, background=Background.CONSTANT, offset_ev=0.0, i0_error=0.0, count=5
    )
    problem = problem_of(references, energies_ev, question)
    # The case in which the phases that are there, and no others, are in the fit.
    of_case = problem.share.argmax(axis=0)
    present = problem.composition[of_case] > 0
    case = int(np.flatnonzero((problem.active[:, : present.shape[1]] == present).all(axis=1))[0])
    fraction = problem.composition[of_case[case]]
    share_of_dwell = np.array(dwells) / np.sum(dwells)
    alone = replace(
        problem,
        active=problem.active[[case]],
        target=problem.target[[case]],
        noise=problem.noise[[case]],
        blur=problem.blur[[case]],
        shift=problem.shift[:, [case]],
        drift=problem.drift[:, [case]],
        share=np.ones((1, 1)),
        power=1,
    )
    value, slope = value_and_slope(alone, np.arange(5)[None], share_of_dwell[None])
    error = np.sqrt(problem.noise[case] / share_of_dwell).reshape(5, 1, 1)
    ours = shares_of_variance(
        a_map(fraction[:, None], references.lithium),
        error,
        spectra(references, energies_ev),
        energies_ev,
        Background.CONSTANT,
    )
    np.testing.assert_allclose(ours, -slope[0] * share_of_dwell / value[0], rtol=1e-4, atol=1e-7)


@given(
    st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6),
    st.floats(0.01, 0.2),
    st.floats(0.01, 0.2),
    st.data(),
)
def test_the_longer_look_meets_the_wish_or_says_that_it_does_not(weights, sigma, wished, data) -> None:
    share = np.array(weights) / np.sum(weights)
    dwell_ms = np.array(data.draw(st.lists(st.floats(0.5, 5), min_size=len(weights), max_size=len(weights))))
    longer = longer_look(share, dwell_ms, sigma, wished)
    if sigma <= wished:
        assert longer is None
        return
    assert longer is not None
    assert (share[longer.energy] / dwell_ms[longer.energy]) == (share / dwell_ms).max()
    then = sigma * np.sqrt(1 - share[longer.energy] + share[longer.energy] / longer.factor)
    assert 1.0 <= longer.factor <= 4.0
    assert (then <= wished * (1 + 1e-9)) == longer.is_enough


def test_more_dwell_is_asked_for_only_while_sigma_is_above_the_wish() -> None:
    snapshot = with_curve([0.5])
    assert snapshot.map is not None
    sigma = float(np.median(snapshot.map.lithium_error[snapshot.map.valid]))
    assert actions(snapshot, Rules(wished_sigma_x=1.01 * sigma)) == ["same"]
    (longer,) = advice(snapshot, Rules(wished_sigma_x=0.8 * sigma))
    assert longer.action == "dwell"
    assert 1.0 < longer.details["dwell_ms"] <= 4.0
    assert f"{snapshot.plan.energies_ev[longer.details['energy_index']]:.2f} eV" in longer.reason
    (capped,) = advice(snapshot, Rules(wished_sigma_x=0.1 * sigma, max_dwell_ms=1.5))
    assert capped.details["dwell_ms"] == 1.5
    assert "not enough yet" in capped.reason
    assert actions(snapshot, Rules(wished_sigma_x=0.1 * sigma, max_dwell_ms=1.0)) == ["same"]


@given(st.integers(0, 3), st.floats(1.5, 4.0), st.floats(0.3, 3.0))
def test_a_dwell_is_what_the_lines_say_and_not_what_the_light_makes_of_it(energy, longer, bright) -> None:
    plan, counts = plan_of(cycles=1), stack_of(plan_of(), np.random.default_rng(1), cycles=1)
    state = start(plan, library(), recipe())
    for line in lines_of(plan, counts):
        state = step(state, replace(line, dwell_ms=longer) if line.energy == energy else line)
    snapshot = record(state, 0)[1]
    assert snapshot.dwell_ms is not None
    expected = np.where(np.arange(4) == energy, longer, 1.0)
    np.testing.assert_allclose(snapshot.dwell_ms, expected)
    wish = Rules(wished_sigma_x=1e-6, max_dwell_ms=8.0)
    now_ms = {advice(replace(snapshot, i0=light * snapshot.i0), wish)[0].reason for light in (1.0, bright)}
    (reason,) = now_ms
    assert any(f"gains most: {dwell_ms:.3g} to" in reason for dwell_ms in expected)


def test_a_weaker_beam_is_no_shorter_dwell_and_no_reason_to_ask_again() -> None:
    first = with_curve([0.5])
    wish = Rules(wished_sigma_x=1e-4, max_dwell_ms=8.0)
    memory, (asked,) = advise(first, Memory(), wish, NONE)
    weaker = replace(with_curve([0.5, 0.5]), i0=0.5 * first.i0)
    assert advise(weaker, memory, wish, NONE)[1] == (asked,)


def test_an_energy_that_a_cycle_does_not_visit_adds_no_dose() -> None:
    snapshot = a_snapshot()
    assert snapshot.map is not None
    snapshot = replace(snapshot, plan=replace(snapshot.plan, every=(4, 1, 1, 1)))
    memory = Memory()
    for cycle in range(3):
        now = replace(snapshot, map=replace(snapshot.map, cycle=cycle))
        # Four images of 1 ms, then three each.
        for limit_mgy, action in ((3.999 + 3 * cycle, "stop"), (4.001 + 3 * cycle, "same")):
            rules = Rules(max_dose_mgy=limit_mgy, dose_mgy_per_ms=1.0)
            memory, (found,) = advise(now, memory, rules, NONE)
            assert found.action == action


@given(st.floats(1.0, 4.0), st.floats(0.3, 3.0))
def test_the_dose_knows_a_longer_dwell_once(longer: float, bright: float) -> None:
    """Where I0 is measured it has the dwell in it; where it is not known, the lines say the dwell."""
    snapshot = a_snapshot()
    assert snapshot.map is not None
    memory = Memory()
    rules = Rules(max_dose_mgy=1e9, dose_mgy_per_ms=1.0)
    dwell_ms = np.full(4, longer)
    for known in (longer * bright, float("nan")):
        memory, _ = advise(replace(snapshot, dwell_ms=np.ones(4)), Memory(), rules, NONE)
        now = replace(
            snapshot,
            dwell_ms=dwell_ms,
            i0=known * snapshot.i0,
            map=replace(snapshot.map, cycle=1),
        )
        lit_ms = 4.0 + 4.0 * (longer if np.isnan(known) else known)
        for share, action in ((0.999, "stop"), (1.001, "same")):
            limited = Rules(max_dose_mgy=share * lit_ms, dose_mgy_per_ms=1.0)
            assert advise(now, memory, limited, NONE)[1][0].action == action


# ----------------------------------------------------------------------------------------------- the front


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_noise_alone_is_no_front(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, error = np.full((40, 40), 0.5), np.full((40, 40), 0.08)
    now, before = ((truth + rng.normal(0, error), error) for _ in range(2))
    front = front_of(now, before, (0.0, 1.0), Rules().sigmas)
    # Five percent of all pixels differ by chance; together lie few of them.
    assert front.sum() < 25


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(3, 8), st.booleans())
def test_the_box_holds_the_front_and_lies_in_the_field(
    row: int, column: int, width: int, descends: bool
) -> None:
    now = np.zeros((40, 40))
    now[row : row + width, column : column + width] = 0.5
    error = np.full((40, 40), 0.03)
    front = front_of((now, error), (np.zeros((40, 40)), error), (0.0, 1.0), 2.0)
    assert front.sum() == width**2
    axis_um = np.linspace(-2.0, 2.0, 40)
    grid = ScanGrid(axis_um, axis_um[::-1].copy() if descends else axis_um)
    box = box_of(front, grid)
    assert box is not None
    for axis, places in ((0, grid.x_um[front.any(axis=0)]), (1, grid.y_um[front.any(axis=1)])):
        low = box.centre_um[axis] - box.size_um[axis] / 2
        high = box.centre_um[axis] + box.size_um[axis] / 2
        assert -2.0 - 1e-9 <= low < places.min() <= places.max() < high <= 2.0 + 1e-9
    assert box_of(np.zeros((40, 40), dtype=bool), grid) is None


def test_pixels_that_came_to_an_end_phase_or_are_unknown_are_no_front() -> None:
    error = np.full((10, 10), 0.03)
    for over in (0.0, 1.0, float("nan")):
        now = np.full((10, 10), over)
        assert not front_of((now, error), (np.full((10, 10), 0.5), error), (0.0, 1.0), 2.0).any()


def test_a_denser_field_is_suggested_around_a_small_front_and_not_around_half_the_field() -> None:
    snapshot = with_curve([0.5, 0.5])
    assert snapshot.map is not None
    shape = snapshot.plan.grid.shape
    error = np.full(shape, 0.01)
    for columns, expected in ((3, "dense_region"), (8, "same")):
        now = np.full(shape, 0.5)
        now[1:4, :columns] = 0.7
        newest = replace(snapshot.map, lithium=now, lithium_error=error)
        memory = Memory(maps={0: (np.full(shape, 0.5), error)})
        (found,) = advice(replace(snapshot, map=newest), Rules(front_pixels=9), memory)
        assert found.action == expected
    (few,) = advice(replace(snapshot, map=newest), Rules(front_pixels=25), memory)
    assert few.action == "same"
