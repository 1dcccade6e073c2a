"""References that can hardly be told apart are said so before the first line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from operando.core.pipeline import look, start
from scans import library, plan_of, recipe


@pytest.mark.parametrize(("difference", "is_said"), [(1e-4, True), (1.0, False)])
def test_references_too_alike_are_said_before_the_beam_is_used(difference: float, is_said: bool) -> None:
    one, *_, other = library().phases
    mixed = one.value + difference * (other.value - one.value)
    pair = replace(library(), phases=(one, replace(other, value=mixed)))
    # Energies on the peaks of both.
    plan = plan_of(energies_ev=np.array([700.0, 707.5, 709.0, 710.0, 712.0]))
    findings = look(start(plan, pair, recipe())).findings
    assert ("references-alike" in {finding.code for finding in findings}) == is_said
