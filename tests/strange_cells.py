"""Simulated cells that hold an unknown phase, or whose energies are not what they are said to be."""

from __future__ import annotations

from dataclasses import replace

from moving_front import Series, scanned
from operando_sim import demo_settings, static_settings

__all__ = ["MATERIALS", "RATES", "cell_of"]

MATERIALS = ("lixv2o5", "lixfepo4")
RATES = (0.0, 1.0, 2.0)
"""Reaction seconds per second: a stopped cell, the demonstration's, twice as fast."""


def cell_of(
    material: str,
    rate: float,
    seed: int,
    *,
    cycles: int,
    intruder: float = 0.0,
    offset_ev: float = 0.0,
    peak_od: tuple[float, float] = (0.5, 0.5),
    counts: float = 2000.0,
    pixels: int = 64,
) -> Series:
    """Scan a cell that begins to react, or one stopped half-way.

    Parameters
    ----------
    material, rate, seed
        Which cell.
    cycles, pixels, counts
        Of the scan.
    intruder
        Share of the area under particles that is an unknown phase.
    offset_ev
        True photon energy minus what the monochromator says.
    peak_od
        Of the thinnest and the thickest particle at the strongest peak.
    """
    settings = demo_settings() if rate else static_settings()
    if rate:
        settings = replace(settings, reaction=replace(settings.reaction, rate=rate, elapsed_s=300.0))
    settings = replace(
        settings,
        sample=replace(settings.sample, material=material, intruder=intruder, peak_od=peak_od),
        beam=replace(settings.beam, counts_per_ms=counts, energy_offset_ev=offset_ev),
    )
    return scanned(settings, seed=seed, pixels=pixels, cycles=cycles)
