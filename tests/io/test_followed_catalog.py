"""A run that grows in a catalog is followed row by row, and gives what it gives when it is finished."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogs import Node, catalogued
from operando.io.catalog import documents_of_run
from operando.io.followed_catalog import FollowedRun
from scans import documents_of, plan_of, stack_of

PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))
WHOLE = catalogued(DOCUMENTS)
ROWS = len(DOCUMENTS) - 3


def grown_to(rows: int, *, is_stopped: bool = False, late: int = 0) -> Node:
    """Return the run with so many rows; of one column `late` of them are not there yet."""
    columns = {key: column[:rows] for key, column in WHOLE["primary"].items()}
    columns["counter"] = columns["counter"][: max(rows - late, 0)]
    stop = WHOLE.metadata["stop"] if is_stopped else None
    metadata = {"start": WHOLE.metadata["start"], "stop": stop}
    return Node(metadata, {"primary": Node(WHOLE["primary"].metadata, columns)} if rows else {})


class Gone:
    """A column of a catalog that does not answer any more."""

    @property
    def shape(self) -> tuple[int, ...]:
        raise OSError("gone")


def broken_off(rows: int) -> Node:
    """Return the run as somebody sees it who is cut off while he reads."""
    run = grown_to(max(rows, 1))
    run["primary"]["counter"] = Gone()
    return run


class Catalog:
    """A catalog at a time of one's own making."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.looks = 0
        self.run = grown_to(0)

    def look(self) -> Node:
        self.looks += 1
        return self.run


def followed(catalog: Catalog, ended: threading.Event | None = None) -> FollowedRun:
    return FollowedRun(catalog.look, "a run", ended or threading.Event(), clock=lambda: catalog.now_s)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, ROWS), st.integers(0, 3), st.booleans()), max_size=8),
    limit=st.integers(1, 50),
)
def test_it_gives_the_same_documents_however_it_grew(steps: list[tuple[int, int, bool]], limit: int) -> None:
    catalog = Catalog()
    source = followed(catalog)
    found: list[tuple[str, Any]] = []

    def pull() -> None:
        while batch := source.read(len(found), limit):
            found.extend((each.name, each.document) for each in batch)

    rows = 0
    for more, late, is_broken in steps:
        rows = min(rows + more, ROWS)
        catalog.run = broken_off(rows) if is_broken else grown_to(rows, late=late)
        catalog.now_s += 1.0
        pull()
        assert bool(source.findings()) is is_broken
        assert not source.has_ended(len(found))
    catalog.run = grown_to(ROWS, is_stopped=True)
    catalog.now_s += 1.0
    pull()
    assert source.has_ended(len(found))
    assert not source.findings()
    assert repr(found) == repr(list(documents_of_run(WHOLE)))


def test_it_is_asked_once_a_second_and_ends_when_told() -> None:
    catalog, ended = Catalog(), threading.Event()
    source = followed(catalog, ended)
    assert [each.name for each in source.read(0, 10)] == ["start"]
    for _ in range(100):
        assert not source.read(1, 10)
    assert catalog.looks == 1
    ended.set()
    assert source.has_ended(1)
