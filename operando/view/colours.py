"""The tables of colours behind `colour_index`: neutral tones, then the colours of a quantity; knows no Qt."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from operando.view.quantities import Colouring
from operando.view.scales import FIRST_COLOUR
from operando.view.theme import DARK, Theme

__all__ = ["GREY", "colour_table", "packed_table", "rgb"]

GREY = "grey"
"""The palette of the frame now arriving: raw data look raw."""
_NUMBER = 256 - FIRST_COLOUR
_PLACES = np.linspace(0, 1, _NUMBER)

# Blue against orange, which every kind of colour vision tells apart; the middle is far from the neutral
# tones of its theme.
_LIGHT_MIDDLE = ("#0b4f8a", "#4f9ed9", "#f4f4f4", "#f0a030", "#8a3d00")
_DARK_MIDDLE = ("#5cb3ff", "#1769b0", "#101418", "#b35a00", "#ffab40")


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of #rrggbb, 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@cache
def colour_table(theme: Theme, colouring: Colouring, palette: str) -> NDArray[np.uint8]:
    """Return the 256 colours of a quantity, shape (256, 4).

    Parameters
    ----------
    theme
        Says the neutral tones and the colours of phases.
    colouring
        Which sort of colours.
    palette
        "viridis", "cividis" or "grey", where the sort is sequential.
    """
    neutral = [rgb(tone) for tone in (theme.unseen, theme.undetermined, theme.masked)]
    match colouring:
        case Colouring.CATEGORIES:
            ramp = np.resize([rgb(colour) for colour in theme.phases], (_NUMBER, 3))
        case Colouring.DIVERGING:
            stops = np.array([rgb(colour) for colour in (_LIGHT_MIDDLE if theme == DARK else _DARK_MIDDLE)])
            places = np.linspace(0, 1, len(stops))
            ramp = np.stack([np.interp(_PLACES, places, stops[:, each]) for each in range(3)], axis=1)
        case Colouring.SEQUENTIAL if palette == GREY:
            ramp = np.repeat(np.linspace(0, 255, _NUMBER)[:, np.newaxis], 3, axis=1)
        case Colouring.SEQUENTIAL:
            listed: Any = colormaps[palette]
            colours = 255.0 * np.asarray(listed.colors)
            places = np.linspace(0, 1, len(colours))
            ramp = np.stack(
                [np.interp(_PLACES, places, colours[:, each]) for each in range(3)], axis=1
            ).round()
    table = np.full((256, 4), 255, np.uint8)
    table[:, :3] = np.concatenate([neutral, np.asarray(ramp)])
    table.setflags(write=False)
    return table


@cache
def packed_table(theme: Theme, colouring: Colouring, palette: str) -> tuple[int, ...]:
    """Return the colours of `colour_table` as Qt's pictures have them, 0xAARRGGBB."""
    wide = colour_table(theme, colouring, palette).astype(np.uint32)
    packed = (wide[:, 3] << 24) | (wide[:, 0] << 16) | (wide[:, 1] << 8) | wide[:, 2]
    return tuple(int(colour) for colour in packed)
