"""Editing regions: undo is the way back, locked ones stay, a rectangle stays a rectangle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operando.regions import MAX_REGIONS, Outline, Region
from operando.view.album import (
    Album,
    Layer,
    Pick,
    added,
    changed,
    handle_moved,
    redone,
    removed,
    shifted,
    simplified,
    undone,
)
from operando.view.hits import outline_at

coordinate = st.floats(-50, 50)
corner = st.tuples(coordinate, coordinate)
SQUARE = ((0.0, 0.0), (2.0, 2.0))
TRIANGLE = ((0.0, 0.0), (2.0, 0.0), (1.0, 2.0))
PICK = Pick(Layer.REGIONS, 0)


def renamed(album):
    return changed(album, PICK, replace(album.at(PICK), name="x")) if album.at(PICK) else album


def moved(album):
    return changed(album, PICK, shifted(album.at(PICK), 1, 2)) if album.at(PICK) else album


edits = st.lists(
    st.sampled_from(
        [
            lambda album: added(album, Layer.REGIONS, Outline.RECTANGLE, SQUARE),
            lambda album: added(album, Layer.MASKS, Outline.POLYGON, TRIANGLE),
            lambda album: removed(album, PICK),
            lambda album: (
                changed(album, PICK, replace(album.at(PICK), name="x")) if album.at(PICK) else album
            ),
            lambda album: changed(album, PICK, shifted(album.at(PICK), 1, 2)) if album.at(PICK) else album,
        ]
    ),
    max_size=12,
)


@given(edits)
def test_undo_goes_back_through_every_edit_and_redo_forth(edits):
    album = Album()
    seen = [album.marks]
    for edit in edits:
        album = edit(album)
        if album.marks != seen[-1]:
            seen.append(album.marks)
    for marks in reversed(seen[:-1]):
        album = undone(album)
        assert album.marks == marks
    assert undone(album) is album
    for marks in seen[1:]:
        album = redone(album)
        assert album.marks == marks
    assert redone(album) is album


def test_an_edit_after_undo_forgets_what_was_undone():
    album = undone(added(Album(), Layer.REGIONS, Outline.RECTANGLE, SQUARE))
    assert redone(added(album, Layer.MASKS, Outline.RECTANGLE, SQUARE)).marks.regions == ()


def test_names_are_the_first_that_are_free():
    album = Album()
    for _ in range(3):
        album = added(album, Layer.REGIONS, Outline.RECTANGLE, SQUARE)
    album = removed(album, Pick(Layer.REGIONS, 1))
    album = added(album, Layer.REGIONS, Outline.RECTANGLE, SQUARE)
    assert [region.name for region in album.marks.regions] == ["region 1", "region 3", "region 2"]


def test_a_full_album_takes_no_more_and_a_locked_region_stays():
    album = Album()
    for _ in range(MAX_REGIONS + 3):
        album = added(album, Layer.REGIONS, Outline.RECTANGLE, SQUARE)
    assert len(album.marks.regions) == MAX_REGIONS
    locked = changed(album, PICK, replace(album.at(PICK), is_locked=True))
    assert removed(locked, PICK) is locked


@given(corner, corner, st.integers(0, 3), corner)
def test_a_rectangle_stays_one_and_its_opposite_corner_stays_put(one, other, handle, where):
    region = Region("r", Outline.RECTANGLE, (one, other))
    moved = handle_moved(region, handle, *where)
    assert moved.outline is Outline.RECTANGLE
    assert region.polygon_um[(handle + 2) % 4] in moved.polygon_um
    assert where in moved.polygon_um


@given(st.lists(corner, min_size=3, max_size=9), st.data())
def test_a_corner_of_a_polygon_moves_alone(corners, data):
    handle = data.draw(st.integers(0, len(corners) - 1))
    moved = handle_moved(Region("r", Outline.POLYGON, tuple(corners)), handle, 7.0, 8.0)
    assert moved.corners_um[handle] == (7.0, 8.0)
    assert moved.corners_um[:handle] + moved.corners_um[handle + 1 :] == tuple(
        corners[:handle] + corners[handle + 1 :]
    )


@given(st.integers(3, 900), st.integers(3, 60))
def test_a_line_drawn_by_hand_keeps_its_shape_with_few_corners(points, most):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    line = list(zip(np.cos(angle).tolist(), np.sin(angle).tolist(), strict=True))
    kept = simplified(line, most)
    assert 3 <= len(kept) <= max(most, 3)
    assert set(kept) <= set(line)
    x, y = np.array(kept).T
    area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    # What is left is not much smaller than a regular polygon of as many corners.
    assert area >= 0.7 * len(kept) / 2 * np.sin(2 * np.pi / len(kept))


def test_the_nearest_outline_is_found_and_its_inside_is_not_it():
    album = added(Album(), Layer.REGIONS, Outline.RECTANGLE, ((0.0, 0.0), (10.0, 10.0)))
    album = added(album, Layer.MASKS, Outline.RECTANGLE, ((0.0, 9.5), (10.0, 20.0)))
    assert outline_at(album, 0.1, 5.0, 0.3) == Pick(Layer.REGIONS, 0)
    assert outline_at(album, 5.0, 9.6, 0.5) == Pick(Layer.MASKS, 0)
    assert outline_at(album, 5.0, 5.0, 0.5) is None
