"""What a series will take, before the beam is used: time, dose, disk; and whether it can be done."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from operando_plans.advice import Advice
from operando_plans.disk import LOG_BYTES, Counted, documents_of
from operando_plans.dose import Sample, dose_mgy
from operando_plans.operando_series import operando_series
from operando_plans.options import ScanOptions
from operando_plans.pace import Pace, cycles_in, duration_of, visits_of
from operando_plans.region import Region
from operando_plans.scanner import Scanner, scanner_of
from operando_plans.stxm import STXM
from operando_plans.until import Until

__all__ = ["Assumptions", "Estimate", "UserLimits", "dry_run"]


@dataclass(frozen=True, slots=True)
class UserLimits:
    """What a series may take at most; None for no limit.

    Attributes
    ----------
    max_dose_mgy
        Of any pixel.
    max_duration_s
        Of the series.
    max_disk_bytes
        Of its documents.
    """

    max_dose_mgy: float | None = None
    max_duration_s: float | None = None
    max_disk_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What an estimate needs to know beside the plan.

    Attributes
    ----------
    pace
        How long things take.
    sample
        What absorbs; None gives no dose.
    advice
        The advice that the series will have; what it may change is not foreseen.
    limits
        What the series may take at most.
    """

    pace: Pace = field(default_factory=Pace)
    sample: Sample | None = None
    advice: Advice | None = None
    limits: UserLimits = field(default_factory=UserLimits)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a series will take if nothing comes between.

    Attributes
    ----------
    cycles
        How many.
    duration_s
        From the first line to the last.
    exposures
        Lines, or frames.
    documents, disk_bytes
        How many documents, and their room in a run log.
    dose_mgy
        Of one pixel of each region, by its name, from the dwell alone; empty without a sample.
    dose_with_flyback_mgy
        The same if the beam is on the sample during the overhead of each line as well, spread over the line.
    """

    cycles: int
    duration_s: float
    exposures: int
    documents: int
    disk_bytes: int
    dose_mgy: Mapping[str, float]
    dose_with_flyback_mgy: Mapping[str, float]

    def __str__(self) -> str:
        words = (
            f"{self.cycles} cycles take {_time_words(self.duration_s)} and give {self.documents} documents, "
            f"{_size_words(self.disk_bytes)}"
        )
        doses = "; ".join(
            f"{name} {dose:.3g} MGy a pixel ({self.dose_with_flyback_mgy[name]:.3g} with fly-back)"
            for name, dose in self.dose_mgy.items()
        )
        return f"{words}. Dose: {doses}." if doses else f"{words}."


def dry_run(
    stxm: STXM,
    regions: Region | Sequence[Region],
    until: Until,
    *,
    options: ScanOptions | None = None,
    assumptions: Assumptions | None = None,
) -> Estimate:
    """Return what `operando_series` with the same arguments will take; nothing moves.

    Parameters
    ----------
    stxm, regions, until, options
        As `operando_series` takes them.
    assumptions
        What else there is to know.

    Raises
    ------
    ValueError
        The microscope cannot do it, the user does not allow it, or nobody knows how long it lasts.
    TimeoutError
        A part of the microscope cannot be reached.
    """
    options, assumptions = options or ScanOptions(), assumptions or Assumptions()
    regions = (regions,) if isinstance(regions, Region) else tuple(regions)
    # The plan itself refuses what the microscope cannot do.
    operando_series(stxm, regions, until, options=options, advice=assumptions.advice).close()
    scanner = scanner_of(stxm, options)
    cycles = cycles_in(regions, until, assumptions.pace)
    counted, exposures, duration_s = Counted(0, LOG_BYTES), 0, duration_of(regions, cycles, assumptions.pace)
    dose: dict[str, float] = {}
    with_flyback: dict[str, float] = {}
    for region in regions:
        visits = visits_of(region, cycles)
        own = sum(visits) * (region.field.points[1] if scanner.is_by_line else 1)
        exposures += own
        counted += _counted(scanner, region, own, duration_s, cycles, assumptions)
        if assumptions.sample is not None:
            dose[region.name], with_flyback[region.name] = _doses(
                region, visits, assumptions.sample, assumptions.pace
            )
    estimate = Estimate(
        cycles=cycles,
        duration_s=duration_s,
        exposures=exposures,
        documents=counted.documents,
        disk_bytes=counted.disk_bytes,
        dose_mgy=dose,
        dose_with_flyback_mgy=with_flyback,
    )
    _check(estimate, assumptions.limits)
    return estimate


def _check(estimate: Estimate, limits: UserLimits) -> None:
    for name, dose in estimate.dose_with_flyback_mgy.items():
        if limits.max_dose_mgy is not None and not dose <= limits.max_dose_mgy:
            msg = (
                f"region '{name}' gets {dose:.3g} MGy a pixel with fly-back, {limits.max_dose_mgy:g} MGy are "
                "allowed: take fewer cycles, energies or a shorter dwell"
            )
            raise ValueError(msg)
    if limits.max_duration_s is not None and not estimate.duration_s <= limits.max_duration_s:
        msg = (
            f"the series takes {_time_words(estimate.duration_s)}, {_time_words(limits.max_duration_s)} are "
            "allowed: take fewer cycles, energies or lines, or a shorter dwell"
        )
        raise ValueError(msg)
    if limits.max_disk_bytes is not None and not estimate.disk_bytes <= limits.max_disk_bytes:
        msg = (
            f"the documents take {_size_words(estimate.disk_bytes)}, {_size_words(limits.max_disk_bytes)} "
            "are allowed: take fewer cycles or pixels, or make room"
        )
        raise ValueError(msg)


def _counted(
    scanner: Scanner, region: Region, exposures: int, duration_s: float, cycles: int, assumptions: Assumptions
) -> Counted:
    readings = 0
    if scanner.parts.potentiostat is not None:
        readings = math.ceil(duration_s / assumptions.pace.potentiostat_s)
    asks = assumptions.advice is not None and not region.is_control
    return documents_of(scanner, region, exposures, readings, cycles - 1 if asks else 0)


def _doses(region: Region, visits: Sequence[int], sample: Sample, pace: Pace) -> tuple[float, float]:
    """Return the dose of the dwell, and that with the overhead of the lines."""
    columns = region.field.points[0]
    dwell = [number * dwell_ms for number, dwell_ms in zip(visits, region.dwells_ms, strict=True)]
    lit = [
        lit_ms + number * pace.line_overhead_ms / columns
        for number, lit_ms in zip(visits, dwell, strict=True)
    ]
    return dose_mgy(sample, region, dwell), dose_mgy(sample, region, lit)


def _time_words(duration_s: float) -> str:
    if duration_s < 120:
        return f"{duration_s:.0f} s"
    minutes = round(duration_s / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _size_words(size: float) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"
