"""The polarization of the light: set once, in the dark, before anything is scanned."""

from __future__ import annotations

import bluesky.plan_stubs as bps

from operando_plans.check import check_reach
from operando_plans.options import ScanOptions
from operando_plans.parts import Parts
from operando_plans.plan import Plan

__all__ = ["check_polarization", "polarize"]


def check_polarization(parts: Parts, options: ScanOptions) -> None:
    """Refuse a polarization that the microscope cannot have.

    Raises
    ------
    ValueError
        It has no part to set one by, or that part cannot go there.
    """
    if options.polarization is None:
        return
    if parts.polarization is None:
        msg = (
            f"the polarization is to be {options.polarization:g}, but the microscope has none to set; leave "
            "polarization out, or give the microscope that part"
        )
        raise ValueError(msg)
    check_reach(parts.polarization, options.polarization, "the polarization")


def polarize(parts: Parts, options: ScanOptions) -> Plan:
    """Set the polarization that the options ask for; without one it stays as it is."""
    if options.polarization is not None:
        yield from bps.checkpoint()
        yield from bps.mv(parts.polarization, options.polarization)
