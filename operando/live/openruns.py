"""What was written of runs that are still open: without it what follows means nothing in another file."""

from __future__ import annotations

from collections.abc import Collection

from operando.live.backlog import Waiting

__all__ = ["OpenRuns"]

_RUNS = 16
"""So many runs can be open at once before the framework of the oldest is no longer remembered."""


class OpenRuns:
    """Start documents and descriptors of runs that have not stopped, in the order of their writing."""

    def __init__(self) -> None:
        self._framework: dict[str, list[Waiting]] = {}

    def note(self, item: Waiting) -> None:
        """Take note of a document that was written."""
        if item.name == "start":
            self._framework[str(item.document.get("uid"))] = [item]
            if len(self._framework) > _RUNS:
                del self._framework[next(iter(self._framework))]
        elif item.name == "descriptor":
            self._framework.get(str(item.document.get("run_start")), []).append(item)
        elif item.name == "stop":
            self._framework.pop(str(item.document.get("run_start")), None)

    def framework(self, queued: Collection[Waiting]) -> list[Waiting]:
        """Return what is to be written again in front of `queued`, without what stands there anyway."""
        there = {id(item) for item in queued}
        return [item for items in self._framework.values() for item in items if id(item) not in there]
