"""A motor record that is waited for as long as its way takes, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ophyd import Component, EpicsMotor
from ophyd.status import DeviceStatus

from operando_plans.epics.asking import HEARD_S, ask_until
from operando_plans.epics.reach import Reached, check_reached, lost
from operando_plans.epics.records import SetRecord
from operando_plans.together import together

__all__ = ["EpicsAxis"]


class EpicsAxis(Reached, EpicsMotor):
    """An axis over a motor record.

    Parameters
    ----------
    prefix
        Name of the motor record.
    name
        Also the key of its reading.
    margin_s
        How long it may take beyond what its speed and acceleration ask for.
    """

    # As in ophyd's motor, of a kind that names itself.
    user_setpoint = Component(SetRecord, ".VAL", limits=True, auto_monitor=True)
    motor_stop = Component(SetRecord, ".STOP", kind="omitted")

    def __init__(self, prefix: str, *, name: str, margin_s: float = 10.0) -> None:
        super().__init__(prefix, name=name)
        self.margin_s = margin_s

    def expected_s(self, position: float) -> float:
        """Return how long the record says that the way to a position takes, s."""
        here: Any = self.user_readback.get(use_monitor=False)
        speed: Any = self.velocity.get()
        rise_s: Any = self.acceleration.get()
        # A speed of 0 is one that nobody set.
        cruise_s = abs(position - here) / speed if speed > 0 else 0.0
        return cruise_s + 2.0 * rise_s

    def set(
        self,
        new_position: float,
        *,
        timeout: float | None = None,
        moved_cb: Callable[..., None] | None = None,
        wait: bool = False,
    ) -> DeviceStatus:
        """Move to a position.

        Parameters
        ----------
        new_position
            In the units of the record.
        timeout
            How long it may take, s; None for what the record says and the margin.
        moved_cb, wait
            As in ophyd.

        Returns
        -------
        DeviceStatus
            Fails with TimeoutError, which names the record, if it does not arrive in its time.

        Raises
        ------
        LimitError
            The position is outside the limits of the record.
        TimeoutError
            The record cannot be reached; nothing moved.
        """
        check_reached(self.name, self.records)
        expected_s = self.expected_s(new_position)
        timeout_s = expected_s + self.margin_s if timeout is None else timeout
        move: Any = self.move(new_position, wait=False, moved_cb=moved_cb)
        aim = f"{self.name} going to {new_position:g}"
        status = together(self, {f"{self.prefix}.DMOV": move}, aim, timeout_s)
        ask_until(lambda: self._has_arrived(new_position), status, min(expected_s + HEARD_S, timeout_s))
        if wait:
            status.wait()
        return status

    def stop(self, *, success: bool = False) -> None:
        """Stop where it is.

        Raises
        ------
        TimeoutError
            The record cannot be reached.
        """
        out_of_reach = lost([self.motor_stop])
        if out_of_reach:
            # Whoever waits for it must not wait for an answer that cannot come.
            self._done_moving(success=success)
            check_reached(self.name, [self.motor_stop])
        super().stop(success=success)

    def _has_arrived(self, position: float) -> bool:
        """Ask the record itself, and take its answer for the subscription's."""
        told: Any = self.user_setpoint.get(use_monitor=False)
        is_done: Any = self.motor_done_move.get(use_monitor=False)
        if not is_done or not np.isclose(told, position):
            return False
        if self._moving or not self._started_moving:
            # It set off and arrived, and one of the two was not heard.
            self._move_changed(value=0)
            self._move_changed(value=1)
        return True
