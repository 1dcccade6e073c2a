"""What a plan writes into the documents of its own accord, as a device that is read."""

from __future__ import annotations

from collections.abc import Mapping

import bluesky.plan_stubs as bps
from bluesky.protocols import Reading
from event_model import DataKey

from operando_plans.plan import Clock, Plan

__all__ = ["Note", "write"]


class Note:
    """A page with named places for words and numbers.

    Parameters
    ----------
    name
        Also the stream that it is written into, and the beginning of its keys.
    blank
        The places, with what they hold at first; strings hold words, all others numbers.
    """

    parent = None

    def __init__(self, name: str, blank: Mapping[str, str | float]) -> None:
        self.name = name
        self.values: dict[str, str | float] = dict(blank)
        self.written_s = 0.0

    def read(self) -> dict[str, Reading[str | float]]:
        """Return what stands on the page."""
        return {
            f"{self.name}_{key}": {"value": value, "timestamp": self.written_s}
            for key, value in self.values.items()
        }

    def describe(self) -> dict[str, DataKey]:
        """Describe the places."""
        return {
            f"{self.name}_{key}": {
                "source": f"plan:{self.name}",
                "dtype": "string" if isinstance(value, str) else "number",
                "shape": [],
            }
            for key, value in self.values.items()
        }


def write(note: Note, values: Mapping[str, str | float], clock: Clock) -> Plan:
    """Write onto the page, and the page into the stream of its name."""
    note.values = {**note.values, **values}
    note.written_s = clock.now_s()
    yield from bps.create(name=note.name)
    yield from bps.read(note)
    yield from bps.save()
    # A later page must not be read again in the place of this one.
    yield from bps.checkpoint()
