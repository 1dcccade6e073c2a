"""The messages of a line, sent as they are.

bluesky's own plan stubs say the same, but each call of one formats the stack of its caller for a warning that
a plan was not used (bluesky 1.15, `bluesky.utils.plan`): 0.2 ms a call, ten calls a line.
"""

from __future__ import annotations

from bluesky.utils import Msg

from operando_plans.plan import Device, Plan

__all__ = ["do", "read_value"]


def do(command: str, device: Device, *arguments: object) -> Plan:
    """Let a device do something, and wait until it is done."""
    group = f"{command} {device.name}"
    yield Msg(command, device, *arguments, group=group)
    yield Msg("wait", None, group=group)


def read_value(device: Device, default: object) -> Plan:
    """Read a device of one value; `default` where a plan is only looked at.

    Raises
    ------
    ValueError
        It has several values, and does not hint at one of them.
    """
    reading = yield Msg("read", device)
    if reading is None:
        return default
    hinted = getattr(device, "hints", {}).get("fields", [])
    keys = hinted if len(hinted) == 1 else list(reading)
    if len(keys) != 1:
        msg = f"{device.name} reads {', '.join(reading)}; let its hints name the one that counts"
        raise ValueError(msg)
    return reading[keys[0]]["value"]
