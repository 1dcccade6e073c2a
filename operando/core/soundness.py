"""Whether the images of a cycle are sound: the beam stood still, and the detector could read it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operando.core.absorption import below_ceiling
from operando.core.composite import Composite
from operando.core.defects import defect_findings, defects_of
from operando.core.incident import blank_pixels
from operando.core.stack import StackState
from operando.core.steadiness import BeamJump, between_cycles, jump_findings, row_changes, within_image
from operando.types import Finding, FloatArray, Light

__all__ = ["beam_now", "soundness_findings"]

_GROUPS = 8
"""Of images, each judged by the blank pixels of the others."""
_LEAST_OTHERS = 2
_USUAL_PERCENT = 95
"""A row may differ by as much as it does in the worst but few of the other images."""


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
    if beam_before is None or stack.plan.light is Light.AMPLITUDE:  # whose scale is that of a reconstruction
        return found
    (now, variance), (before, variance_before) = beam_now(composite), beam_before
    error: NDArray[np.float64] = np.sqrt(variance + variance_before)
    return [*found, *jump_findings(between_cycles(now, before, error), energies_ev)]


def _jumps(taken: list[int], counts: FloatArray, composite: Composite) -> list[BeamJump]:
    """Return the images in which the beam was not the same in all rows.

    Rows that are darker do not look blank. So blank pixels are looked for in other images of the cycle: of
    few, in all others; of many, in those of the other groups.
    """
    detector = composite.origins.detector
    signal = below_ceiling(counts, detector) - detector.dark_counts
    group = np.arange(len(taken)) % _GROUPS
    jumps: list[BeamJump] = []
    for own in range(min(len(taken), _GROUPS)):
        others = signal[group != own]
        if len(others) < _LEAST_OTHERS:
            continue
        blank = blank_pixels(others)
        differ = np.abs(np.stack([row_changes(other, blank) for other in others]))
        usual = np.percentile(np.nan_to_num(differ), _USUAL_PERCENT, axis=0)
        for place in np.flatnonzero(group == own).tolist():
            jump = within_image(signal[place], blank, detector.gain, energy=taken[place], usual=usual)
            if jump is not None:
                jumps.append(jump)
    return jumps
