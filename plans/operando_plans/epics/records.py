"""Records as signals that name themselves where the connection breaks in the middle of a word.

Channel Access clients differ: one waits for a server that went away, another lets the socket's own error
through, which says neither which record it was nor what to do.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ophyd import EpicsSignal, EpicsSignalRO

__all__ = ["ReadRecord", "SetRecord"]


@contextmanager
def _named(record: str) -> Generator[None]:
    """Say which record it was.

    Raises
    ------
    TimeoutError
        The connection broke.
    """
    try:
        yield
    except TimeoutError:
        raise  # names the record already
    except OSError as error:  # of the socket: broken, reset, or closed by the client's other thread
        msg = f"the connection to the record {record} broke ({error}); look whether its server runs"
        raise TimeoutError(msg) from error


class ReadRecord(EpicsSignalRO):
    """A record that is read."""

    def get(self, **how: Any) -> Any:  # noqa: ANN401 - as in ophyd, whatever the record holds
        """Return its value, as in ophyd.

        Raises
        ------
        TimeoutError
            It cannot be reached, or the connection broke; names it.
        """
        with _named(self.pvname):
            return super().get(**how)


class SetRecord(EpicsSignal):
    """A record that is set, and read."""

    def get(self, **how: Any) -> Any:  # noqa: ANN401 - as in ophyd, whatever the record holds
        """Return its value, as in ophyd.

        Raises
        ------
        TimeoutError
            It cannot be reached, or the connection broke; names it.
        """
        with _named(self.pvname):
            return super().get(**how)

    def put(self, value: Any, *how: Any, **more: Any) -> None:  # noqa: ANN401 - as in ophyd
        """Set it, as in ophyd.

        Raises
        ------
        TimeoutError
            It cannot be reached, or the connection broke; names it.
        """
        with _named(self.setpoint_pvname):
            super().put(value, *how, **more)
