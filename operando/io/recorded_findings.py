"""The findings of a run as they were recorded: each once, with the cycles that it was said in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from operando.io.results import read_findings
from operando.io.results_tables import Table

__all__ = ["RecordedFinding", "cycles_in_words", "findings_in", "recorded_findings"]

_ORDER = {"alarm": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class RecordedFinding:
    """One thing that was found.

    Attributes
    ----------
    code, severity, message, advice
        As in the newest cycle that says so.
    cycles
        In which, ascending, counted from zero.
    """

    code: str
    severity: str
    message: str
    advice: str
    cycles: tuple[int, ...]


def findings_in(table: Table) -> tuple[RecordedFinding, ...]:
    """Return the findings of a run, the worst first, then the one that was there first."""
    rows: dict[str, list[int]] = {}
    columns: Mapping[str, NDArray[Any]] = table.columns
    for row, code in enumerate(columns["code"].tolist()):
        rows.setdefault(code, []).append(row)
    found = [
        RecordedFinding(
            code,
            *(str(columns[name][own[-1]]) for name in ("severity", "message", "advice")),
            cycles=tuple(dict.fromkeys(int(columns["cycle"][row]) for row in own)),
        )
        for code, own in rows.items()
    ]
    return tuple(sorted(found, key=lambda one: (_ORDER.get(one.severity, 3), one.cycles[0])))


def recorded_findings(path: Path) -> tuple[RecordedFinding, ...]:
    """Return the findings in a results file.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        As `read_results`.
    """
    return findings_in(read_findings(path))


def cycles_in_words(cycles: tuple[int, ...]) -> str:
    """Return cycles as people count them, from one: "1 to 4, 7"."""
    stretches: list[list[int]] = []
    for cycle in cycles:
        if stretches and cycle == stretches[-1][1] + 1:
            stretches[-1][1] = cycle
        else:
            stretches.append([cycle, cycle])
    words = [f"{one + 1}" if one == last else f"{one + 1} to {last + 1}" for one, last in stretches]
    more = f" and {len(words) - 8} more" if len(words) > 8 else ""
    return ", ".join(words[:8]) + more
