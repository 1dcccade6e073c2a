"""What a reader makes of documents, sorted by kind; and a small run to read."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import numpy as np

from operando.io.layouts import DocumentReader, Item, Rejection
from operando.types import Line, ScanPlan
from scans import plan_of, stack_of

PLAN = plan_of(shape=(3, 4))
COUNTS = stack_of(PLAN, np.random.default_rng(0))


def read(documents: Iterable[tuple[str, dict]], reader: DocumentReader | None = None) -> list[Item]:
    reader = reader or DocumentReader()
    return [item for name, document in documents for item in reader.read(name, document)]


def lines_in(items: Iterable[Item]) -> list[Line]:
    return [item for item in items if isinstance(item, Line)]


def plans_in(items: Iterable[Item]) -> list[ScanPlan]:
    return [item for item in items if isinstance(item, ScanPlan)]


def counts_in(items: Iterable[Item]) -> np.ndarray:
    counts = np.full(COUNTS.shape, np.nan)
    for line in lines_in(items):
        counts[line.cycle, line.energy, line.row] = line.counts
    return counts


def refusals(items: Iterable[Item], kind: type[Exception]) -> list[str]:
    return [str(item.error) for item in items if isinstance(item, Rejection) and isinstance(item.error, kind)]


def replaced(documents: list[tuple[str, dict]], change: Callable[[dict], None]) -> list[tuple[str, dict]]:
    """Return documents of which the data of every event were changed."""
    documents = copy.deepcopy(documents)
    for name, document in documents:
        if name == "event":
            change(document["data"])
    return documents
