"""One move of one axis: at once where the world runs as fast as it can, step by step where it is paced."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from operando_sim.world import World

__all__ = ["Motion"]

_STEP_WALL_S = 0.05
"""So long at most a paced axis goes on after it was told to stop."""


class Motion:
    """A move that can be stopped on its way.

    Parameters
    ----------
    world
        Whose axis it is.
    axis
        Which one.
    target
        Where it is to go.
    patience_s
        World time that it is waited for beyond what the way takes.
    on_step
        Called after each step.
    """

    def __init__(
        self,
        world: World,
        axis: str,
        target: float,
        *,
        patience_s: float,
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._world = world
        self._axis = axis
        self._target = target
        self._patience_s = patience_s
        self._on_step = on_step
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let it end after the step it is in."""
        self._stopped.set()

    def run(self) -> bool:
        """Move; return whether the axis arrived, which it does not if it was stopped.

        Raises
        ------
        TimeoutError
            The axis does not get there: it is stuck.
        """
        world, axis, target = self._world, self._axis, self._target
        begun_s, begun_at = world.time_s, world.axes.position(axis)
        way = target - begun_at
        duration_s = world.axes[axis].duration_s(way)
        steps = max(1, math.ceil(world.pace * duration_s / _STEP_WALL_S))
        for step in range(1, steps + 1):
            if self._stopped.is_set():
                return False
            world.axes.place(axis, target if step == steps else begun_at + way * step / steps)
            world.wait_until(begun_s + duration_s * step / steps)
            self._on_step()
        return self._arrived(begun_s + duration_s + self._patience_s)

    def _arrived(self, latest_s: float) -> bool:
        """Wait for an axis that should be there and is not."""
        world, axis, target = self._world, self._axis, self._target
        while world.axes.position(axis) != target:
            if self._stopped.is_set():
                return False
            if world.time_s >= latest_s:
                units = world.axes[axis].units
                raise TimeoutError(
                    f"{axis} was sent to {target:g} {units} and is still at "
                    f"{world.axes.position(axis):g} {units} after {self._patience_s:g} s more than the way "
                    "takes: it is stuck; free it and send it again"
                )
            step_s = _STEP_WALL_S / world.pace if world.pace > 0.0 else self._patience_s
            world.wait_until(min(latest_s, world.time_s + step_s))
            world.axes.place(axis, target)
            self._on_step()
        return True
