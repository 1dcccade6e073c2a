"""A potentiostat over records that are published as it reads the cell."""

from __future__ import annotations

from ophyd import Component

from operando_plans.epics.reach import Reached
from operando_plans.epics.records import ReadRecord

__all__ = ["EpicsPotentiostat"]


class EpicsPotentiostat(Reached):
    """Voltage, current and charge of the cell; monitored as a whole, it gives one event with all three.

    The charge is the one that is published last. For records of other names, derive a class with other
    components.

    Parameters
    ----------
    prefix
        Before the names of its records.
    name
        Before the keys of its readings.
    """

    SUB_READING = "reading"
    _default_sub = SUB_READING

    voltage = Component(ReadRecord, ":Voltage", kind="hinted", auto_monitor=True)
    current = Component(ReadRecord, ":Current", kind="normal", auto_monitor=True)
    charge = Component(ReadRecord, ":Charge", kind="hinted", auto_monitor=True)

    def __init__(self, prefix: str, *, name: str) -> None:
        super().__init__(prefix, name=name)
        self.charge.subscribe(self._tell, run=False)

    def _tell(self, *, value: object, timestamp: float, **_more: object) -> None:
        self._run_subs(sub_type=self.SUB_READING, timestamp=timestamp, value=value)
