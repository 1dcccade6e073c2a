"""A map of an edition as PNG: one dot a pixel, x to the right and y upwards, in the colours of a theme."""

from __future__ import annotations

import numpy as np

from operando.app.web.bulletin import Edition
from operando.io.indexed_png import indexed_png
from operando.view.colours import colour_table
from operando.view.maps import Surroundings, masked_pixels, present_map
from operando.view.quantities import MapChoice, quantity
from operando.view.theme import Theme

__all__ = ["PALETTE", "map_image"]

PALETTE = "viridis"


def map_image(edition: Edition, choice: MapChoice, theme: Theme) -> bytes:
    """Return one of the maps of an edition as PNG.

    Raises
    ------
    KeyError
        It has no such map.
    """
    snapshot = edition.snapshot
    grid = snapshot.plan.grid
    around = Surroundings(masked=masked_pixels(snapshot.marks.masks, grid))
    picture = present_map(snapshot, choice, edition.levels[choice], around)
    columns = slice(None, None, 1 if grid.x_um[0] <= grid.x_um[-1] else -1)
    rows = slice(None, None, -1 if grid.y_um[0] <= grid.y_um[-1] else 1)
    table = colour_table(theme, quantity(choice, snapshot).colouring, PALETTE)
    return indexed_png(np.ascontiguousarray(picture.index[rows, columns]), table[:, :3])
