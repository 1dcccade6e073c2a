"""The rows of the table, and the table as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["DeliveryRow", "render"]


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One line of the table; None where a column does not apply.

    Attributes
    ----------
    name
        "operando" or "bluesky_0mq"; "nothing" for a callback that does nothing.
    what
        What was measured; see `docs/reference/delivery.md`.
    documents
        That were sent.
    lost
        That never arrived.
    per_s
        Documents per second.
    p50_ms, p99_ms
        Time that a document took from the RunEngine's thread.
    memory_mb
        By how much the process that serves the subscriber grew.
    """

    name: str
    what: str
    documents: int
    lost: int | None = None
    per_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    memory_mb: float | None = None


def render(rows: Iterable[DeliveryRow]) -> str:
    """Return the rows as a table in plain text."""
    head = ("what", "name", "documents", "lost", "lost %", "per s", "p50 ms", "p99 ms", "memory MB")
    cells = [
        (
            row.what,
            row.name,
            f"{row.documents:,}",
            "" if row.lost is None else f"{row.lost:,}",
            "" if row.lost is None else f"{100 * row.lost / row.documents:.1f}",
            _written(row.per_s, ",.0f"),
            _written(row.p50_ms, ".3f"),
            _written(row.p99_ms, ".3f"),
            _written(row.memory_mb, ".1f"),
        )
        for row in rows
    ]
    widths = [max(len(line[i]) for line in [head, *cells]) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in [head, *cells]
    )


def _written(value: float | None, how: str) -> str:
    return "" if value is None else format(value, how)
