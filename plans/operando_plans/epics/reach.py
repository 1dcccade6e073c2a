"""Which records cannot be reached, by name, so that an error can say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ophyd import Device

__all__ = ["Reached", "check_reached", "lost", "wait_for_all"]

_MOST_NAMES = 4


def lost(signals: Iterable[Any]) -> str:
    """Return the names of the records that are out of reach, the first few of them; empty if none is."""
    names = [signal.pvname for signal in signals if not signal.connected]
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def check_reached(name: str, signals: Iterable[Any]) -> None:
    """Refuse to go on with records that are out of reach.

    Raises
    ------
    TimeoutError
        Some are; names them.
    """
    out_of_reach = lost(signals)
    if out_of_reach:
        msg = f"{name} cannot reach the record {out_of_reach}; look whether its server runs"
        raise TimeoutError(msg)


def wait_for_all(signals: Iterable[Any], timeout_s: object) -> None:
    """Wait until all records are in reach.

    Raises
    ------
    TimeoutError
        Some are not within `timeout_s`; names them.
    """
    signals = list(signals)
    for signal in signals:
        try:
            signal.wait_for_connection(timeout=timeout_s)
        except TimeoutError as error:
            msg = f"no answer from the record {lost(signals) or signal.pvname} within {timeout_s} s"
            raise TimeoutError(msg) from error


class Reached(Device):
    """A device that names those of its records that are out of reach."""

    @property
    def records(self) -> list[Any]:
        """The signals over its records."""
        return [walk.item for walk in self.walk_signals()]

    def wait_for_connection(self, all_signals: bool = False, timeout: object = 2.0) -> None:
        """Wait until all its records are in reach.

        Raises
        ------
        TimeoutError
            Some are not; names them.
        """
        wait_for_all(self.records, timeout)
        super().wait_for_connection(all_signals=all_signals, timeout=timeout)
