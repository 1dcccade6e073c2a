"""The axes of the world as ophyd positioners."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ophyd import SoftPositioner
from ophyd.utils import LimitError

from operando_sim.motion import Motion

if TYPE_CHECKING:
    from collections.abc import Callable

    from ophyd.status import MoveStatus

    from operando_sim.world import World

__all__ = ["WorldPositioner"]

_PATIENCE_S = 10.0


class WorldPositioner(SoftPositioner):
    """A positioner whose place is kept by the world; its timestamps are the world's.

    In a world without pace a move is over when `set` returns. In a paced one it goes on in a thread, can
    be stopped on its way, and a new one takes over from an old one. An axis that does not arrive fails
    its status with a TimeoutError that names it.

    Parameters
    ----------
    world
        Whose axis it is.
    axis
        One of `operando_sim.axes.AXES`.
    name
        Of the positioner.
    patience_s
        World time to wait for it beyond what the way takes.
    """

    def __init__(self, world: World, axis: str, *, name: str, patience_s: float = _PATIENCE_S) -> None:
        can = world.axes[axis]
        super().__init__(name=name, egu=can.units, limits=can.limits, source=f"sim:{axis}", kind="hinted")
        self._world = world
        self._axis = axis
        self._patience_s = patience_s
        self._motion: Motion | None = None
        self._thread: threading.Thread | None = None
        self._is_stop_success = False

    @property
    def position(self) -> float:
        """Where it is."""
        return self._world.axes.position(self._axis)

    def read(self) -> OrderedDict[str, dict[str, Any]]:
        """Return the position and the world's time."""
        return OrderedDict({self.name: {"value": self.position, "timestamp": self._world.time_s}})

    def check_value(self, pos: float) -> None:
        """Raise LimitError unless `pos` is within the limits."""
        low, high = self.limits
        if not low <= float(pos) <= high:
            raise LimitError(
                f"{self.name} cannot go to {pos} {self.egu}; "
                f"its limits are {low:g} to {high:g} {self.egu}: choose a position inside"
            )

    def move(
        self,
        position: float,
        wait: bool = True,
        timeout: float | None = None,
        moved_cb: Callable[..., None] | None = None,
    ) -> MoveStatus:
        """Move, as ophyd's positioners do."""
        self.check_value(position)
        self._halt(success=False)
        return super().move(position, wait=wait, timeout=timeout, moved_cb=moved_cb)

    def stop(self, *, success: bool = False) -> None:
        """Stop where it is; it stands still when this returns."""
        self._halt(success=success)
        super().stop(success=success)

    def _halt(self, *, success: bool) -> None:
        motion, thread = self._motion, self._thread
        if motion is None:
            return
        self._is_stop_success = success
        motion.stop()
        # A callback of the move may stop it: it cannot wait for itself.
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _setup_move(self, position: float, status: MoveStatus) -> None:
        self._run_subs(sub_type=self.SUB_START, timestamp=self._world.time_s)
        self._motion = Motion(
            self._world,
            self._axis,
            float(position),
            patience_s=self._patience_s,
            on_step=lambda: self._set_position(self.position, timestamp=self._world.time_s),
        )
        if self._world.pace > 0.0:
            self._thread = threading.Thread(target=self._travel, args=(self._motion, status), daemon=True)
            self._moving = True
            self._thread.start()
        else:
            self._travel(self._motion, status)

    def _travel(self, motion: Motion, status: MoveStatus) -> None:
        try:
            has_arrived = motion.run()
        except TimeoutError as error:
            self._end()
            # Not by _done_moving, which has no room for a reason.
            self._reset_sub(self._SUB_REQ_DONE)
            # It has failed already if whoever moved it had less patience.
            if not status.done:
                status.set_exception(TimeoutError(f"{self.name}: {error}"))
            return
        self._end()
        self._done_moving(
            success=has_arrived or self._is_stop_success, timestamp=self._world.time_s, value=self.position
        )

    def _end(self) -> None:
        self._motion = self._thread = None
        self._moving = False
