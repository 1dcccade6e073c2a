"""The adviser: after each cycle of record it writes what the plan might do next into a file."""

from __future__ import annotations

import logging
from pathlib import Path

from operando.core.advice import Memory, Rules, advise
from operando.core.fit import Background
from operando.io.advice_file import write_advice
from operando.types import Snapshot

__all__ = ["Adviser"]

_log = logging.getLogger(__name__)

_MAX_RUNS = 64
"""Runs that are remembered; several regions have a run each at the same time."""


class Adviser:
    """Advise a plan about every cycle; called in the monitor's thread, and raises nothing into it.

    Parameters
    ----------
    path
        The advice file; each cycle replaces it.
    rules
        When to suggest what.
    background
        Of the fit.

    Attributes
    ----------
    memories
        What is kept of each run, by uid; may be replaced by that of an earlier process.
    """

    def __init__(self, path: Path, rules: Rules, background: Background) -> None:
        self._path = path
        self._rules = rules
        self._background = background
        self.memories: dict[str, Memory] = {}

    def __call__(self, snapshot: Snapshot) -> str | None:
        """Write what to do after a cycle of record; return why that could not be, or None."""
        run, newest = snapshot.plan.run, snapshot.map
        if newest is None:
            return None
        try:
            memory, suggestions = advise(
                snapshot, self.memories.pop(run, Memory()), self._rules, self._background
            )
            # The run not heard of for longest goes first.
            self.memories[run] = memory
            while len(self.memories) > _MAX_RUNS:
                del self.memories[next(iter(self.memories))]
            write_advice(self._path, run, newest.cycle, newest.time_s, suggestions)
        except OSError as error:
            _log.warning("no advice about cycle %d: %s", newest.cycle, error)
            return f"{self._path} cannot be written ({error.strerror or error})"
        except (ValueError, ArithmeticError) as error:
            _log.exception("no advice about cycle %d", newest.cycle)
            return f"none was found for cycle {newest.cycle} ({error})"
        return None
