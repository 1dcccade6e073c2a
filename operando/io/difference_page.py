"""How two results of one field differ, as one HTML page: figures, maps, and the settings that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from operando.io.page import page, plain, png_data, section, table_of

if TYPE_CHECKING:
    from operando.io.results import Results

__all__ = ["difference_page"]

_WORDS = (
    "<p>x₁ is of the first results, x₂ of the second; only pixels where both are determined count. The "
    "spread is 1.48 times the median absolute deviation, which is the standard deviation where errors are "
    "normal. The last column is the median of |x₁ - x₂| / √(σ₁² + σ₂²): 0.67 where both have independent "
    "errors and nothing else differs. Two fits of the same counts share their noise and differ by less.</p>"
)


def difference_page(
    results: tuple[Results, Results],
    names: tuple[str, str],
    figures: Sequence[tuple[str, str, float, float, float]],
    picture: bytes,
) -> str:
    """Return the page.

    Parameters
    ----------
    results
        The two.
    names
        What they are called.
    figures
        Of each set of pixels: its name, how many, median and spread of x₁ - x₂, median of its σ.
    picture
        The maps, as PNG.
    """
    title = plain(f"{names[0]} and {names[1]}")
    rows = [
        [plain(name), pixels, _number(median, "+.4f"), _number(spread, ".4f"), _number(sigmas, ".2f")]
        for name, pixels, median, spread, sigmas in figures
    ]
    head = ["pixels of", "number", "median x₁ - x₂", "spread", "in σ"]
    body = [f"<h1>{title}</h1>"]
    body += section("How x differs", table_of(head, rows, (1, 2, 3, 4)) + _WORDS)
    maps = (
        f'<figure class="wide"><img src="{png_data(picture)}" alt="Maps of x and of its difference"></figure>'
    )
    body += section("Maps", maps)
    body += section("What is not the same in both", _settings(results, names))
    return page(title, "\n".join(body))


def _settings(results: tuple[Results, Results], names: tuple[str, str]) -> str:
    said = [
        {
            **results_of.process,
            "energies (eV)": ", ".join(f"{energy:.2f}" for energy in results_of.energies_ev),
            "phases": ", ".join(results_of.phase_names),
        }
        for results_of in results
    ]
    keys = dict.fromkeys((*said[0], *said[1]))
    rows = [
        [plain(key), *(plain(str(one.get(key, "not said"))) for one in said)]
        for key in keys
        if said[0].get(key) != said[1].get(key)
    ]
    if not rows:
        return "<p>Settings, references and energies are the same.</p>"
    return table_of(["setting", plain(names[0]), plain(names[1])], rows, ())


def _number(value: float, spec: str) -> str:
    return format(value, spec) if np.isfinite(value) else "–"
