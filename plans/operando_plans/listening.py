"""What the ring says of its current between two looks at it: a loss that was over before anybody looked."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from operando_plans.plan import Device

__all__ = ["listening"]


@contextmanager
def listening(ring_current: Device) -> Generator[list[float]]:
    """Collect what a ring current says by itself; nothing where it cannot be subscribed to.

    It calls back in a thread of its own, which only appends.

    Parameters
    ----------
    ring_current
        Whose `subscribe` and `clear_sub` are those of ophyd.

    Yields
    ------
    list
        The currents said so far, mA.
    """
    said: list[float] = []

    def hear(*, value: float, **_more: object) -> None:
        said.append(float(value))

    if not _is_listened_to(ring_current, hear):
        yield said
        return
    try:
        yield said
    finally:
        ring_current.clear_sub(hear)


def _is_listened_to(ring_current: Device, hear: Callable[..., None]) -> bool:
    if not hasattr(ring_current, "subscribe"):
        return False
    try:
        # What it said last is older than the line.
        ring_current.subscribe(hear, run=False)
    except ValueError:
        # An ophyd Device that says nothing as a whole.
        return False
    return True
