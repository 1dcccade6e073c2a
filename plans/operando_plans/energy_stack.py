"""A stack of images over energies, as one run: the ALS run-layout contract v1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp

from operando_plans.check import check_parts, check_regions
from operando_plans.documents import (
    SCHEMA_VERSION,
    check_metadata,
    options_said,
    polarization_said,
    start_of,
)
from operando_plans.options import ScanOptions
from operando_plans.plan import Plan
from operando_plans.polarization import check_polarization, polarize
from operando_plans.region import Region
from operando_plans.safety import safely
from operando_plans.scanner import image, scanner_of
from operando_plans.stxm import STXM
from operando_plans.visit import Standing, place

__all__ = ["energy_stack"]


def energy_stack(
    stxm: STXM,
    region: Region,
    *,
    options: ScanOptions | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Plan:
    """Scan the region once at every energy, one event a line.

    Parameters
    ----------
    stxm
        The microscope; it scans with its line flyer.
    region
        Where, at which energies, and how long. The contract knows one dwell for all energies.
    options
        How to scan.
    metadata
        Added to the start document.

    Returns
    -------
    generator
        A bluesky plan; its run meets the contract, `seq_num = energy * rows + row + 1`.

    Raises
    ------
    ValueError
        The microscope cannot do it, or it makes no sense; raised before anything moves.
    TimeoutError
        A part of the microscope cannot be reached.
    """
    options = options or ScanOptions()
    scanner = scanner_of(stxm, options)
    if not scanner.is_by_line:
        msg = "an energy stack has one event a line; scan with the line flyer, or use operando_series"
        raise ValueError(msg)
    if len(set(region.dwells_ms)) > 1 or region.every:
        msg = (
            f"region '{region.name}' has dwells {list(region.dwells_ms)} ms and is visited every "
            f"{list(region.every)} cycles; an energy stack has one dwell, and visits each energy once"
        )
        raise ValueError(msg)
    check_parts(stxm)
    check_regions(scanner.parts, [region])
    check_polarization(scanner.parts, options)
    start = check_metadata(metadata) | start_of(scanner, region, "stxm_energy_stack")
    start["operando"] = {
        "schema_version": SCHEMA_VERSION,
        "region": region.name,
        "cycles": 1,
        **polarization_said(options),
    }
    start["plan_args"] = {"region": region.plain, "options": options_said(options)}

    def images() -> Plan:
        yield from polarize(scanner.parts, options)
        yield from place(scanner.parts, Standing(region))
        for energy_ev in region.energies_ev:
            yield from bps.checkpoint()
            yield from bps.mv(scanner.parts.energy, energy_ev)
            yield from image(scanner, region.field, region.dwells_ms[0], {})

    return bpp.run_wrapper(safely(images(), stxm, options), md=start)
