"""Colour scales: hold still, cover the valid pixels, and never colour a masked one."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from operando.view.scales import (
    FIRST_COLOUR,
    UNDETERMINED,
    UNSEEN,
    Levels,
    colour_index,
    fitted,
    held,
    nice_ceiling,
    ticks,
)

positive = st.floats(1e-6, 1e6)
levels = st.builds(lambda high, lock: Levels(0.0, high, lock), positive, st.booleans())
images = npst.arrays(
    np.float32, (6, 5), elements=st.floats(-10, 10, width=32) | st.just(np.nan) | st.just(np.inf)
)
masks = npst.arrays(np.bool_, (6, 5))


@given(positive)
def test_a_nice_ceiling_is_above_and_near(value):
    assert value <= nice_ceiling(value) * (1 + 1e-8)
    assert nice_ceiling(value) <= 1.35 * value


@given(positive, positive)
def test_a_nice_ceiling_keeps_order(one, other):
    assert nice_ceiling(min(one, other)) <= nice_ceiling(max(one, other))


@given(st.lists(st.none() | levels, min_size=1, max_size=12))
def test_levels_only_widen_until_locked_and_then_stay(proposals):
    now = None
    for proposed in proposals:
        before, now = now, held(now, proposed)
        assert now.low < now.high
        if before is not None and before.is_locked:
            assert now == before
        elif before is not None and not now.is_locked:
            assert now.high >= before.high


@given(images, masks)
def test_levels_come_from_masked_finite_values_only(values, mask):
    poisoned = np.where(mask, values, np.float32(1e9))
    assert fitted(poisoned, mask, is_locked=False) == fitted(values, mask, is_locked=False)


@given(images, masks, masks, positive)
def test_every_pixel_gets_the_tone_its_masks_say(values, shown, measured, high):
    index = colour_index(values, shown, measured, Levels(0.0, high))
    assert index.dtype == np.uint8
    assert np.all(index[shown] >= FIRST_COLOUR)
    assert np.all(index[~shown & measured] == UNDETERMINED)
    assert np.all(index[~shown & ~measured] == UNSEEN)


@given(positive)
def test_the_ends_of_the_scale_are_the_ends_of_the_table(high):
    values = np.array([[-1.0, 0.0, high, 9 * high]], np.float32)
    yes = np.ones(values.shape, np.bool_)
    np.testing.assert_array_equal(
        colour_index(values, yes, yes, Levels(0.0, high)), [[FIRST_COLOUR, FIRST_COLOUR, 255, 255]]
    )


def test_no_valid_pixel_gives_no_levels():
    assert fitted(np.full((2, 2), np.nan, np.float32), np.ones((2, 2), np.bool_), is_locked=True) is None
    assert held(None, None) == Levels(0.0, 1.0)


@given(positive)
@example(0.003)
def test_ticks_are_few_even_and_reach_both_ends(value):
    high = nice_ceiling(value)
    marks = ticks(Levels(0.0, high))
    assert 4 <= len(marks) <= 7
    assert marks[0] == 0
    assert marks[-1] == high
    # Round: two digits write each of them.
    np.testing.assert_allclose(marks, [float(f"{mark:.2g}") for mark in marks], rtol=1e-9)
