"""Numbers and names as words: the way the field writes them, safe to put on a screen."""

from __future__ import annotations

import html
import math
import unicodedata

__all__ = [
    "UNKNOWN",
    "about",
    "count",
    "duration",
    "general",
    "markup",
    "measurement",
    "percent",
    "plain",
    "share",
]

UNKNOWN = "–"
"""What stands where nothing is known."""


def plain(text: str, limit: int = 120) -> str:
    """Return untrusted `text` on one line of at most `limit` characters, for plain-text widgets.

    Control and format characters go: a right-to-left override could make a name
    read as another one. White space collapses to single spaces.
    """
    # Cut before cleaning: a sample name of a gigabyte must not hold the screen.
    words = "".join(
        " " if character.isspace() else character
        for character in text[: 4 * limit]
        if character.isspace() or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co"}
    ).split()
    line = " ".join(words)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def markup(text: str, limit: int = 120) -> str:
    """Return untrusted `text` for rich-text widgets: as `plain`, and escaped."""
    return html.escape(plain(text, limit))


def measurement(value: float, error: float) -> str:
    """Write a value with its standard deviation, e.g. ``0.42 ± 0.03``.

    The error has one significant digit, two when the first is a 1, and the value ends
    at the same decimal. An unknown error is written as ``?``, never left out.
    """
    if not math.isfinite(value):
        return UNKNOWN
    if not math.isfinite(error) or error < 0:
        return f"{value:.2f} ± ?"
    decimals = 2
    if error > 0:
        exponent = math.floor(math.log10(error))
        decimals = -exponent + (1 if error / 10.0**exponent < 1.95 else 0)
        # Rounding can carry: 0.0096 becomes 0.01, not 0.010.
    decimals = min(max(decimals, 0), 6)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def duration(seconds: float) -> str:
    """Write a span of time with the two units that matter, e.g. ``3 min 20 s``."""
    if not math.isfinite(seconds):
        return UNKNOWN
    total = round(max(seconds, 0.0))
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    if total < 86400:
        return f"{total // 3600} h {total % 3600 // 60:02d} min"
    return f"{total // 86400} d {total % 86400 // 3600:02d} h"


def about(seconds: float) -> str:
    """Write a span of time with the one unit that matters, e.g. ``3 min``."""
    if not math.isfinite(seconds):
        return UNKNOWN
    for limit_s, unit_s, unit in ((90, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if seconds < limit_s:
            return f"{round(max(seconds, 0.0) / unit_s)} {unit}"
    return f"{round(seconds / 86400)} d"


def count(number: int) -> str:
    """Write an integer in groups of three, e.g. ``12 400``."""
    return f"{number:,}".replace(",", "\u202f")


def percent(part: int, whole: int) -> str:
    """Write a share in percent; what exists is never rounded to nothing."""
    return share(part / whole) if whole else UNKNOWN


def share(fraction: float) -> str:
    """Write a fraction 0..1 in percent; neither something nor nearly all is rounded away."""
    if not math.isfinite(fraction):
        return UNKNOWN
    hundredths = 100.0 * fraction
    if 0 < hundredths < 1:
        return "< 1 %"
    if 99 < hundredths < 100:
        return "> 99 %"
    return f"{hundredths:.0f} %"


def general(value: float) -> str:
    """Write a bare number with three significant digits; thousands stay readable."""
    if not math.isfinite(value):
        return UNKNOWN
    return count(round(value)) if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
