"""Several moves or measurements as one: done when all are, failed as soon as one fails or time is up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from ophyd.status import DeviceStatus

__all__ = ["Awaited", "together"]


class Awaited(Protocol):
    """A status, as ophyd and bluesky have them."""

    @property
    def done(self) -> bool:
        """Whether it is over, well or not."""
        ...

    def add_callback(self, callback: Callable[..., None], /) -> None:
        """Call back with this status when it is over, at once if it is."""
        ...

    def exception(self, timeout: float | None = 0.0) -> BaseException | None:
        """Return why it failed, or None."""
        ...


class Stopped(Protocol):
    """What is stopped when one of its parts fails."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def stop(self, *, success: bool = False) -> None:
        """Stop all that moves."""
        ...


def together(
    device: Stopped, statuses: Mapping[str, Awaited], aim: str, timeout_s: float | None = None
) -> DeviceStatus:
    """Return one status over several; where it fails, the device is stopped.

    Parameters
    ----------
    device
        Whose parts they are.
    statuses
        By the name of what each waits for; at least one.
    aim
        What they do together, as a sentence would say it: "energy going to 520 eV".
    timeout_s
        How long all may take; None for as long as they take.

    Returns
    -------
    DeviceStatus
        Fails with what the first failed with, or with TimeoutError that says which are not there yet.
    """
    whole = DeviceStatus(device)
    is_first = threading.Lock()

    def fail(error: BaseException) -> None:
        if is_first.acquire(blocking=False):
            whole.set_exception(error)

    def late() -> None:
        waiting = ", ".join(name for name, status in statuses.items() if not status.done)
        words = f"{aim} was not over within {timeout_s:g} s: {waiting} did not answer or arrive"
        fail(TimeoutError(f"{words}; look whether it moves, then set it again"))

    timer = None if timeout_s is None else threading.Timer(timeout_s, late)

    def over(_status: Awaited) -> None:
        failures = [error for status in statuses.values() if status.done and (error := status.exception(0.0))]
        if failures:
            fail(failures[0])
        elif not all(status.done for status in statuses.values()) or not is_first.acquire(blocking=False):
            return
        else:
            whole.set_finished()
        if timer is not None:
            timer.cancel()

    if timer is not None:
        timer.daemon = True
        timer.start()
    for status in statuses.values():
        status.add_callback(over)
    return whole
