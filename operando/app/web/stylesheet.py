"""The colours of the window as variables of the page, light and dark, and the colour bars."""

from __future__ import annotations

from operando.app.web.mapimage import PALETTE
from operando.view.colours import colour_table
from operando.view.quantities import Colouring
from operando.view.scales import FIRST_COLOUR
from operando.view.theme import DARK, LIGHT, Theme

__all__ = ["theme_sheet"]

_STOPS = 24
_PLAIN = ("window", "panel", "border", "text", "muted", "accent", "warning", "alarm")
_NEUTRAL = ("unseen", "undetermined", "masked")


def theme_sheet() -> str:
    """Return a style sheet with nothing but variables."""
    return f":root{{color-scheme:light dark;{_variables(LIGHT)}}}\n" + (
        f"@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}\n"
    )


def _variables(theme: Theme) -> str:
    colours = {name: str(getattr(theme, name)) for name in (*_PLAIN, *_NEUTRAL)}
    colours |= {f"phase-{number}": colour for number, colour in enumerate(theme.phases)}
    colours |= {f"region-{number}": colour for number, colour in enumerate(theme.regions)}
    bars = {f"bar-{each.value}": _bar(theme, each) for each in (Colouring.SEQUENTIAL, Colouring.DIVERGING)}
    return "".join(f"--{name}:{value};" for name, value in {**colours, **bars}.items())


def _bar(theme: Theme, colouring: Colouring) -> str:
    table = colour_table(theme, colouring, PALETTE)
    places = [FIRST_COLOUR + (255 - FIRST_COLOUR) * stop // (_STOPS - 1) for stop in range(_STOPS)]
    stops = ("#{:02x}{:02x}{:02x}".format(*table[place, :3].tolist()) for place in places)
    return f"linear-gradient(to top,{','.join(stops)})"
