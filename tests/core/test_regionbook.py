"""Regions: a curve follows from data and outline, not from when somebody drew it; masks change no map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.pipeline import PipelineState, due, look, mark, record, start, step
from operando.core.regionbook import RegionBook
from operando.errors import ConfigurationError
from operando.regions import MAX_CORNERS, MAX_REGIONS, Marks, Outline, Region, covered
from operando.types import Curve, LithiationMap, Snapshot
from scans import library, lines_of, plan_of, recipe, stack_of

PLAN = plan_of(shape=(8, 9), cycles=4)
COUNTS = stack_of(PLAN, np.random.default_rng(4), cycles=4)
LINES = lines_of(PLAN, COUNTS)
LEFT = Region("left", Outline.RECTANGLE, ((-1.1, -1.1), (0.1, 1.1)))
ALL = Region("all", Outline.RECTANGLE, ((-9.0, -9.0), (9.0, 9.0)))
NOWHERE = Region("nowhere", Outline.RECTANGLE, ((5.0, 5.0), (6.0, 6.0)))
corner = st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))


def run(
    marks_at: dict[int, Marks], state: PipelineState | None = None
) -> tuple[PipelineState, list[Snapshot]]:
    """Take all lines, with marks sent before the lines of some numbers."""
    state = state or start(PLAN, library(), recipe())
    records: list[Snapshot] = []
    for number, line in enumerate(LINES):
        if number in marks_at:
            state = mark(state, marks_at[number])
        state = step(state, line)
        for cycle in due(state):
            state, snapshot = record(state, cycle)
            records.append(snapshot)
    return state, records


def bytes_of(curve: Curve) -> bytes:
    return b"".join(
        array.tobytes()
        for array in (curve.cycle, curve.time_s, curve.lithium, curve.lithium_error, curve.pixels)
    )


FROM_THE_START = run({0: Marks((LEFT, ALL))})[0]


@settings(max_examples=12, deadline=None)
@given(drawn_at=st.integers(0, len(LINES) - 1))
def test_a_region_has_the_same_bits_whenever_it_was_drawn(drawn_at: int) -> None:
    late, _ = run({drawn_at: Marks((LEFT, ALL))})
    for ours, theirs in zip(look(late).regions, look(FROM_THE_START).regions, strict=True):
        assert ours.curve.cycle.tolist() == [0, 1, 2, 3]
        assert bytes_of(ours.curve) == bytes_of(theirs.curve)


def test_the_whole_field_as_a_region_is_the_field() -> None:
    snapshot = look(FROM_THE_START)
    everything = snapshot.regions[1]
    # Single precision keeps seven digits of the optical density, half precision three of what moved since.
    apart = np.abs(everything.curve.lithium - snapshot.curve.lithium)
    assert np.all(apart < 2e-3 * snapshot.curve.lithium_error)
    np.testing.assert_allclose(everything.curve.lithium_error, snapshot.curve.lithium_error, rtol=1e-3)
    np.testing.assert_array_equal(everything.curve.pixels, snapshot.curve.pixels)
    assert everything.lithium == pytest.approx(snapshot.curve.lithium[-1], rel=1e-5)


def test_the_fit_of_a_region_adds_up_to_what_was_measured() -> None:
    snapshot = look(FROM_THE_START)
    left = snapshot.regions[0]
    fitted = snapshot.phases.at_energies @ (left.fraction * left.thickness) + left.background
    assert np.all(np.abs(fitted - left.od) < 5 * left.od_error)
    assert left.fraction.sum() == pytest.approx(1.0)
    assert left.lithium == pytest.approx(float(left.fraction @ snapshot.phases.lithium))


def test_marks_change_no_map_and_no_curve_of_the_field() -> None:
    _, plain = run({})
    _, with_marks = run({7: Marks((LEFT,), (LEFT,)), 60: Marks((), (ALL,))})
    for ours, theirs in zip(with_marks, plain, strict=True):
        assert ours.map is not None
        assert theirs.map is not None
        for name in LithiationMap.__dataclass_fields__:
            assert (
                np.asarray(getattr(ours.map, name)).tobytes()
                == np.asarray(getattr(theirs.map, name)).tobytes()
            ), name
        assert bytes_of(ours.curve) == bytes_of(theirs.curve)


def test_masked_pixels_are_left_out_of_every_mean() -> None:
    state = mark(FROM_THE_START, Marks((ALL,), (LEFT,)))
    snapshot = look(state)
    assert snapshot.map is not None
    inside = covered(LEFT, PLAN.grid.x_um, PLAN.grid.y_um)
    kept = int((snapshot.map.valid & ~inside).sum())
    assert snapshot.regions[0].pixels == kept < snapshot.map.valid.sum()
    assert snapshot.unmasked_curve is not None
    np.testing.assert_array_equal(snapshot.regions[0].curve.lithium, snapshot.unmasked_curve.lithium)
    assert look(mark(state, Marks((ALL,)))).unmasked_curve is None


def test_a_region_without_pixels_says_so_and_has_no_points() -> None:
    nowhere = look(mark(FROM_THE_START, Marks((NOWHERE,)))).regions[0]
    assert nowhere.pixels == 0
    assert np.isnan(nowhere.lithium)
    assert nowhere.curve.cycle.size == 0


def test_memory_is_bounded_and_a_region_keeps_points_of_cycles_that_are_gone() -> None:
    small = replace(start(PLAN, library(), recipe()), book=RegionBook(budget_bytes=1))
    state, _ = run({0: Marks((LEFT,))}, small)
    assert [page.cycle for page in state.book.pages] == [3]
    assert look(state).regions[0].curve.cycle.size == 4
    # Renamed and locked it is the same place; moved it begins with what is kept.
    renamed = replace(LEFT, name="west", is_locked=True)
    assert look(mark(state, Marks((renamed,)))).regions[0].curve.cycle.size == 4
    assert look(mark(state, Marks((ALL,)))).regions[0].curve.cycle.tolist() == [3]


@given(corners=st.lists(corner, min_size=3, max_size=8), shift=st.integers(0, 7), turned=st.booleans())
def test_a_polygon_is_the_same_from_whichever_corner_and_way_it_is_drawn(corners, shift, turned) -> None:
    x_um, y_um = np.linspace(-1, 1, 12), np.linspace(1, -1, 9)
    first = covered(Region("r", Outline.POLYGON, tuple(corners)), x_um, y_um)
    shift %= len(corners)
    other = [*corners[shift:], *corners[:shift]][:: -1 if turned else 1]
    second = covered(Region("r", Outline.LASSO, tuple(other)), x_um, y_um)
    # Turned edges round differently, which only a centre on the edge itself can tell.
    assert np.mean(first != second) <= (0.05 if turned else 0.0)


@given(one=corner, other=corner)
def test_a_rectangle_covers_the_centres_between_its_corners(one, other) -> None:
    x_um, y_um = np.linspace(-1, 1, 12), np.linspace(1, -1, 9)
    (x0, x1), (y0, y1) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    expected = ((x0 < x_um) & (x_um < x1)) & ((y0 < y_um) & (y_um < y1))[:, None]
    on_edge = np.isin(x_um, (x0, x1)) | np.isin(y_um, (y0, y1))[:, None]
    found = covered(Region("r", Outline.RECTANGLE, (one, other)), x_um, y_um)
    np.testing.assert_array_equal(found[~on_edge], expected[~on_edge])


@pytest.mark.parametrize(
    ("name", "outline", "corners", "words"),
    [
        ("", Outline.RECTANGLE, ((0, 0), (1, 1)), "name has 0"),
        ("r" * 41, Outline.RECTANGLE, ((0, 0), (1, 1)), "name has 41"),
        ("r", Outline.RECTANGLE, ((0, 0), (1, 1), (2, 2)), "has 3 corners"),
        ("r", Outline.POLYGON, ((0, 0), (1, 1)), "has 2 corners"),
        ("r", Outline.LASSO, ((0.0, 0.0),) * (MAX_CORNERS + 1), "has 501 corners"),
        ("r", Outline.POLYGON, ((0, 0), (1, 1), (float("nan"), 2)), "not a number"),
    ],
)
def test_a_region_that_cannot_be_is_refused(name, outline, corners, words) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Region(name, outline, corners)


def test_more_regions_than_anyone_can_watch_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at most 32"):
        Marks((LEFT,) * (MAX_REGIONS + 1))
