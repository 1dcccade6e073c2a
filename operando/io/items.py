"""What documents become: plans, lines, endings, readings of the cell; or a refusal that says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from operando.cell import CellReading
from operando.errors import FrameRejected, RunRejected
from operando.types import Line, RunClosed, ScanPlan

__all__ = ["UNFORESEEN", "Item", "Rejection", "unread"]

UNFORESEEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What content that nobody foresaw raises where it is read."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A document that was refused: one line or frame, or a whole run."""

    run: str
    error: FrameRejected | RunRejected


Item: TypeAlias = ScanPlan | Line | RunClosed | CellReading | Rejection


def unread(name: str, error: Exception) -> str:
    """Return what is said of a document that could not be read."""
    return f"a {name} document could not be read ({type(error).__name__}: {error}); it was skipped"
