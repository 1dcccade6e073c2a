"""A shutter over two records: where it is to be, and where it is."""

from __future__ import annotations

from typing import Any

from ophyd import EpicsSignal, EpicsSignalRO
from ophyd import FormattedComponent as Record
from ophyd.status import DeviceStatus, SubscriptionStatus

from operando_plans.epics.reach import Reached
from operando_plans.together import together

__all__ = ["EpicsShutter"]


class EpicsShutter(Reached):
    """A shutter with two positions, words of its records.

    Parameters
    ----------
    setpoint
        Name of the record that it is told by.
    readback
        Name of the record that says where it is.
    name
        Also the key of its reading.
    positions
        The words that it knows.
    timeout_s
        How long it may take, and how long its records are waited for when they are out of reach.
    """

    setpoint = Record(EpicsSignal, "{_setpoint}", string=True, kind="omitted")
    readback = Record(EpicsSignalRO, "{_readback}", string=True, kind="hinted")

    def __init__(
        self,
        setpoint: str,
        readback: str,
        *,
        name: str,
        positions: tuple[str, str] = ("open", "closed"),
        timeout_s: float = 20.0,
    ) -> None:
        self._setpoint, self._readback = setpoint, readback
        super().__init__(name=name)
        self.readback.name = name
        self.positions = positions
        self.timeout_s = timeout_s

    def check_value(self, value: str, **_more: object) -> None:
        """Refuse what is no position of it.

        Raises
        ------
        ValueError
            It is none.
        """
        if value not in self.positions:
            known = " or ".join(self.positions)
            msg = f"{self.name} cannot be set to {value!r}; set it to {known}"
            raise ValueError(msg)

    def set(self, position: str) -> DeviceStatus:
        """Go to a position; over when the read-back says so.

        Raises
        ------
        ValueError
            It has no such position.
        TimeoutError
            A record cannot be reached; names it.
        """
        self.check_value(position)
        if not self.connected:
            # A plan that fails because the network went away closes the shutter next: that is worth waiting.
            self.wait_for_connection(timeout=self.timeout_s)

        def is_there(*, value: object, **_more: object) -> bool:
            return self._word(value) == position

        self.setpoint.put(position)
        arrived: Any = SubscriptionStatus(self.readback, is_there)
        return together(self, {self._readback: arrived}, f"{self.name} being {position}", self.timeout_s)

    def stop(self, *, success: bool = False) -> None:
        """Leave it: it is either here or there."""

    def _word(self, value: object) -> str:
        words: Any = self.readback.enum_strs
        return words[value] if words and isinstance(value, int) else str(value)
