"""What moves along one axis: what ophyd's positioners have, simulated or over EPICS records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from operando_plans.together import Awaited

__all__ = ["Positioner"]


class Positioner(Protocol):
    """One axis."""

    @property
    def name(self) -> str:
        """Also the key of its reading."""
        ...

    @property
    def position(self) -> float:
        """Where it is."""
        ...

    @property
    def hints(self) -> Mapping[str, Any]:
        """Which of its readings matters most."""
        ...

    def check_value(self, position: float, /) -> None:
        """Raise LimitError where it cannot go to a position."""
        ...

    def set(self, position: float, /) -> Awaited:
        """Move to a position."""
        ...

    def stop(self, *, success: bool = False) -> None:
        """Stop moving."""
        ...

    def read(self) -> Mapping[str, Any]:
        """Return its readings."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Describe its readings."""
        ...

    def read_configuration(self) -> Mapping[str, Any]:
        """Return what seldom changes."""
        ...

    def describe_configuration(self) -> Mapping[str, Any]:
        """Describe what seldom changes."""
        ...
