"""Snapshots of a reacting particle at every stage of a run, from the model that the pictures are drawn of."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from operando.types import Snapshot
from operando.view.example import FINDINGS, Stage, Story, snapshot_at

# Before any Qt is loaded: the tests need no screen and must not open windows on one.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

EMPTY = Stage()
FIRST_FRAME = Stage(rows=40)
FILLING = Stage(cycles=3, frames=2, rows=58)
COMPLETE = Stage(cycles=4)
FINISHED = Stage(cycles=12, is_closed=True)


def build(stage=FILLING, *, shape=(96, 96), sample="LFP platelet 7, cell B", findings=FINDINGS, seed=3):
    """Return the snapshot of a run at a stage."""
    return snapshot_at(stage, Story(shape=shape, sample=sample, findings=findings), seed)


@pytest.fixture(scope="session", name="snapshot_at")
def _snapshot_at() -> Callable[..., Snapshot]:
    """Return the builder of snapshots."""
    return build


@pytest.fixture(scope="session")
def stages() -> dict[str, Stage]:
    """Return the stages of a run by name."""
    return {
        "empty": EMPTY,
        "first_frame": FIRST_FRAME,
        "filling": FILLING,
        "complete": COMPLETE,
        "finished": FINISHED,
    }


@pytest.fixture
def open_desk(qtbot):
    """Return what opens windows that are closed at the end."""
    # Only where Qt is there; and every event counts, however fast they come.
    import pyqtgraph as pg  # noqa: PLC0415

    from desk import Desk  # noqa: PLC0415

    pg.setConfigOption("mouseRateLimit", -1)

    def opened(**options):
        made = Desk(**options)
        qtbot.addWidget(made.window)
        return made

    return opened


@pytest.fixture
def desk(open_desk):
    return open_desk()
