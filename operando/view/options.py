"""What a window is told when it is made; knows no Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from operando.regions import Marks
from operando.view.history import History
from operando.view.orders import Orders
from operando.view.stresses import Solve, nobody
from operando.view.theme import ThemeName

__all__ = ["Cut", "DashboardOptions"]


@dataclass(frozen=True, slots=True)
class Cut:
    """Why a window hears nothing of the monitor, and for how long."""

    words: str
    for_s: float


def _nothing() -> None:
    """Do nothing when the window closes."""


def _whole() -> Cut | None:
    """Return that nothing is cut: the monitor is in this process."""
    return None


def _ignore(_marks: Marks) -> None:
    """Nobody fits: marks are only drawn."""


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """How a dashboard looks and keeps time, and whom it knows.

    Attributes
    ----------
    title
        What the window is called.
    theme
        "dark" or "light", unless the user has chosen.
    stale_after_s
        Wall time without a new snapshot after which an open run is greyed out.
    interval_ms
        Least time between two drawings; a new snapshot is looked for more often.
    clock
        Wall time in seconds, from any origin; must not jump.
    on_close
        Called once when the window closes.
    history
        Returns the cycles of record so far; None lets the window keep those it sees.
    send
        Takes regions and masks to whoever fits.
    choices_file
        Where layout and choices are remembered; None remembers nothing.
    picture_folder
        Where pictures of the window go.
    put_on_paper
        Draws what stands in the window into files in a folder, and returns them; None where nobody can.
    solve_stress
        Models the stress of particles, in a thread of its own.
    age_s
        Returns how long ago the newest snapshot was made; None counts from when it was taken.
    cut
        Returns why nothing can come from the monitor; None while it can.
    """

    title: str = "Operando"
    theme: ThemeName = "dark"
    stale_after_s: float = 60.0
    interval_ms: int = 100
    clock: Callable[[], float] = time.monotonic
    on_close: Callable[[], None] = _nothing
    history: Callable[[], History] | None = None
    send: Callable[[Marks], None] = _ignore
    choices_file: Path | None = None
    picture_folder: Path = field(default_factory=Path.cwd)
    put_on_paper: Callable[[Orders, Path], tuple[Path, ...]] | None = None
    solve_stress: Solve = nobody
    age_s: Callable[[], float] | None = None
    cut: Callable[[], Cut | None] = _whole
