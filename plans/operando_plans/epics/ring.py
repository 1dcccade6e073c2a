"""The ring current over a record."""

from __future__ import annotations

from operando_plans.epics.records import ReadRecord

__all__ = ["epics_ring_current"]


def epics_ring_current(record: str, *, name: str) -> ReadRecord:
    """Return the ring current, mA, as a device that is read, and watched by a suspender.

    It is asked for anew each time it is read: what the server sent last may be older than a line.

    Parameters
    ----------
    record
        Its name.
    name
        Also the key of its reading.
    """
    return ReadRecord(record, name=name, kind="hinted")
