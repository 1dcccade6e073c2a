"""Regions that a series visits with a microscope of fakes, and the documents and lines of it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from bluesky import RunEngine

from operando.io.layouts import DocumentReader, Rejection
from operando.types import Line
from operando_plans import Field, Region

Documents = list[tuple[str, dict]]
FIELD = Field((0.0, 0.0), (2.0, 2.0), (4, 2))
OTHER = Field((5.0, 1.0), (1.0, 1.0), (4, 3))
COUNTS = np.arange(1.0, 1 + 6 * 3 * 3 * 4).reshape(6, 3, 3, 4)


def region(name: str = "a", field: Field = FIELD, **more: Any) -> Region:
    return Region(name, field, more.pop("energies_ev", [700.0, 708.0]), more.pop("dwell_ms", 1.0), **more)


def ran(plan: Any) -> Documents:
    documents: Documents = []
    RunEngine({}, context_managers=[])(plan, lambda name, document: documents.append((name, document)))
    return documents


def by_run(documents: Documents) -> dict[str, Documents]:
    """Return the documents of each region's run, by its name."""
    names: dict[str, str] = {}
    runs: dict[str, Documents] = defaultdict(list)
    for name, document in documents:
        if name == "start":
            names[document["uid"]] = document["operando"]["region"]
        elif name == "descriptor":
            names[document["uid"]] = names[document["run_start"]]
        key = document.get("uid") if name in ("start", "descriptor") else None
        key = key or document.get("descriptor") or document.get("run_start")
        runs[names[key]].append((name, document))
    return dict(runs)


def lines_in(documents: Documents) -> list[Line]:
    reader = DocumentReader()
    items = [item for name, document in documents for item in reader.read(name, document)]
    assert not [item for item in items if isinstance(item, Rejection)]
    return [item for item in items if isinstance(item, Line)]
