"""The advice file: what a monitor suggests to a plan, replaced whole after each cycle."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from operando.core.advice import Suggestion

__all__ = ["SCHEMA_VERSION", "write_advice"]

SCHEMA_VERSION = 1


def write_advice(path: Path, run: str, cycle: int, time_s: float, suggestions: Sequence[Suggestion]) -> None:
    """Replace the advice file; whoever reads it meanwhile finds the old one or the new one.

    Parameters
    ----------
    path
        The file.
    run, cycle
        What the advice is about.
    time_s
        The time that the map of the cycle speaks for.
    suggestions
        What to do next.

    Raises
    ------
    OSError
        It cannot be written.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "run": run,
        "cycle": cycle,
        "time_s": time_s,
        "suggestions": [
            {"action": suggestion.action, "reason": suggestion.reason, **suggestion.details}
            for suggestion in suggestions
        ],
    }
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
