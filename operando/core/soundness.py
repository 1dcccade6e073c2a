"""Whether the images of a cycle are sound: the beam stood still, and the detector could read it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operando.core.absorption import below_ceiling
from operando.core.composite import Composite
from operando.core.defects import defect_findings, defects_of
from operando.core.incident import blank_pixels
from operando.core.stack import StackState
from operando.core.steadiness import BeamJump, between_cycles, jump_findings, within_image
from operando.types import Finding, FloatArray

__all__ = ["beam_now", "soundness_findings"]


def beam_now(composite: Composite) -> FloatArray:
    """Return incident reading per ms of dwell and its relative variance, shape (2, energy)."""
    dwell_ms = np.where(composite.dwell_ms > 0, composite.dwell_ms, 1.0)
    return np.stack([composite.i0 / dwell_ms, composite.shared_variance])


def soundness_findings(
    stack: StackState, composite: Composite, beam_before: FloatArray | None
) -> list[Finding]:
    """Return what is to be said about the images of a cycle.

    Parameters
    ----------
    stack, composite
        The images, and what is made of those up to the cycle.
    beam_before
        `beam_now` of the cycle before; None for the first.
    """
    energies_ev, detector = stack.plan.energies_ev, composite.origins.detector
    taken = [energy for energy in range(energies_ev.size) if (composite.cycle, energy) in stack.images]
    if not taken:
        return []
    counts = np.stack([stack.images[composite.cycle, energy].counts for energy in taken])
    found = defect_findings(defects_of(counts, detector))
    jumps = _jumps(taken, counts, composite) if composite.blank.any() else []
    # One image that jumped has another mean as well: that is the same beam, said twice.
    if jumps:
        worst = max(jumps, key=lambda jump: abs(jump.change))
        return [*found, *jump_findings(worst, energies_ev)]
    if beam_before is None:
        return found
    (now, variance), (before, variance_before) = beam_now(composite), beam_before
    error: NDArray[np.float64] = np.sqrt(variance + variance_before)
    return [*found, *jump_findings(between_cycles(now, before, error), energies_ev)]


def _jumps(taken: list[int], counts: FloatArray, composite: Composite) -> list[BeamJump]:
    """Return the images in which the beam was not the same in all rows.

    Rows that are darker do not look blank. So blank pixels are looked for in the other images of the cycle.
    """
    detector = composite.origins.detector
    readable = below_ceiling(counts, detector)
    jumps: list[BeamJump] = []
    for place, energy in enumerate(taken):
        others = np.delete(readable, place, axis=0)
        blank = blank_pixels(others) if len(others) else composite.blank
        image = readable[place] - detector.dark_counts
        jump = within_image(image, blank, detector.gain, energy=energy)
        if jump is not None:
            jumps.append(jump)
    return jumps
