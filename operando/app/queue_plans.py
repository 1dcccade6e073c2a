"""Plans that know microscope and profile; their arguments are numbers and words, as a queue gives them."""

# The plans are imported when a session is opened: a monitor needs none of them.
# ruff: noqa: PLC0415

from __future__ import annotations

import logging
import typing
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from operando.app.acquire import advice_of, assumptions_of, options_of, regions_from
from operando.core.references import Library
from operando.settings import AcquisitionSettings

if TYPE_CHECKING:
    from operando_plans import STXM, Estimate

__all__ = ["Acquisition", "energy_stack_of", "estimate_of", "operando_series_of"]

_log = logging.getLogger(__name__)

Plan: TypeAlias = Generator[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What the plans below know already.

    Attributes
    ----------
    stxm
        The microscope.
    settings
        Of the profile.
    library
        References that the energies must lie in.
    advice_file
        Where a monitor would write its advice.
    """

    stxm: STXM
    settings: AcquisitionSettings
    library: Library
    advice_file: Path


def operando_series_of(known: Acquisition) -> Callable[..., Plan]:
    """Return the plan `operando_series` for this acquisition."""
    import operando_plans as plans

    foretell = estimate_of(known)

    # A queue takes generator functions, and evaluates their annotations: it knows `typing.Any`, and no `Any`.
    def operando_series(
        regions: list[dict[str, typing.Any]] | None = None,
        cycles: int | None = None,
        duration_s: float | None = None,
        sample_name: str = "",
        polarization: float | None = None,
    ) -> Plan:
        """Visit regions in turn, each at its energies, cycle after cycle.

        Parameters
        ----------
        regions
            Each with `name`, `centre_um`, `size_um`, `points`, and if wanted `energies_ev`, `dwell_ms`,
            `coarse_um`, `every`, `is_control`; those of the profile if left out.
        cycles
            How many; or
        duration_s
            after which time no further cycle begins.
        sample_name
            For the documents, where it is another one than the profile says.
        polarization
            As the undulator counts it; that of the profile if left out, and where it has none, as it is.
        """
        settings = known.settings
        _log.info("%s", foretell(regions, cycles, duration_s, polarization))
        yield from plans.operando_series(
            known.stxm,
            regions_from(regions, settings, known.library),
            plans.Until(cycles=cycles, duration_s=duration_s),
            options=options_of(settings, polarization),
            advice=advice_of(settings, known.advice_file),
            metadata={"sample_name": sample_name} if sample_name else {},
        )

    return operando_series


def energy_stack_of(known: Acquisition) -> Callable[..., Plan]:
    """Return the plan `energy_stack` for this acquisition."""
    import operando_plans as plans

    def energy_stack(
        region: dict[str, typing.Any] | None = None,
        sample_name: str = "",
        polarization: float | None = None,
    ) -> Plan:
        """Scan a region once at every energy.

        Parameters
        ----------
        region
            As `operando_series` takes it; the first one of the profile if left out.
        sample_name
            For the documents, where it is another one than the profile says.
        polarization
            As the undulator counts it; that of the profile if left out, and where it has none, as it is.
        """
        settings = known.settings
        asked = None if region is None else [region]
        yield from plans.energy_stack(
            known.stxm,
            regions_from(asked, settings, known.library)[0],
            options=options_of(settings, polarization),
            metadata={"sample_name": sample_name} if sample_name else {},
        )

    return energy_stack


def estimate_of(known: Acquisition) -> Callable[..., Estimate]:
    """Return what says beforehand what a series of this acquisition will take."""
    import operando_plans as plans

    def estimate(
        regions: list[dict[str, typing.Any]] | None = None,
        cycles: int | None = None,
        duration_s: float | None = None,
        polarization: float | None = None,
    ) -> Estimate:
        """Return time, dose and disk of `operando_series` with the same arguments; nothing moves.

        Raises
        ------
        ValueError
            The microscope cannot do it, the profile does not allow it, or it makes no sense.
        TimeoutError
            A part of the microscope cannot be reached.
        """
        settings = known.settings
        advice = advice_of(settings, known.advice_file)
        return plans.dry_run(
            known.stxm,
            regions_from(regions, settings, known.library),
            plans.Until(cycles=cycles, duration_s=duration_s),
            options=options_of(settings, polarization),
            assumptions=assumptions_of(settings, advice),
        )

    return estimate
