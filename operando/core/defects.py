"""Readings that say nothing: at the ceiling of the detector, or the same whatever is in the beam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.core.absorption import Detector
from operando.types import Finding, FloatArray, MaskArray, Severity

__all__ = ["Defects", "defect_findings", "defects_of"]

_WORTH_SAYING = 0.001
_LEAST_PIXELS = 8
_LEAST_IMAGES = 3
_CLEAR_NOISE = 5.0
"""With a noise of this many counts two readings are equal by chance once in 18, three once in 500."""


@dataclass(frozen=True, slots=True)
class Defects:
    """Pixels whose readings say nothing.

    Attributes
    ----------
    saturated
        At the ceiling in at least one image, shape (ny, nx).
    ceiling
        The reading there: the detector's, or the one that strangely many pixels share; NaN without any.
    stuck
        The same reading in all images, or none above dark, shape (ny, nx).
    """

    saturated: MaskArray
    ceiling: float
    stuck: MaskArray


def defects_of(counts: FloatArray, detector: Detector) -> Defects:
    """Return the pixels whose readings say nothing.

    Parameters
    ----------
    counts
        Images of different energies, shape (image, ny, nx); NaN where unknown.
    detector
        Its ceiling need not be known: more readings at one highest value than noise would put there are
        as telling.
    """
    shape = counts.shape[1:]
    none = np.zeros(shape, dtype=bool)
    if not np.isfinite(counts).any():
        return Defects(none, float("nan"), none)
    ceiling = detector.saturation_counts
    if not (counts >= ceiling).any():
        highest = float(np.nanmax(counts))
        shared = int((counts == highest).sum())
        is_ceiling = highest > _CLEAR_NOISE**2 and shared >= max(_LEAST_PIXELS, _WORTH_SAYING * counts.size)
        ceiling = highest if is_ceiling else float("inf")
    saturated = np.asarray((counts >= ceiling).any(axis=0))
    complete = np.isfinite(counts).all(axis=0)
    stuck = none
    if len(counts) >= _LEAST_IMAGES:
        with np.errstate(invalid="ignore"):
            signal = counts.mean(axis=0) - detector.dark_counts
            is_clear = np.sqrt(detector.gain * np.maximum(signal, 0.0)) > _CLEAR_NOISE
            same = np.asarray(np.ptp(counts, axis=0) == 0)
            dark = (counts <= detector.dark_counts).all(axis=0)
        # Where light comes through at all: a shutter is no defect.
        lit = float(np.nanmedian(counts)) > detector.dark_counts + _CLEAR_NOISE**2
        stuck = complete & ((same & is_clear & ~saturated) | (dark & lit))
    return Defects(saturated, ceiling if saturated.any() else float("nan"), stuck)


def defect_findings(found: Defects) -> list[Finding]:
    """Return what is to be said about such pixels; nothing where they are too few to matter."""
    findings: list[Finding] = []
    pixels = found.saturated.size
    saturated, stuck = int(found.saturated.sum()), int(found.stuck.sum())
    if saturated >= max(1, _WORTH_SAYING * pixels):
        findings.append(
            Finding(
                "saturated",
                Severity.ALARM,
                f"{saturated} pixels ({saturated / pixels:.1%}) read {found.ceiling:g}, the detector's "
                "ceiling",
                "reduce the dwell or the flux; set saturation_counts in the profile, so that such readings "
                "are left out",
            )
        )
    if stuck:
        findings.append(
            Finding(
                "dead-pixels",
                Severity.WARNING,
                f"{stuck} pixels have one and the same reading at all energies, or none above dark",
                "do not trust x there; if they come from the read-out, look at its cables and buffers",
            )
        )
    return findings
