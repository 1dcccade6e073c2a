"""Which numbers of a stream have come, and which are missing: in gaps, however wide they are."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from operando.errors import FrameRejected

__all__ = ["MAX_GAP", "Sequence"]

MAX_GAP = 100_000
"""A number that is further on than this is damaged."""
_MAX_GAPS = 4096
"""Gaps that may still be filled; what is missing in older ones stays missing."""


@dataclass(slots=True)
class Sequence:
    """The numbering of one stream.

    Attributes
    ----------
    highest
        The highest number that has come.
    missing
        How many below it have not.
    repeated
        How many came that had come before.
    """

    highest: int = 0
    missing: int = 0
    repeated: int = 0
    _first: list[int] = field(default_factory=list[int])
    _last: list[int] = field(default_factory=list[int])

    def count(self, number: int) -> None:
        """Take note of a number.

        Raises
        ------
        FrameRejected
            It cannot be one.
        """
        if number < 1 or number > self.highest + MAX_GAP:
            msg = f"an event has seq_num {number} after {self.highest}; it is damaged"
            raise FrameRejected(msg)
        if number > self.highest:
            if number > self.highest + 1:
                self._open(self.highest + 1, number - 1)
            self.highest = number
        else:
            self._fill(number)

    def _open(self, first: int, last: int) -> None:
        self._first.append(first)
        self._last.append(last)
        self.missing += last - first + 1
        if len(self._first) > _MAX_GAPS:
            del self._first[0], self._last[0]

    def _fill(self, number: int) -> None:
        place = bisect_right(self._first, number) - 1
        if place < 0 or self._last[place] < number:
            self.repeated += 1
            return
        self.missing -= 1
        first, last = self._first.pop(place), self._last.pop(place)
        rest = [(low, high) for low, high in ((first, number - 1), (number + 1, last)) if low <= high]
        self._first[place:place] = [low for low, _ in rest]
        self._last[place:place] = [high for _, high in rest]
