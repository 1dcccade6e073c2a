"""Editing regions and masks, with undo: every edit is a new frozen set of marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from operando.regions import MAX_REGIONS, Marks, Outline, Region

__all__ = [
    "Album",
    "Corners",
    "Layer",
    "Pick",
    "added",
    "changed",
    "handle_moved",
    "redone",
    "removed",
    "shifted",
    "simplified",
    "undone",
]

_KEPT = 100
"""Edits that can be undone."""
_LASSO_CORNERS = 48
"""A line drawn by hand is kept with so many corners, so that each can still be caught."""

Corners = tuple[tuple[float, float], ...]


class Layer(StrEnum):
    """What a drawn outline becomes."""

    REGIONS = "regions"
    MASKS = "masks"


@dataclass(frozen=True, slots=True)
class Pick:
    """Which region or mask: its layer, and its place in it."""

    layer: Layer
    number: int


@dataclass(frozen=True, slots=True)
class Album:
    """The marks now, and those before and after them.

    Attributes
    ----------
    marks
        What is marked now.
    past, future
        What undo and redo go to; the nearest last.
    """

    marks: Marks = field(default_factory=Marks)
    past: tuple[Marks, ...] = ()
    future: tuple[Marks, ...] = ()

    def layer(self, layer: Layer) -> tuple[Region, ...]:
        """Return the regions, or the masks."""
        return self.marks.regions if layer is Layer.REGIONS else self.marks.masks

    def at(self, pick: Pick | None) -> Region | None:
        """Return the region that is meant, if there is one."""
        regions = () if pick is None else self.layer(pick.layer)
        return regions[pick.number] if pick is not None and pick.number < len(regions) else None

    def picks(self) -> tuple[Pick, ...]:
        """Return all that can be picked: the regions, then the masks."""
        return tuple(Pick(layer, number) for layer in Layer for number in range(len(self.layer(layer))))


def added(album: Album, layer: Layer, outline: Outline, corners: Corners) -> Album:
    """Return the album with one more region, named by the first number that is free.

    The album is returned as it is where it is full.
    """
    regions = album.layer(layer)
    if len(regions) >= MAX_REGIONS:
        return album
    word = "region" if layer is Layer.REGIONS else "mask"
    names = {region.name for region in regions}
    number = next(n for n in range(1, MAX_REGIONS + 2) if f"{word} {n}" not in names)
    return _with(album, layer, (*regions, Region(f"{word} {number}", outline, corners)))


def changed(album: Album, pick: Pick, region: Region) -> Album:
    """Return the album with another region in that place, as one edit."""
    before = album.at(pick)
    if before is None or before == region:
        return album
    regions = album.layer(pick.layer)
    return _with(album, pick.layer, (*regions[: pick.number], region, *regions[pick.number + 1 :]))


def removed(album: Album, pick: Pick) -> Album:
    """Return the album without a region; a locked one stays."""
    region = album.at(pick)
    if region is None or region.is_locked:
        return album
    regions = album.layer(pick.layer)
    return _with(album, pick.layer, (*regions[: pick.number], *regions[pick.number + 1 :]))


def undone(album: Album) -> Album:
    """Return the album before its last edit."""
    if not album.past:
        return album
    return Album(album.past[-1], album.past[:-1], (*album.future, album.marks))


def redone(album: Album) -> Album:
    """Return the album after the edit that was undone last."""
    if not album.future:
        return album
    return Album(album.future[-1], (*album.past, album.marks), album.future[:-1])


def shifted(region: Region, dx_um: float, dy_um: float) -> Region:
    """Return a region moved as a whole."""
    return replace(region, corners_um=tuple((x + dx_um, y + dy_um) for x, y in region.corners_um))


def handle_moved(region: Region, handle: int, x_um: float, y_um: float) -> Region:
    """Return a region with one corner of its polygon elsewhere; a rectangle stays one."""
    if region.outline is Outline.RECTANGLE:
        opposite = region.polygon_um[(handle + 2) % 4]
        return replace(region, corners_um=((x_um, y_um), opposite))
    corners = list(region.corners_um)
    corners[handle] = (x_um, y_um)
    return replace(region, corners_um=tuple(corners))


def simplified(line: Sequence[tuple[float, float]], most: int = _LASSO_CORNERS) -> Corners:
    """Return a closed line drawn by hand with at most `most` corners, those that matter most.

    Corner after corner goes that spans the smallest triangle with its neighbours (Visvalingam's rule).
    """
    kept = [corner for number, corner in enumerate(line) if number == 0 or corner != line[number - 1]]
    # What comes in hundreds of points is first thinned evenly: the rule below is quadratic.
    if len(kept) > 8 * most:
        kept = [kept[index] for index in np.linspace(0, len(kept) - 1, 8 * most).astype(int)]
    while len(kept) > most:
        areas = [_triangle(kept[i - 1], kept[i], kept[(i + 1) % len(kept)]) for i in range(len(kept))]
        del kept[int(np.argmin(areas))]
    return tuple(kept)


def _triangle(one: tuple[float, float], two: tuple[float, float], three: tuple[float, float]) -> float:
    return math.fabs((two[0] - one[0]) * (three[1] - one[1]) - (three[0] - one[0]) * (two[1] - one[1]))


def _with(album: Album, layer: Layer, regions: tuple[Region, ...]) -> Album:
    marks = replace(album.marks, **{layer.value: regions})
    return Album(marks, (*album.past, album.marks)[-_KEPT:], ())
