"""How a plan ends: shutter closed, motion stopped, positions back if wanted, whatever went wrong."""

from __future__ import annotations

from functools import partial

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg

from operando_plans.options import ScanOptions
from operando_plans.pausing import PausedShutter
from operando_plans.plan import Device, Plan
from operando_plans.stxm import STXM

__all__ = ["safely"]


def safely(plan: Plan, stxm: STXM, options: ScanOptions) -> Plan:
    """Stage the microscope, run a plan, and leave all in order however it ends.

    The shutter is closed first; then, if the plan failed or was aborted, everything is stopped; then energy,
    polarization, stages and focus go back, if `options.is_returning`; last, the microscope is unstaged. Each
    step is tried also when one before it failed or took longer than `options.cleanup_s`.

    Parameters
    ----------
    plan
        What to run. It opens the shutter itself.
    stxm
        The microscope.
    options
        How to clean up.
    """
    parts = stxm.parts
    if parts.shutter is not None:
        closing = partial(bps.mv, parts.shutter, parts.closed, timeout=options.cleanup_s)
        plan = bpp.finalize_wrapper(_paused_with(plan, PausedShutter(parts)), closing)
    plan = bpp.contingency_wrapper(plan, except_plan=partial(_stopped, stxm, options.cleanup_s))
    if options.is_returning:
        for part in (
            parts.energy,
            # Only if it was moved: an undulator takes a minute to be set to where it is.
            None if options.polarization is None else parts.polarization,
            parts.focus,
            parts.sample_y,
            parts.sample_x,
            parts.coarse_y,
            parts.coarse_x,
        ):
            plan = plan if part is None else _returning(plan, part, options.cleanup_s)
    return bpp.stage_wrapper(plan, [stxm])


def _paused_with(plan: Plan, shutter: PausedShutter) -> Plan:
    yield Msg("null", shutter)
    return (yield from plan)


def _stopped(stxm: STXM, timeout_s: float, _error: Exception) -> Plan:
    parts = stxm.parts
    if parts.shutter is not None:
        # Again: closing it may have been what failed.
        yield from bps.mv(parts.shutter, parts.closed, timeout=timeout_s)
    yield Msg("stop", stxm)


def _returning(plan: Plan, part: Device, timeout_s: float) -> Plan:
    """Bring one part back to where it is now, once the plan is over."""
    before = yield from bps.rd(part)
    return (yield from bpp.finalize_wrapper(plan, partial(bps.mv, part, before, timeout=timeout_s)))
