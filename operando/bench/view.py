"""How long the window takes to draw, and whether it keeps what it should let go: offscreen, on this machine.

A repaint is one turn of the window's own clock: it takes a snapshot that is new in everything, makes the
pictures, and Qt paints what has changed. What is timed ends when all of that is painted.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from operando.regions import Marks, Outline, Region
from operando.types import Curve, Snapshot
from operando.view import DashboardOptions
from operando.view.choices import PANES
from operando.view.example import Stage, Story, snapshot_at, with_marks
from operando.view.qt import application, offscreen

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from operando.view import Dashboard

__all__ = ["REPAINTS", "ViewRow", "render_view", "view_rows"]

REPAINTS = 2000
"""After so many repaints nothing may have grown."""

_WARM_UP = 150
_POINTS = 5000
_CASES = (("one_map", 1, 256), ("four_maps", 4, 512))
_REGIONS = Marks(
    (
        Region("left", Outline.RECTANGLE, ((1.0, -2.0), (8.0, 8.0))),
        Region("right", Outline.RECTANGLE, ((8.0, -2.0), (20.0, 8.0))),
    )
)


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One line of the table.

    Attributes
    ----------
    name
        What was shown; see `docs/reference/benchmarks.md`.
    maps, side, curves, points
        Large maps and pixels along their edges; curves and points on each.
    repaints
        How often it was drawn.
    p50_ms, p95_ms
        Half, and 95 of 100, of the repaints took no longer.
    p95_cpu_ms
        95 of 100 repaints took no more of the processor: what they would take on a machine that has
        nothing else to do.
    growth_mb
        Memory of the process at the end less that at the start, in units of 2^20 bytes; NaN where
        the system does not say.
    objects_grown
        Python objects, widgets and items on the scenes at the end less those at the start.
    """

    name: str
    maps: int
    side: int
    curves: int
    points: int
    repaints: int
    p50_ms: float
    p95_ms: float
    p95_cpu_ms: float
    growth_mb: float
    objects_grown: int


def view_rows(
    repaints: int = REPAINTS, cases: Iterable[tuple[str, int, int]] = _CASES, points: int = _POINTS
) -> list[ViewRow]:
    """Draw and measure.

    Parameters
    ----------
    repaints
        How often each case is drawn.
    cases
        Name, number of large maps, pixels along their edges.
    points
        Of each curve.

    Raises
    ------
    ConfigurationError
        If Qt's libraries are missing.
    """
    with offscreen():
        running = application()
    return [_row(running, case, repaints, points) for case in cases]


def render_view(rows: Iterable[ViewRow]) -> str:
    """Return the rows as a table in plain text."""
    lines = [
        f"{'name':10}  maps  side  curves  points  repaints  p50/ms  p95/ms  p95 CPU/ms  growth/MB  objects"
    ]
    lines += [
        f"{row.name:10}  {row.maps:4}  {row.side:4}  {row.curves:6}  {row.points:6}  {row.repaints:8}"
        f"  {row.p50_ms:6.1f}  {row.p95_ms:6.1f}  {row.p95_cpu_ms:10.1f}"
        f"  {row.growth_mb:9.1f}  {row.objects_grown:7}"
        for row in rows
    ]
    return "\n".join(lines)


def _row(running: QApplication, case: tuple[str, int, int], repaints: int, points: int) -> ViewRow:
    name, maps, side = case
    snapshots = _snapshots(side, points)
    waiting: list[Snapshot] = []
    window = _window(waiting, maps)
    took_s = np.empty((repaints, 2))
    for turn in range(_WARM_UP):
        _repaint(running, window, waiting, snapshots[turn % 2])
    # Counting makes objects, too, when it is done for the first time.
    _objects(window)
    memory, objects = _memory_mb(), _objects(window)
    for turn in range(repaints):
        took_s[turn] = _repaint(running, window, waiting, snapshots[turn % 2])
    grown_mb, grown = _memory_mb() - memory, _objects(window) - objects
    window.close()
    window.deleteLater()
    running.processEvents()
    p50_ms, p95_ms = (float(value) for value in 1000 * np.percentile(took_s[:, 0], (50, 95)))
    p95_cpu_ms = float(1000 * np.percentile(took_s[:, 1], 95))
    curves = 1 + len(_REGIONS.regions)
    return ViewRow(name, maps, side, curves, points, repaints, p50_ms, p95_ms, p95_cpu_ms, grown_mb, grown)


def _window(waiting: list[Snapshot], maps: int) -> Dashboard:
    from PySide6.QtCore import Qt  # noqa: PLC0415 - only once Qt is known to load

    from operando.view import Dashboard  # noqa: PLC0415 - as above

    window = Dashboard(lambda: waiting.pop() if waiting else None, DashboardOptions())
    window.timer.stop()
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen, False)
    window.session.show_panes(maps if maps in PANES else max(PANES))
    window.session.edit(replace(window.session.album, marks=_REGIONS))
    window.resize(1280, 800)
    window.show()
    return window


def _repaint(
    running: QApplication, window: Dashboard, waiting: list[Snapshot], snapshot: Snapshot
) -> tuple[float, float]:
    # As the monitor makes them: new objects every time, whatever is in them.
    curve = replace(snapshot.curve)
    regions = tuple(replace(result, curve=replace(result.curve)) for result in snapshot.regions)
    fitted = None if snapshot.map is None else replace(snapshot.map)
    waiting.append(replace(snapshot, map=fitted, curve=curve, regions=regions))
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    window.refresh()
    running.processEvents()
    return time.perf_counter() - start_s, time.process_time() - start_cpu_s


def _snapshots(side: int, points: int) -> tuple[Snapshot, Snapshot]:
    story = Story(shape=(side, side))
    first, second = (
        with_marks(snapshot_at(Stage(frames=4, rows=rows), story), _REGIONS, story)
        for rows in (side - side // 8, side - side // 9)
    )
    return _with_long_curves(first, points), _with_long_curves(second, points)


def _with_long_curves(snapshot: Snapshot, points: int) -> Snapshot:
    rng = np.random.default_rng(points)
    time_s = snapshot.plan.started_s + np.linspace(0.0, 3 * 86_400.0, points)

    def curve(start: float) -> Curve:
        x = start + 0.3 * np.linspace(0, 1, points) + rng.normal(0, 0.01, points)
        return Curve(np.arange(points), time_s, x, np.full(points, 0.01), np.full(points, 1000))

    regions = tuple(replace(result, curve=curve(0.2 * n)) for n, result in enumerate(snapshot.regions))
    return replace(snapshot, curve=curve(0.5), regions=regions)


def _memory_mb() -> float:
    """Return the memory that is resident, where the system says."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return float("nan")
    return pages * 4096 / 2**20


def _objects(window: Dashboard) -> int:
    """Return how many Python objects, widgets and items there are."""
    from PySide6.QtCore import QObject  # noqa: PLC0415 - only once Qt is known to load

    gc.collect()
    deck = window.deck
    plots = (deck.time.plot, deck.spectrum.canvas, *(pane.image.plot for pane in deck.maps.panes))
    items = sum(len(plot.scene().items()) for plot in plots)
    return len(gc.get_objects()) + len(window.findChildren(QObject)) + items
