"""The keys of the window: one table that makes the shortcuts, the key list and the test of the how-to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["KEYS", "Action", "Key", "groups"]


class Action(StrEnum):
    """What a key does."""

    FREEZE = "freeze"
    LIVE = "live"
    EARLIER = "earlier"
    LATER = "later"
    FIRST = "first"
    PLAY = "play"
    NEXT_MAP = "next_map"
    PREVIOUS_MAP = "previous_map"
    NEXT_PANE = "next_pane"
    PANES = "panes"
    LEVELS = "levels"
    WIDER = "wider"
    NARROWER = "narrower"
    PALETTE = "palette"
    FADE = "fade"
    OUTLINES = "outlines"
    WHOLE_FIELD = "whole_field"
    RECTANGLE = "rectangle"
    POLYGON = "polygon"
    LASSO = "lasso"
    MASK = "mask"
    NEXT_REGION = "next_region"
    EDIT = "edit"
    LOCK = "lock"
    DELETE = "delete"
    UNDO = "undo"
    REDO = "redo"
    CLOSE_OUTLINE = "close_outline"
    CANCEL = "cancel"
    TAB = "tab"
    FIT_CURVES = "fit_curves"
    PICTURE = "picture"
    PAPER = "paper"
    THEME = "theme"
    FULL_SCREEN = "full_screen"
    RESET = "reset"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Key:
    """A key, or several that do the same.

    Attributes
    ----------
    sequences
        As Qt writes them.
    action
        What they do.
    words
        The same, for people.
    """

    sequences: tuple[str, ...]
    action: Action
    words: str


_GROUPS: tuple[tuple[str, tuple[Key, ...]], ...] = (
    (
        "Time",
        (
            Key(("Space",), Action.FREEZE, "freeze what is shown, or go on live"),
            Key(("End",), Action.LIVE, "live"),
            Key(("Left",), Action.EARLIER, "cycle before"),
            Key(("Right",), Action.LATER, "cycle after; after the last one live"),
            Key(("Home",), Action.FIRST, "first cycle kept"),
            Key(("P",), Action.PLAY, "play the history, or stop"),
            Key(("Y",), Action.FIT_CURVES, "fit the axis of the curves, or that of the map"),
        ),
    ),
    (
        "Maps",
        (
            Key(("M",), Action.NEXT_MAP, "next kind of map"),
            Key(("Shift+M",), Action.PREVIOUS_MAP, "kind of map before"),
            Key(("B",), Action.PANES, "one map, two side by side, four"),
            Key(("V",), Action.NEXT_PANE, "the keys go to the next map"),
            Key(("C",), Action.PALETTE, "colours: viridis, cividis"),
            Key(("A",), Action.LEVELS, "fit the colour scale anew"),
            Key(("Up",), Action.WIDER, "colour scale wider"),
            Key(("Down",), Action.NARROWER, "colour scale narrower"),
            Key(("O",), Action.FADE, "pixels fade with σ(x)"),
            Key(("I",), Action.OUTLINES, "outlines of particles and unknown phases"),
            Key(("0",), Action.WHOLE_FIELD, "whole field"),
        ),
    ),
    (
        "Regions and masks",
        (
            Key(("R",), Action.RECTANGLE, "draw a rectangle"),
            Key(("G",), Action.POLYGON, "draw a polygon: click its corners"),
            Key(("Return", "Enter"), Action.CLOSE_OUTLINE, "close the polygon; a double click does, too"),
            Key(("W",), Action.LASSO, "draw by hand"),
            Key(("K",), Action.MASK, "what is drawn is a mask, or a region"),
            Key(("N",), Action.NEXT_REGION, "next region, mask, pixel"),
            Key(("E",), Action.EDIT, "edit name and corners in µm"),
            Key(("L",), Action.LOCK, "lock or unlock"),
            Key(("Del", "Backspace"), Action.DELETE, "delete, unless locked"),
            Key(("Ctrl+Z",), Action.UNDO, "undo"),
            Key(("Ctrl+Shift+Z", "Ctrl+Y"), Action.REDO, "redo"),
            Key(("Esc",), Action.CANCEL, "stop drawing; back to the pixel; leave full screen"),
        ),
    ),
    (
        "Window",
        (
            Key(("?", "F1"), Action.KEYS, "this list"),
            Key(("F", "F11"), Action.FULL_SCREEN, "full screen"),
            Key(("T",), Action.TAB, "findings, regions"),
            Key(("S",), Action.PICTURE, "save a picture of the window"),
            Key(("Shift+S",), Action.PAPER, "save maps, spectrum and curves as PNG, SVG and CSV"),
            Key(("D",), Action.THEME, "dark, light"),
            Key(("Ctrl+0",), Action.RESET, "layout and choices as at the first start"),
        ),
    ),
)

KEYS: tuple[Key, ...] = tuple(key for _, keys in _GROUPS for key in keys)


def groups() -> tuple[tuple[str, tuple[Key, ...]], ...]:
    """Return the keys by what they are about, in the order of the list."""
    return _GROUPS
