"""Every kind of map: fixed scales never move, others are locked, diverging ones have zero in the middle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.regions import Outline, Region, covered
from operando.types import Reason
from operando.view.maps import Surroundings, coarse, is_fixed, map_levels, masked_pixels, present_map
from operando.view.quantities import LITHIUM, Colouring, MapChoice, MapKind, choice_of, choices_of, quantity
from operando.view.readout import value_words
from operando.view.scales import FIRST_COLOUR, MASKED, UNDETERMINED, UNSEEN, Levels, ticks
from operando.view.spectrum import spectrum_at

MIDDLE = (FIRST_COLOUR + 255) // 2


@pytest.fixture(scope="module")
def complete(snapshot_at, stages):
    return snapshot_at(stages["complete"])


def test_each_phase_and_energy_has_maps_of_its_own(complete):
    choices = choices_of(complete)
    assert sum(choice.kind is MapKind.FRACTION for choice in choices) == 2
    assert sum(choice.kind is MapKind.OD for choice in choices) == 5
    assert sum(choice.kind is MapKind.RESIDUAL for choice in choices) == 5
    names = [quantity(choice, complete).name for choice in choices]
    assert len(set(names)) == len(names)
    assert {"LiFePO₄", "OD 708.25 eV"} <= set(names)
    assert [choice_of(choice.key) for choice in choices] == list(choices)


@pytest.mark.parametrize("key", ["", "nothing", "od:x", "od:-1"])
def test_a_key_that_names_no_map_is_refused(key):
    with pytest.raises(ValueError, match=r".+"):
        choice_of(key)


@given(scale=st.floats(0.1, 10.0), place=st.integers(0, 16))
def test_a_fixed_scale_is_the_same_whatever_is_on_the_map(complete, scale, place):
    choice = choices_of(complete)[place]
    other = replace(complete, map=replace(complete.map, thickness=scale * complete.map.thickness))
    levels = map_levels(complete, choice, None)
    assert levels.is_locked or choice.kind is MapKind.CHANGE
    if is_fixed(choice):
        assert (
            map_levels(other, choice, None) == levels == map_levels(replace(complete, map=None), choice, None)
        )
    else:
        assert map_levels(other, choice, levels) == levels


@pytest.mark.parametrize("kind", [MapKind.CHANGE, MapKind.RESIDUAL])
def test_zero_is_the_middle_of_a_diverging_map(complete, kind):
    choice = MapChoice(kind)
    assert quantity(choice, complete).colouring is Colouring.DIVERGING
    before = complete.map.lithium.copy()
    levels = map_levels(complete, choice, None, Surroundings(before + 0.01))
    assert levels.low == -levels.high
    assert 0.0 in ticks(levels)
    index = present_map(complete, MapChoice(MapKind.CHANGE), Levels(-1, 1), Surroundings(before)).index
    assert np.all(index[complete.map.valid] == MIDDLE)


def test_a_change_is_that_from_the_cycle_before_and_nothing_without_one(complete):
    before = complete.map.lithium - 0.25
    picture = present_map(complete, MapChoice(MapKind.CHANGE), Levels(-1, 1), Surroundings(before))
    np.testing.assert_allclose(picture.values[complete.map.valid], 0.25, atol=1e-6)
    alone = present_map(complete, MapChoice(MapKind.CHANGE), Levels(-1, 1))
    assert set(np.unique(alone.index)) == {UNDETERMINED}


def test_the_residual_is_what_the_spectrum_shows(complete, snapshot_at):
    row, column = np.argwhere(complete.map.valid)[7]
    spectrum = spectrum_at(complete, row, column)
    for energy in range(5):
        choice = MapChoice(MapKind.RESIDUAL, energy)
        picture = present_map(complete, choice, map_levels(complete, choice, None))
        assert picture.values[row, column] == pytest.approx(spectrum.residual_sigma[energy], abs=1e-4)


def test_the_phase_is_that_of_the_largest_fraction(complete):
    choice = MapChoice(MapKind.PHASE)
    picture = present_map(complete, choice, map_levels(complete, choice, None))
    valid = complete.map.valid
    np.testing.assert_array_equal(
        picture.index[valid] - FIRST_COLOUR, complete.map.fraction[:, valid].argmax(axis=0)
    )
    row, column = np.argwhere(valid)[0]
    name = complete.phases.names[int(picture.values[row, column])]
    assert value_words(complete, choice, picture, (row, column)) == name


def test_age_is_that_of_the_oldest_energy_of_a_row(snapshot_at, stages):
    filling = snapshot_at(stages["filling"])
    age = present_map(filling, MapChoice(MapKind.AGE), Levels(0, 1000)).values
    expected = filling.progress.last_line_s - filling.row_time_s.min(axis=0)
    np.testing.assert_allclose(age[:, 0], expected, rtol=1e-6)
    assert np.all(np.ptp(age, axis=1) == 0)


def test_optical_density_is_shown_before_there_is_a_map(snapshot_at, stages):
    first = snapshot_at(stages["first_frame"])
    index = present_map(first, MapChoice(MapKind.OD), Levels(0, 1)).index
    np.testing.assert_array_equal(np.any(index >= FIRST_COLOUR, axis=1), first.frame.rows_seen)
    assert np.all(present_map(first, MapChoice(MapKind.OD, 3), Levels(0, 1)).index == UNSEEN)


@pytest.mark.parametrize("place", range(17))
def test_masked_pixels_are_neutral_on_every_map(complete, place):
    choice = choices_of(complete)[place]
    mask = Region("m", Outline.RECTANGLE, ((1.5, -1.0), (3.0, 1.0)))
    masked = masked_pixels((mask,), complete.plan.grid)
    np.testing.assert_array_equal(masked, covered(mask, complete.plan.grid.x_um, complete.plan.grid.y_um))
    picture = present_map(complete, choice, map_levels(complete, choice, None), Surroundings(masked=masked))
    np.testing.assert_array_equal(picture.index == MASKED, masked)


def test_pixels_fade_with_their_error_and_neutral_ones_do_not(complete):
    opacity = present_map(complete, LITHIUM, Levels(0, 1), Surroundings(is_faded=True)).opacity
    valid = complete.map.valid
    assert np.all(opacity[~valid] == 255)
    order = np.argsort(complete.map.lithium_error[valid])
    assert np.all(np.diff(opacity[valid][order].astype(int)) <= 0)
    assert opacity[valid].min() >= 0.1 * 255
    assert present_map(complete, LITHIUM, Levels(0, 1)).opacity is None


@given(most=st.integers(1, 120), place=st.integers(0, 16))
def test_a_small_map_is_every_nth_pixel_of_the_large_one(complete, most, place):
    choice = choices_of(complete)[place]
    small = coarse(complete, most)
    step = -(-96 // most) if most < 96 else 1
    assert max(small.plan.grid.shape) <= most or step == 1
    levels = map_levels(complete, choice, None)
    np.testing.assert_array_equal(
        present_map(small, choice, levels).index, present_map(complete, choice, levels).index[::step, ::step]
    )


def test_the_cursor_reads_value_or_reason(complete):
    thin = tuple(np.argwhere(complete.map.reason == Reason.THIN)[0])
    good = tuple(np.argwhere(complete.map.valid)[0])
    for choice in choices_of(complete):
        picture = present_map(complete, choice, map_levels(complete, choice, None))
        words = value_words(complete, choice, picture, thin)
        assert (words == "too thin") == (choice.kind not in {MapKind.OD, MapKind.AGE})
    picture = present_map(complete, LITHIUM, Levels(0, 1))
    assert value_words(complete, LITHIUM, picture, good).startswith("x = 0.")
