"""Whether there is a beam, waiting for it, and the shutter that lets it through."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from bluesky.utils import Msg

from operando_plans.messages import do, read_value
from operando_plans.options import BeamGuard
from operando_plans.parts import Parts
from operando_plans.plan import Clock, Plan

__all__ = ["BeamLostError", "await_beam", "close_shutter", "had_beam", "open_shutter", "ring_current"]

_log = logging.getLogger(__name__)


class BeamLostError(RuntimeError):
    """The beam did not come back in time."""


def open_shutter(parts: Parts) -> Plan:
    """Let light onto the sample."""
    if parts.shutter is not None:
        yield from do("set", parts.shutter, parts.opened)


def close_shutter(parts: Parts) -> Plan:
    """Keep light off the sample."""
    if parts.shutter is not None:
        yield from do("set", parts.shutter, parts.closed)


def ring_current(parts: Parts, default_ma: float) -> Plan:
    """Read the ring current, mA; `default_ma` where a plan is only looked at."""
    return float((yield from read_value(parts.ring_current, default_ma)))


def had_beam(parts: Parts, guard: BeamGuard, said_ma: Sequence[float]) -> Plan:
    """Return whether light could reach the sample: enough current, now and before, and an open shutter.

    Parameters
    ----------
    parts, guard
        The microscope, and what is enough.
    said_ma
        What the ring has said of its current meanwhile; it may say more while it is asked.
    """
    current_ma = yield from ring_current(parts, guard.back_ma)
    is_unshuttered = yield from _is_unshuttered(parts)
    return is_unshuttered and all(each_ma >= guard.floor_ma for each_ma in (current_ma, *said_ma))


def await_beam(parts: Parts, guard: BeamGuard, clock: Clock) -> Plan:
    """Wait until there is a beam, and return its ring current in mA.

    While it waits, the shutter is closed: a ring that is being filled must not shine on the sample.

    Raises
    ------
    BeamLostError
        It did not come back within `guard.wait_s`.
    """
    current_ma = yield from ring_current(parts, guard.back_ma)
    if current_ma >= guard.floor_ma and (yield from _is_unshuttered(parts)):
        return current_ma
    _log.warning("the beam is lost (%.3g mA); waiting for %.3g mA", current_ma, guard.back_ma)
    yield from close_shutter(parts)
    began_s = clock.now_s()
    while not current_ma >= guard.back_ma:
        if guard.wait_s is not None and clock.now_s() - began_s >= guard.wait_s:
            msg = (
                f"the ring current is {current_ma:.3g} mA and did not reach {guard.back_ma:.3g} mA within "
                f"{guard.wait_s:g} s; start again when there is beam, or give a longer wait_s"
            )
            raise BeamLostError(msg)
        yield Msg("checkpoint")
        yield from clock.sleep(guard.poll_s)
        current_ma = yield from ring_current(parts, guard.back_ma)
    yield from open_shutter(parts)
    _log.warning("the beam is back (%.3g mA)", current_ma)
    return current_ma


def _is_unshuttered(parts: Parts) -> Plan:
    if parts.shutter is None:
        return True
    return (yield from read_value(parts.shutter, parts.opened)) != parts.closed
