"""Pixels in µm: each is found again at its own centre, whichever way the axes run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.types import ScanGrid
from operando.view.geometry import pixel_at, placement, scale_bar_um

axes = st.builds(
    lambda start, pitch, number, turn: start + (-1 if turn else 1) * pitch * np.arange(number),
    st.floats(-500, 500),
    st.floats(0.005, 5),
    st.integers(1, 40),
    st.booleans(),
)
grids = st.builds(ScanGrid, axes, axes)


@given(grids, st.data())
def test_a_pixel_is_found_at_its_centre(grid, data):
    ny, nx = grid.shape
    row, column = data.draw(st.integers(0, ny - 1)), data.draw(st.integers(0, nx - 1))
    assert pixel_at(grid, float(grid.x_um[column]), float(grid.y_um[row])) == (row, column)


@given(grids)
def test_the_field_holds_all_centres_and_nothing_outside_is_a_pixel(grid):
    place = placement(grid)
    left, lower = place.lower_left_um
    assert left < grid.x_um.min()
    assert grid.x_um.max() < left + place.width_um
    assert lower < grid.y_um.min()
    assert grid.y_um.max() < lower + place.height_um
    assert pixel_at(grid, left - 0.01 * place.width_um, float(grid.y_um[0])) is None
    assert pixel_at(grid, float(grid.x_um[0]), lower + 1.01 * place.height_um) is None


@given(st.floats(1e-3, 1e4))
def test_a_scale_bar_is_a_round_tenth_to_quarter_of_the_field(width_um):
    length = scale_bar_um(width_um)
    # Steps of 1, 2, 5: the next smaller one is at worst 2.5 times shorter.
    assert width_um / 10.01 <= length <= width_um / 4 * (1 + 1e-8)


def test_a_descending_axis_keeps_its_first_row_at_the_top():
    grid = ScanGrid(x_um=np.array([0.0, 1.0, 2.0]), y_um=np.array([5.0, 4.0]))
    place = placement(grid)
    assert (place.left_um, place.first_um) == (-0.5, 5.5)
    assert (place.pitch_x_um, place.pitch_y_um) == (1.0, -1.0)
    assert place.lower_left_um == pytest.approx((-0.5, 3.5))
