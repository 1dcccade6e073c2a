"""The shutter closed while a plan is paused, so that nobody's lunch is dose."""

from __future__ import annotations

import asyncio
import logging

from operando_plans.parts import Parts

__all__ = ["PausedShutter"]

_log = logging.getLogger(__name__)
_OPEN_S = 30.0


class PausedShutter:
    """What the RunEngine tells of a pause: it closes the shutter then, and opens it again if it was open.

    A plan makes itself known to it with a `null` message; suspenders pause and resume it as well.

    Parameters
    ----------
    parts
        Of the microscope; it has a shutter.
    """

    parent = None

    def __init__(self, parts: Parts) -> None:
        self.name = "paused_shutter"
        self._parts = parts
        self._is_to_open = False

    def pause(self) -> None:
        """Close the shutter; does not wait for it, as the RunEngine does not either."""
        self._is_to_open = self._position() != self._parts.closed
        try:
            self._parts.shutter.set(self._parts.closed)
        except (OSError, RuntimeError, ValueError) as error:
            # The pause goes on; whoever asked for it looks at the instrument anyway.
            _log.error("the shutter could not be closed for the pause: %s", error)

    async def resume(self) -> None:
        """Open the shutter if it was open, and wait for it.

        Raises
        ------
        TimeoutError
            It did not open.
        """
        if not self._is_to_open:
            return
        self._is_to_open = False
        opened = asyncio.Event()
        loop = asyncio.get_running_loop()
        status = self._parts.shutter.set(self._parts.opened)

        def tell(_status: object) -> None:
            loop.call_soon_threadsafe(opened.set)

        status.add_callback(tell)
        await asyncio.wait_for(opened.wait(), _OPEN_S)

    def _position(self) -> object:
        reading = self._parts.shutter.read()
        return next(iter(reading.values()))["value"]
