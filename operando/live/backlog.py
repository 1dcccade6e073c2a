"""What waits in memory to be written, up to a bound: the oldest that can be spared goes first."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Backlog", "Waiting"]

_FRAMEWORK = frozenset({"start", "descriptor", "stop"})
"""Small, few, and without them the rest means nothing: given up last."""


class Waiting(NamedTuple):
    """A document that is not in the log yet.

    Attributes
    ----------
    name, document
        A copy of what the RunEngine emitted.
    size_bytes
        What it weighs in memory.
    turned
        Keys whose values became text.
    """

    name: str
    document: Mapping[str, Any]
    size_bytes: int
    turned: frozenset[str]


class Backlog:
    """Documents in the order of their arrival; whoever shares it between threads guards it.

    Parameters
    ----------
    capacity_bytes
        Beyond it the oldest events are dropped first; the newest document, and starts, descriptors
        and stops, are kept longest.

    Attributes
    ----------
    dropped
        How many were given up.
    size_bytes
        What is waiting.
    """

    def __init__(self, capacity_bytes: float) -> None:
        self.dropped = 0
        self.size_bytes = 0
        self._capacity_bytes = capacity_bytes
        self._waiting: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def names(self) -> list[str]:
        """Return the names of all documents that wait."""
        return [item.name for item in self._waiting]

    def add(self, item: Waiting) -> None:
        """Put a document behind the others, and give up old ones where there is no room for it."""
        self._waiting.append(item)
        self.size_bytes += item.size_bytes
        if self.size_bytes > self._capacity_bytes:
            self._make_room()

    def take(self, count: int, batch_bytes: int) -> deque[Waiting]:
        """Return the oldest documents, at most `count` and about `batch_bytes`, but one if there is any."""
        batch: deque[Waiting] = deque()
        weight = 0
        while self._waiting and len(batch) < count and weight < batch_bytes:
            batch.append(self._waiting.popleft())
            weight += batch[-1].size_bytes
        self.size_bytes -= weight
        return batch

    def _make_room(self) -> None:
        newest = self._waiting.pop()
        kept: list[Waiting] = []
        while self.size_bytes > self._capacity_bytes and self._waiting:
            oldest = self._waiting.popleft()
            if oldest.name in _FRAMEWORK:
                kept.append(oldest)
            else:
                self._drop(oldest)
        while self.size_bytes > self._capacity_bytes and kept:
            self._drop(kept.pop(0))
        self._waiting.extendleft(reversed(kept))
        self._waiting.append(newest)

    def _drop(self, item: Waiting) -> None:
        self.size_bytes -= item.size_bytes
        self.dropped += 1
