"""Older cycles help and do no harm: moved in time, kept near, and left out where unknown."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.evolution import directions_of
from operando.core.fit import Background, design_of
from operando.core.pipeline import PipelineState, due, look, record, start, step
from operando.core.references import resample
from operando.core.stack import Estimator, Recipe
from operando.types import FloatArray, Line, LithiationMap, ScanPlan, Snapshot
from scans import library, lines_of, plan_of, recipe

ENERGIES_EV = np.array([700.0, 707.0, 708.5, 710.0, 715.0])
PLAN = plan_of(shape=(9, 11), cycles=4, energies_ev=ENERGIES_EV)
PER_CYCLE = PLAN.energies_ev.size * PLAN.grid.shape[0]
LITHIUM = library().lithium
I0 = 20_000.0


def amounts_at(time_s: FloatArray, rate_per_s: float) -> FloatArray:
    """Return amounts of the three phases that change into each other steadily, shape (phase, *time)."""
    start_s = PLAN.started_s
    first = 0.5 - rate_per_s * (time_s - start_s)
    second = 0.3 + 0.25 * rate_per_s * (time_s - start_s)
    return np.stack([first, second, 1.0 - first - second])


def series(rate_per_s: float = 0.0, *, seed: int | None = 0, plan: ScanPlan = PLAN) -> list[Line]:
    """Return lines of a sample that is the same everywhere; without noise if `seed` is None."""
    cycles = plan.cycles or 1
    lines = lines_of(plan, np.zeros((cycles, *plan.stack_shape)))
    spectra = resample(library(), plan.energies_ev)
    rng = None if seed is None else np.random.default_rng(seed)
    filled: list[Line] = []
    for line in lines:
        od = float(spectra[line.energy] @ amounts_at(np.array(line.time_s), rate_per_s))
        mean = np.full(plan.grid.shape[1], I0 * np.exp(-od))
        filled.append(replace(line, counts=mean if rng is None else rng.poisson(mean).astype(np.float64)))
    return filled


def with_estimator(estimator: Estimator) -> Recipe:
    return replace(recipe(), estimator=estimator)


def run(
    lines: list[Line], estimator: Estimator = Estimator.TIMED, state: PipelineState | None = None
) -> tuple[PipelineState, dict[int, LithiationMap]]:
    """Return the state after some lines and the last record of each cycle."""
    state = state or start(PLAN, library(), with_estimator(estimator))
    records: dict[int, LithiationMap] = {}
    for line in lines:
        state = step(state, line)
        for cycle in due(state):
            state, snapshot = record(state, cycle)
            records[cycle] = map_of(snapshot)
    return state, records


def map_of(snapshot: Snapshot) -> LithiationMap:
    assert snapshot.map is not None
    return snapshot.map


def bytes_of(map_: LithiationMap, where: tuple[slice | int, ...] = ()) -> list[bytes]:
    """Return every picture of a map, or a part of each, as bytes."""
    pictures = [np.asarray(getattr(map_, entry.name)) for entry in fields(LithiationMap)]
    return [p[..., *where].tobytes() for p in pictures if p.shape[-2:] == PLAN.grid.shape]


LINES = series(rate_per_s=0.002)
RECORDS = run(LINES)[1]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_order_and_repetition_within_a_cycle_change_no_bit(data: st.DataObject) -> None:
    shuffled: list[Line] = []
    for cycle in range(4):
        order = data.draw(st.permutations(range(PER_CYCLE)))
        again = data.draw(st.lists(st.sampled_from(order), max_size=3))
        shuffled += [LINES[cycle * PER_CYCLE + index] for index in (*order, *again)]
    _, records = run(shuffled)
    assert records.keys() == RECORDS.keys()
    for cycle, map_ in records.items():
        assert bytes_of(map_) == bytes_of(RECORDS[cycle])
        assert map_.time_s == RECORDS[cycle].time_s


@settings(max_examples=10, deadline=None)
@given(index=st.integers(0, 3 * PER_CYCLE - 1), delay=st.integers(1, PER_CYCLE))
def test_a_line_that_comes_late_leaves_what_it_would_have_left_in_time(index: int, delay: int) -> None:
    late = [*LINES[:index], *LINES[index + 1 : index + 1 + delay], LINES[index], *LINES[index + 1 + delay :]]
    _, records = run(late)
    for cycle, map_ in records.items():
        assert bytes_of(map_) == bytes_of(RECORDS[cycle]), cycle


def test_a_record_does_not_depend_on_later_cycles() -> None:
    state, _ = run(LINES)
    for cycle in (1, 2, 3):
        _, snapshot = record(state, cycle)
        assert bytes_of(map_of(snapshot)) == bytes_of(RECORDS[cycle])


def test_the_first_cycle_is_the_plain_fit() -> None:
    assert bytes_of(RECORDS[0]) == bytes_of(run(LINES[:PER_CYCLE], Estimator.LATEST)[1][0])


@settings(max_examples=15, deadline=None)
@given(row=st.integers(0, 8), column=st.integers(0, 10), energy=st.integers(0, 4), cycle=st.integers(0, 1))
def test_a_bad_reading_stays_near_and_its_own_pixel_falls_back_to_the_plain_fit(
    row: int, column: int, energy: int, cycle: int
) -> None:
    lines = [replace(line, counts=line.counts.copy()) for line in LINES[: 2 * PER_CYCLE]]
    for line in lines:
        if (line.cycle, line.energy, line.row) == (cycle, energy, row):
            line.counts[column] = np.nan
    spoiled = run(lines)[1][1]
    plain = run(lines, Estimator.LATEST)[1][1]
    assert spoiled.lithium[row, column].tobytes() == plain.lithium[row, column].tobytes()
    assert spoiled.lithium_error[row, column].tobytes() == plain.lithium_error[row, column].tobytes()
    assert np.isfinite(spoiled.lithium).sum() >= np.isfinite(plain.lithium).sum()
    y, x = np.indices(PLAN.grid.shape)
    far = (np.abs(y - row) > 2) | (np.abs(x - column) > 2)
    assert spoiled.lithium[far].tobytes() == RECORDS[1].lithium[far].tobytes()


@settings(max_examples=10, deadline=None)
@given(rate=st.floats(-0.0005, 0.002))
def test_steady_motion_is_followed(rate: float) -> None:
    lines = series(rate, seed=None)
    timed, latest = run(lines)[1], run(lines, Estimator.LATEST)[1]
    for cycle in (1, 2, 3):
        fraction = amounts_at(np.array(timed[cycle].time_s), rate)
        truth = float(LITHIUM @ fraction)
        off = np.abs(timed[cycle].lithium - truth).max()
        # Not exactly zero: the share of the displacement that noise could be is not followed. Motion just
        # too slow to be told from noise makes the map lag by up to 0.4 σ.
        unseen = 0.45 * timed[cycle].lithium_error.min()
        assert off < 0.25 * np.abs(latest[cycle].lithium - truth).max() + unseen


def test_at_rest_sigma_shrinks_as_if_all_images_were_one() -> None:
    lines = series(0.0)
    timed, latest = run(lines)[1][3], run(lines, Estimator.LATEST)[1][3]
    truth = float(LITHIUM @ amounts_at(np.array(PLAN.started_s), 0.0))
    ratio = np.median(timed.lithium_error / latest.lithium_error)
    # Three images, less what noise passes for motion; σ depends a little on x.
    assert 0.97 / np.sqrt(3) < ratio < 0.75
    assert np.sqrt(np.mean((timed.lithium - truth) ** 2)) < 0.8 * np.sqrt(
        np.mean((latest.lithium - truth) ** 2)
    )
    # 99 pixels, neighbours correlated: at 4 σ the chance of a false alarm is below one in a hundred.
    assert (np.abs(timed.lithium - truth) < 4 * timed.lithium_error).all()


def test_a_map_between_cycles_uses_each_image_once() -> None:
    lines = series(0.0)
    state, _ = run(lines[: 2 * PER_CYCLE + PER_CYCLE // 2 + 3])
    timed = map_of(look(state))
    state, _ = run(lines[: 2 * PER_CYCLE + PER_CYCLE // 2 + 3], Estimator.LATEST)
    latest = map_of(look(state))
    assert timed.time_s == latest.time_s
    assert timed.is_provisional
    assert (timed.energies_used == latest.energies_used).all()
    assert np.median(timed.lithium_error / latest.lithium_error) > 0.97 / np.sqrt(3)
    assert np.isfinite(timed.lithium).all()


@pytest.mark.parametrize("background", list(Background))
def test_backgrounds_are_still_and_phases_non_negative(background: Background) -> None:
    energies_ev = np.array([700.0, 705.0, 707.0, 708.5, 710.0, 715.0])
    plan = plan_of(shape=(5, 6), cycles=3, energies_ev=energies_ev)
    state = start(plan, library(), replace(recipe(), background=background))
    for line in series(0.001, plan=plan):
        state = step(state, line)
    newest = map_of(look(state))
    assert (newest.fraction >= 0).all()
    assert newest.fraction.sum(axis=0) == pytest.approx(1.0)
    truth = float(LITHIUM @ amounts_at(np.array(newest.time_s), 0.001))
    assert (np.abs(newest.lithium - truth) < 5 * newest.lithium_error).all()


def test_images_of_one_time_are_fitted_like_any_others() -> None:
    lines = [replace(line, time_s=PLAN.started_s + 100.0 * line.cycle) for line in series(0.0)]
    newest = run(lines)[1][3]
    assert np.isfinite(newest.lithium).all()
    same = [replace(line, time_s=PLAN.started_s) for line in series(0.0)]
    newest, latest = run(same)[1][3], run(same, Estimator.LATEST)[1][3]
    # No time between cycles, so no motion can be told.
    assert newest.lithium.tobytes() == latest.lithium.tobytes()
    assert newest.lithium_error.tobytes() == latest.lithium_error.tobytes()
    assert newest.r_factor == pytest.approx(latest.r_factor, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), phases=st.integers(2, 4), background=st.sampled_from(list(Background)))
def test_lithium_moves_in_no_direction_that_is_still(seed: int, phases: int, background: Background) -> None:
    rng = np.random.default_rng(seed)
    energies = phases + background + 2
    design = design_of(
        rng.uniform(0.1, 1.0, (energies, phases)),
        np.linspace(0, 1, phases),
        np.sort(rng.uniform(700, 720, energies)),
        background,
    )
    directions = directions_of(design)
    if directions is None:
        assert np.linalg.cond(design.matrix) > 1e4
        return
    motion = np.zeros(design.matrix.shape[1])
    motion[:phases] = rng.normal(size=phases)
    motion[:phases] -= motion[:phases].mean()
    moved = directions.matrix @ (motion * design.scale)
    assert moved[: directions.still] == pytest.approx(0.0, abs=1e-6)
    # Least squares of what the coordinates stand for gives the coordinates.
    identity = np.eye(len(directions.matrix))
    assert directions.projection @ directions.spectra == pytest.approx(identity, abs=1e-6)
    assert directions.spectra @ directions.matrix == pytest.approx(design.matrix, abs=1e-6)
    assert directions.projection @ directions.projection.T == pytest.approx(identity, abs=1e-6)
