"""A profile's acquisition, in the words of the plans: regions, options, limits, advice."""

# The plans are imported when an acquisition is set up: a monitor needs none of them.
# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from operando.core.references import Library, spectra_of
from operando.errors import ConfigurationError
from operando.settings import AcquisitionSettings

if TYPE_CHECKING:
    from operando_plans import Advice, Assumptions, Region, ScanOptions

__all__ = ["advice_of", "assumptions_of", "options_of", "regions_from"]

_BYTES_PER_GB = 1e9


def regions_from(
    asked: Iterable[Mapping[str, Any]] | None, settings: AcquisitionSettings, library: Library
) -> tuple[Region, ...]:
    """Return the regions to scan, with the profile's energies and dwell where they have none.

    Parameters
    ----------
    asked
        As `operando_plans.regions_of` takes them; None for those of the profile.
    settings
        Of the profile.
    library
        References that the energies must lie in.

    Raises
    ------
    ConfigurationError
        An energy lies outside the references.
    ValueError
        There is no region, or one makes no sense.
    """
    from operando_plans import regions_of

    own = [region.model_dump(exclude_none=True) for region in settings.region]
    entries = own if asked is None else [dict(region) for region in asked]
    if not entries:
        msg = "there is no region to scan; name one, or write [[acquisition.region]] into the profile"
        raise ValueError(msg)
    defaults = {"energies_ev": settings.energies_ev, "dwell_ms": settings.dwell_ms}
    regions = regions_of({**defaults, **entry} for entry in entries)
    for region in regions:
        try:
            spectra_of(library, np.asarray(region.energies_ev, dtype=np.float64))
        except ConfigurationError as error:
            msg = f"region '{region.name}' cannot be fitted: {error}"
            raise ConfigurationError(msg) from error
    return regions


def options_of(settings: AcquisitionSettings, polarization: float | None = None) -> ScanOptions:
    """Return how the profile wants to scan, with another polarization than its own if one is given."""
    from operando_plans import BeamGuard, ScanOptions

    beam = settings.beam
    guard = None if beam is None else BeamGuard(beam.floor_ma, beam.resume_ma, beam.repeats, beam.wait_s)
    chosen = settings.polarization if polarization is None else polarization
    return ScanOptions(flyer=settings.flyer, beam=guard, polarization=chosen)


def assumptions_of(settings: AcquisitionSettings, advice: Advice | None) -> Assumptions:
    """Return what an estimate needs to know, and what a series may take at most."""
    from operando_plans import Assumptions, Pace, Sample, UserLimits

    dose, most, pace = settings.dose, settings.most, settings.pace
    return Assumptions(
        pace=Pace(pace.line_overhead_ms, pace.energy_move_s, pace.place_s),
        sample=None
        if dose is None
        else Sample(dose.photons_per_s, dose.thickness_um, dose.density_g_cm3, dose.od),
        advice=advice,
        limits=UserLimits(
            max_dose_mgy=most.dose_mgy,
            max_duration_s=most.duration_s,
            max_disk_bytes=None if most.disk_gb is None else round(_BYTES_PER_GB * most.disk_gb),
        ),
    )


def advice_of(settings: AcquisitionSettings, file: Path) -> Advice | None:
    """Return the advice to follow, which a monitor writes into a file; None where none is."""
    from operando_plans import Advice, AdviceFile, AdviceLimits

    follow = settings.follow
    if follow is None:
        return None
    limits = AdviceLimits(
        min_cycles=follow.min_cycles,
        max_dwell_ms=follow.max_dwell_ms,
        max_shift_um=follow.max_shift_um,
        dense_pitch_um=follow.dense_pitch_um,
        wait_s=follow.wait_s,
    )
    return Advice(AdviceFile(file), limits)
