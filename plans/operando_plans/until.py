"""When a series ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Until"]


@dataclass(frozen=True, slots=True)
class Until:
    """The end of a series: whatever of these comes first, looked at between cycles.

    Attributes
    ----------
    cycles
        Number of cycles, or None.
    duration_s
        No cycle begins later than this after the first one, or None. The last one is finished.
    stop
        Called before every cycle but the first with the number of cycles done; the series ends when it
        returns True. Or None.

    Raises
    ------
    ValueError
        There is no end, or it makes no sense.
    """

    cycles: int | None = None
    duration_s: float | None = None
    stop: Callable[[int], bool] | None = None

    def __post_init__(self) -> None:
        if self.cycles is None and self.duration_s is None and self.stop is None:
            msg = "the series has no end; give a number of cycles, a duration_s, or a stop condition"
            raise ValueError(msg)
        if self.cycles is not None and self.cycles < 1:
            msg = f"the series has {self.cycles} cycles; give 1 or more"
            raise ValueError(msg)
        if self.duration_s is not None and not self.duration_s > 0:
            msg = f"the series lasts {self.duration_s} s; give more than 0"
            raise ValueError(msg)

    def is_over(self, cycles_done: int, elapsed_s: float) -> bool:
        """Return whether no further cycle begins."""
        if self.cycles is not None and cycles_done >= self.cycles:
            return True
        if cycles_done == 0:
            return False
        if self.duration_s is not None and elapsed_s >= self.duration_s:
            return True
        return self.stop is not None and self.stop(cycles_done)
