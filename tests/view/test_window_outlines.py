"""Outlines of particles and unknown phases come and go in the window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from operando.errors import ConfigurationError
from operando.oddities import Unexplained
from operando.particles import ParticleField
from operando.view.qt import require_qt
from outlined import particle

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from desk import LIVE
from operando.view.keys import Action


def test_outlines_of_particles_and_unknown_phases_come_and_go_with_their_key(desk):
    shape = LIVE.plan.grid.shape
    labels, strange = np.zeros(shape, np.int32), np.zeros(shape, bool)
    labels[5:15, 5:15], strange[20:25, 20:25] = 1, True
    nothing = np.empty(0)
    place = Unexplained(strange, 0.1, nothing, nothing, nothing, 9.0)
    found = replace(LIVE, particles=ParticleField(0, labels, (particle(1),)), unexplained=(place,))
    desk.waiting.append(found)
    desk.window.refresh()
    layer = desk.image.outlines
    for is_shown in (True, False, True):
        for line, sides in ((layer.particles, 40), (layer.unexplained, 20)):
            x = line.getData()[0]
            assert (0 if x is None else x.size) == 2 * sides * is_shown
        assert [tag.toPlainText() for tag in layer.tags if tag.isVisible()] == ["1"] * is_shown
        desk.window.act(Action.OUTLINES)
        desk.window.refresh()
