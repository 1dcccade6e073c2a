"""A box with one slot: what is new replaces what was not taken."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

__all__ = ["Latest"]

_Item = TypeVar("_Item")


class Latest(Generic[_Item]):
    """Hand the newest item from one thread to another; pictures may be skipped, never waited for."""

    def __init__(self) -> None:
        self._item: _Item | None = None
        self._has_item = threading.Event()
        self._lock = threading.Lock()

    def put(self, item: _Item) -> None:
        """Replace what is in the box."""
        with self._lock:
            self._item = item
            self._has_item.set()

    def take(self) -> _Item | None:
        """Return what is in the box and leave it empty; None if it is."""
        with self._lock:
            item, self._item = self._item, None
            self._has_item.clear()
            return item

    def wait(self, timeout_s: float) -> bool:
        """Return whether something is in the box, waiting for it at most so long."""
        return self._has_item.wait(timeout_s)
