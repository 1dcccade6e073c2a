"""A point counter over records: dwell, go, counts and the incident beam."""

from __future__ import annotations

from typing import Any

from ophyd import Component, Device, EpicsSignal, EpicsSignalRO
from ophyd.status import DeviceStatus

from operando_plans.epics.reach import check_reached, wait_for_all
from operando_plans.together import together

__all__ = ["EpicsCounter"]


class EpicsCounter(Device):
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

    dwell_ms = Component(EpicsSignal, ":Dwell", kind="config")
    go = Component(EpicsSignal, ":Go", kind="omitted", put_complete=True)
    counts = Component(EpicsSignalRO, ":Counts", kind="hinted")
    i0 = Component(EpicsSignalRO, ":I0", kind="normal")

    def __init__(self, prefix: str, *, name: str, margin_s: float = 10.0) -> None:
        super().__init__(prefix, name=name)
        self.counts.name = name
        self.margin_s = margin_s

    @property
    def _records(self) -> list[Any]:
        return [walk.item for walk in self.walk_signals()]

    def wait_for_connection(self, all_signals: bool = False, timeout: object = 2.0) -> None:
        """Wait until all its records are in reach.

        Raises
        ------
        TimeoutError
            Some are not; names them.
        """
        wait_for_all(self._records, timeout)
        super().wait_for_connection(all_signals=all_signals, timeout=timeout)

    def trigger(self) -> DeviceStatus:
        """Count; over when it has counted.

        Raises
        ------
        TimeoutError
            A record cannot be reached.
        """
        check_reached(self.name, self._records)
        dwell_ms: Any = self.dwell_ms.get()
        counted: Any = self.go.set(1)
        timeout_s = 1e-3 * dwell_ms + self.margin_s
        return together(self, {self.go.pvname: counted}, f"{self.name} counting", timeout_s)
