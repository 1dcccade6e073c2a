"""A shutter over two records: where it is to be, and where it is."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from ophyd import FormattedComponent as Record
from ophyd.status import DeviceStatus, SubscriptionStatus
from ophyd.utils.errors import InvalidState

from operando_plans.epics.asking import HEARD_S, ask_until
from operando_plans.epics.reach import Reached
from operando_plans.epics.records import ReadRecord, SetRecord
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

    setpoint = Record(SetRecord, "{_setpoint}", string=True, kind="omitted")
    readback = Record(ReadRecord, "{_readback}", string=True, kind="hinted")

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
        self._tell(position)

        def is_there(*, value: object, **_more: object) -> bool:
            return self._word(value) == position

        arrived: Any = SubscriptionStatus(self.readback, is_there)

        def has_arrived() -> bool:
            if self.setpoint.get(as_string=True, use_monitor=False) != position:
                # It went into a connection that was broken already.
                self.setpoint.put(position)
            if self.readback.get(as_string=True, use_monitor=False) != position:
                return False
            with suppress(InvalidState):  # it was heard, too
                arrived.set_finished()
            return True

        ask_until(has_arrived, arrived, HEARD_S)
        return together(self, {self._readback: arrived}, f"{self.name} being {position}", self.timeout_s)

    def stop(self, *, success: bool = False) -> None:
        """Leave it: it is either here or there."""

    def _tell(self, position: str) -> None:
        """Tell it, as soon as it can be told.

        A plan that fails because the network went away closes the shutter next: that is worth waiting.
        """
        end_s = time.monotonic() + self.timeout_s
        while True:
            try:
                self.wait_for_connection(timeout=max(end_s - time.monotonic(), HEARD_S))
                self.setpoint.put(position)
            except TimeoutError:
                # A client finds out that a connection broke some time after it did.
                if time.monotonic() > end_s:
                    raise
                time.sleep(HEARD_S)
            else:
                return

    def _word(self, value: object) -> str:
        words: Any = self.readback.enum_strs
        return words[value] if words and isinstance(value, int) else str(value)
