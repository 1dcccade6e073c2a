"""The beam of one image: its I0, wherever the recipe has it from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.core.absorption import Detector, below_ceiling
from operando.core.image import Image
from operando.core.incident import KEPT, IncidentMode, IncidentRule, blank_reading
from operando.types import FloatArray, MaskArray, ScanPlan

__all__ = ["Beam", "beam_of"]


@dataclass(frozen=True, slots=True)
class Beam:
    """I0 of one image.

    Attributes
    ----------
    reading
        Shape (ny, nx), (ny, 1) where all pixels of a row have the same, or (1, 1) where all have; NaN
        where it is not known. It may be the image's own array, and then holds as long as the rows of the
        image stay.
    scale
        Times the reading, it is what the detector would count in this beam.
    variance_scale
        Times the reading, or its spread, it is the variance of that.
    known_rows
        Where there is an I0, shape (ny,).
    of_all_rows
        I0 and its variance where they come from readings all over the image, so that each row of
        it depends on all others; else zeros.
    spread
        As `Image.i0_spread`, or None.
    """

    reading: FloatArray
    scale: float
    variance_scale: float
    known_rows: MaskArray
    of_all_rows: tuple[float, float] = (0.0, 0.0)
    spread: FloatArray | None = None

    def at(self, rows: MaskArray) -> tuple[FloatArray, FloatArray]:
        """Return I0 and its variance for some rows, (n, nx), (n, 1) or (1, 1); `rows` has shape (ny,)."""
        reading = self.reading if len(self.reading) == 1 else self.reading[rows]
        spread = reading if self.spread is None else self.spread[rows]
        return self.scale * reading, self.variance_scale * spread


def beam_of(
    image: Image, energy: int, plan: ScanPlan, rule: IncidentRule, detector: Detector, blank: MaskArray
) -> Beam:
    """Return I0 of an image.

    Parameters
    ----------
    image, energy, plan
        The image, the index of its energy, and its scan.
    rule, detector
        How I0 is found, and the gain that its variance follows from.
    blank
        Pixels without sample, shape (ny, nx).
    """
    ny = plan.grid.shape[0]

    def everywhere(reading: float, variance: float, of_all_rows: tuple[float, float]) -> Beam:
        known = np.full(ny, not np.isnan(reading))
        relative = variance / reading if reading else 0.0
        return Beam(np.full((1, 1), reading), 1.0, relative, known, of_all_rows)

    if rule.mode is IncidentMode.BLANK:
        mean, variance = blank_reading(below_ceiling(image.counts, detector), blank, detector.gain)
        return everywhere(mean, variance, (mean, variance))
    if rule.mode in KEPT:
        i0 = np.full((ny, 1), np.nan) if image.i0 is None else image.i0
        return Beam(
            i0,
            rule.scale,
            rule.scale**2 * detector.gain,
            np.asarray(~np.isnan(i0).all(axis=1), dtype=np.bool_),
            spread=image.i0_spread,
        )
    if rule.energy_ev is None or rule.counts_per_ms is None:
        msg = "an I0 rule of mode 'file' needs its spectrum"
        raise ValueError(msg)
    rate = np.interp(plan.energies_ev[energy], rule.energy_ev, rule.counts_per_ms, left=np.nan, right=np.nan)
    reading = rule.scale * rate * image.dwell_ms(plan.dwell_ms[energy])
    known = np.asarray(reading > 0, dtype=np.bool_)
    return Beam(np.where(known, reading, np.nan)[:, None], 1.0, 0.0, known)
