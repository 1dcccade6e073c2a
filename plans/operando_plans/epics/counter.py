"""A point counter over records: dwell, go, counts and the incident beam."""

from __future__ import annotations

from typing import Any

from ophyd import Component
from ophyd.status import DeviceStatus

from operando_plans.epics.reach import Reached, check_reached
from operando_plans.epics.records import ReadRecord, SetRecord
from operando_plans.together import together

__all__ = ["EpicsCounter"]


class EpicsCounter(Reached):
    """A counter that counts for a dwell when it is triggered.

    A put of 1 to its Go completes when it has counted. For records of other names, derive a class with
    other components.

    Parameters
    ----------
    prefix
        Before the names of its records.
    name
        Also the key of the counts.
    margin_s
        How long it may take beyond the dwell.
    """

    dwell_ms = Component(SetRecord, ":Dwell", kind="config")
    go = Component(SetRecord, ":Go", kind="omitted", put_complete=True)
    counts = Component(ReadRecord, ":Counts", kind="hinted")
    i0 = Component(ReadRecord, ":I0", kind="normal")

    def __init__(self, prefix: str, *, name: str, margin_s: float = 10.0) -> None:
        super().__init__(prefix, name=name)
        self.counts.name = name
        self.margin_s = margin_s

    def trigger(self) -> DeviceStatus:
        """Count; over when it has counted.

        Raises
        ------
        TimeoutError
            A record cannot be reached.
        """
        check_reached(self.name, self.records)
        dwell_ms: Any = self.dwell_ms.get()
        counted: Any = self.go.set(1)
        timeout_s = 1e-3 * dwell_ms + self.margin_s
        return together(self, {self.go.pvname: counted}, f"{self.name} counting", timeout_s)
