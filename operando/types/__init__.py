"""The nouns of the measurement: frozen, numpy only, and the only thing every layer shares.

Arrays are indexed (energy, y, x) or (y, x), row-major. NaN means undetermined and a mask
says so too. Times are seconds since the epoch on the clock of the acquisition.
"""

from __future__ import annotations

from operando.types.arrays import FloatArray, MaskArray
from operando.types.delivery import CatchUp, Delivery, Progress, Vitals
from operando.types.findings import Finding, Severity
from operando.types.lithiation import Curve, LithiationMap, PhaseSpectra, Reason, RegionResult
from operando.types.scan import Frame, Light, Line, RunClosed, ScanGrid, ScanPlan, SeriesPart
from operando.types.snapshot import Snapshot

__all__ = [
    "CatchUp",
    "Curve",
    "Delivery",
    "Finding",
    "FloatArray",
    "Frame",
    "Light",
    "Line",
    "LithiationMap",
    "MaskArray",
    "PhaseSpectra",
    "Progress",
    "Reason",
    "RegionResult",
    "RunClosed",
    "ScanGrid",
    "ScanPlan",
    "SeriesPart",
    "Severity",
    "Snapshot",
    "Vitals",
]
