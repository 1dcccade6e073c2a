"""Colours as people with red-green deficiency see them: still apart, still in order.

Deuteranopia and protanopia after Machado, Oliveira and Fernandes (doi 10.1109/TVCG.2009.113), severity 1,
on linear light; distances in CIE L*a*b*, where 2 is just noticed and 10 is seen at a glance.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from operando.errors import ConfigurationError
from operando.view.qt import require_qt
from operando.view.quantities import Colouring
from operando.view.scales import FIRST_COLOUR, MASKED, UNDETERMINED, UNSEEN
from operando.view.theme import DARK, LIGHT

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from operando.view.colours import colour_table, rgb

VISION = {
    "all": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
THEMES = {"dark": DARK, "light": LIGHT}
each_vision = pytest.mark.parametrize("vision", VISION)
each_theme = pytest.mark.parametrize("theme", THEMES)


def lab(colours, vision):
    """Return L*a*b* of sRGB 0..255, shape (n, 3), as somebody sees them."""
    light = np.asarray(colours, float) / 255
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ VISION[vision].T, 0, 1)
    xyz = light @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    xyz = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def nearest(colours, vision):
    seen = lab(colours, vision)
    return min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2))


def luminance(colour):
    light = np.asarray(rgb(colour), float) / 255
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    return float(light @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    """Return the contrast ratio of WCAG 2, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@each_vision
@each_theme
@pytest.mark.parametrize("palette", ["viridis", "cividis"])
def test_a_sequential_map_ascends_in_lightness(vision, theme, palette):
    ramp = lab(colour_table(THEMES[theme], Colouring.SEQUENTIAL, palette)[FIRST_COLOUR:, :3], vision)
    assert np.all(np.diff(ramp[::8, 0]) > 0)
    assert ramp[-1, 0] - ramp[0, 0] > 60


@each_vision
@each_theme
def test_the_arms_of_a_diverging_map_are_apart_and_leave_the_middle(vision, theme):
    ramp = lab(colour_table(THEMES[theme], Colouring.DIVERGING, "viridis")[FIRST_COLOUR:, :3], vision)
    middle = len(ramp) // 2
    below, above = ramp[:middle][::-1], ramp[middle + 1 :]
    # A tenth of the scale away from zero, its sign is seen at a glance.
    tenth = middle // 5
    assert np.all(np.linalg.norm(below[tenth:] - above[tenth:], axis=1) > 10)
    for arm in (below, above):
        assert np.linalg.norm(arm[tenth] - ramp[middle]) > 10
        assert np.all(np.diff(np.abs(arm[::8, 0] - ramp[middle, 0])) > 0)


@each_vision
@each_theme
@pytest.mark.parametrize("colours", ["phases", "regions"])
def test_phases_and_regions_are_told_apart(vision, theme, colours):
    chosen = [rgb(colour) for colour in getattr(THEMES[theme], colours)]
    # The first four; of more, two may be near, and their dashes, symbols and names tell them.
    assert nearest(chosen[:4], vision) > 14
    assert nearest(chosen, vision) > 6


@each_theme
def test_what_is_written_and_drawn_is_read_on_its_ground(theme):
    chosen = THEMES[theme]
    assert contrast(chosen.text, chosen.panel) > 12
    assert contrast(chosen.muted, chosen.panel) > 4.5
    for colour in (chosen.accent, chosen.warning, chosen.alarm):
        assert contrast(colour, chosen.panel) > 4.5
    for colour in (*chosen.phases, *chosen.regions):
        assert contrast(colour, chosen.panel) > 3


@each_vision
@each_theme
def test_neutral_tones_are_no_colour_of_a_map(vision, theme):
    for colouring in (Colouring.SEQUENTIAL, Colouring.DIVERGING):
        table = colour_table(THEMES[theme], colouring, "viridis")[:, :3]
        seen = lab(table, vision)
        for neutral in (UNSEEN, UNDETERMINED, MASKED):
            distance = np.linalg.norm(seen[FIRST_COLOUR:] - seen[neutral], axis=1)
            assert distance.min() > (4 if vision == "all" else 2)
