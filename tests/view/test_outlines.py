"""Outlines part what is labelled differently, wherever the axes run, and the map shows them on request."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from operando.particles import ParticleField
from operando.types import ScanGrid
from operando.view.outlines import MOST_TAGS, edges_of, tags_of
from outlined import particle


@settings(max_examples=60, deadline=None)
@given(
    labels=arrays(np.int32, st.tuples(st.integers(2, 7), st.integers(2, 7)), elements=st.integers(0, 3)),
    flips=st.tuples(st.booleans(), st.booleans()),
)
def test_there_is_a_side_wherever_two_pixels_differ_and_nowhere_else(
    labels: np.ndarray, flips: tuple[bool, bool]
) -> None:
    ny, nx = labels.shape
    x_um, y_um = 0.5 * np.arange(nx), 0.5 * np.arange(ny)
    grid = ScanGrid(x_um[::-1] if flips[0] else x_um, y_um[::-1] if flips[1] else y_um)
    x, y = edges_of(labels, grid)
    padded = np.pad(labels, 1)
    differing = (np.diff(padded, axis=0) != 0).sum() + (np.diff(padded, axis=1) != 0).sum()
    assert x.size == y.size == 2 * differing
    lengths = np.hypot(x[1::2] - x[::2], y[1::2] - y[::2])
    assert lengths == pytest.approx(0.5)
    if x.size:
        # The middle of a side lies between two pixel centres.
        assert grid.x_um.min() - 0.25 <= x.min() + 1e-9
        assert grid.y_um.max() + 0.25 >= y.max() - 1e-9


def test_the_largest_particles_have_numbers() -> None:
    field = ParticleField(0, np.zeros((2, 2), np.int32), tuple(particle(n, n) for n in range(1, 60)))
    assert [tag.number for tag in tags_of(field)] == list(range(59, 59 - MOST_TAGS, -1))
    assert (tags_of(field)[0].x_um, tags_of(field)[0].y_um) == (2.0, 1.0)
    assert tags_of(None) == ()
