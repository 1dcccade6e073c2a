"""Pictures of every state of the window, drawn from a made-up run: `python -m operando.view.gallery FOLDER`.

They are for looking at: nothing may be cut off, overlap or be without a name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from operando.cell import CellRecord
from operando.crystal import Crystal
from operando.errors import ConfigurationError
from operando.particles import Character, ParticleCurve, ParticleField, ParticleResult
from operando.regions import Marks, Outline, Region
from operando.types import FloatArray, Snapshot
from operando.view.example import Stage, Story, records_until, snapshot_at, with_marks
from operando.view.history import HistoryBook
from operando.view.keys import Action
from operando.view.options import DashboardOptions
from operando.view.show import Sitting, picture_of
from operando.view.stresses import StressQuestion
from operando.view.theme import ThemeName

if TYPE_CHECKING:
    from operando.view.dashboard import Dashboard

__all__ = ["SCENES", "Scene", "draw_gallery"]

_MARKS = Marks(
    (
        Region("rim", Outline.POLYGON, ((1.5, 0.0), (2.3, 1.0), (3.3, 0.7), (2.6, -0.2))),
        Region("reference particle", Outline.RECTANGLE, ((3.1, -1.4), (4.5, 0.2)), is_locked=True),
    ),
    (Region("dirt", Outline.RECTANGLE, ((1.3, -1.6), (2.0, -0.8))),),
)
_FILLING = Stage(cycles=5, frames=2, rows=58)


@dataclass(frozen=True, slots=True)
class Scene:
    """A state of the window.

    Attributes
    ----------
    name
        Of the picture.
    stage, story
        How far the run is, and what happens in it; no stage is before the first document.
    marks
        What is marked.
    actions
        Keys that are pressed then.
    theme, size
        How it looks.
    silence_s
        Wall time since the last document.
    dressed
        What else the snapshot says.
    """

    name: str
    stage: Stage | None = _FILLING
    story: Story = Story()  # noqa: RUF009 - frozen
    marks: Marks = Marks()  # noqa: RUF009 - frozen
    actions: tuple[Action, ...] = ()
    theme: ThemeName = "dark"
    size: tuple[int, int] = (1280, 800)
    silence_s: float = 0.0
    dressed: Callable[[Snapshot], Snapshot] = lambda snapshot: snapshot


def _behind(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, delivery=replace(snapshot.delivery, behind=12_400, lag_s=734.0))


def _cut_off(snapshot: Snapshot) -> Snapshot:
    failure = "the log at tcp://127.0.0.1:5577 is another one than before; start the monitor again"
    return replace(snapshot, delivery=replace(snapshot.delivery, failure=failure, lost=17))


def _with_cell(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with a potentiostat that charges at a constant current."""
    plan = snapshot.plan
    time_s = np.arange(plan.started_s, snapshot.progress.last_line_s, 20.0)
    hours = (time_s - plan.started_s) / 3600.0
    voltage_v = 3.42 + 0.02 * np.tanh(3 * (hours - 0.6)) + 0.4 * np.exp(-60 * hours) * -1.0 + 0.05 * hours
    none = np.empty(0)
    cell = CellRecord(
        time_s, voltage_v, np.full(time_s.size, 0.2), 0.2 * hours, np.full(time_s.size, np.nan), None,
        none, none, none,
    )  # fmt: skip
    return replace(snapshot, cell=cell, particles=_particles(snapshot))


def _particles(snapshot: Snapshot) -> ParticleField:
    """Return two particles whose curves are those of the field, earlier and later."""
    curve, nan = snapshot.curve, float("nan")
    none, unknown = np.empty(0), np.full(curve.cycle.size, nan)

    def one(number: int, power: float) -> ParticleResult:
        x = curve.lithium**power
        own = ParticleCurve(
            curve.cycle, curve.time_s, x, 2 * curve.lithium_error, unknown, unknown, unknown, unknown
        )
        return ParticleResult(
            number, 500 // number, (0.0, 0.0), 0.8, float(x[-1]), 0.01, 1.0, none, nan, nan, nan, nan, nan,
            nan, Character.UNIFORM, None, False, own,
        )  # fmt: skip

    labels = np.zeros(snapshot.plan.grid.shape, np.int32)
    return ParticleField(int(curve.cycle[-1]), labels, (one(1, 0.6), one(2, 1.7)))


def _with_crystal(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with its material as particles of a crystal that is known."""
    if snapshot.map is None:
        return snapshot
    labels = np.zeros(snapshot.map.valid.shape, np.int32)
    ndimage.label(snapshot.map.valid, output=labels)
    crystal = Crystal((138.9, 173.0, 198.0, 52.5, 72.8, 45.8, 50.6), (0.0517, -0.0186))
    particles = ParticleField(snapshot.map.cycle, labels, ())
    return replace(snapshot, crystal=crystal, particles=particles)


def _made_up_stress(question: StressQuestion) -> FloatArray:
    """Return something that is large where x differs from its mean, as stress is."""
    inside = (question.labels > 0) & np.isfinite(question.lithium)
    x = np.where(inside, question.lithium, np.nan)
    return 3.0 * np.abs(x - float(x[inside].mean()))


_QUIET = Story(findings=())
_LOSS = Story(pause_s=420.0, lost_cycle=4)
_LAST = Stage(cycles=12, is_closed=True)

SCENES = (
    Scene("waiting", None),
    Scene("empty", Stage()),
    Scene("filling", Stage(frames=4, rows=40), _QUIET),
    Scene("first-frame-light", Stage(rows=40), theme="light"),
    Scene("live"),
    Scene("live-light", theme="light"),
    Scene("live-smallest", size=(1040, 680), marks=_MARKS),
    Scene("live-4k", size=(3840, 2160), marks=_MARKS),
    Scene("catching-up", dressed=_behind),
    Scene("stale", silence_s=754.0),
    Scene("source-lost", dressed=_cut_off),
    Scene("beam-loss", Stage(cycles=7, frames=1, rows=30), _LOSS),
    Scene("one-phase-missing", _FILLING, Story(phase_share=1.0, findings=())),
    Scene("finished", _LAST, _QUIET),
    Scene("finished-light", _LAST, _QUIET, theme="light"),
    Scene("aborted", Stage(5, 2, 58, is_closed=True, exit_status="abort")),
    Scene("regions", marks=_MARKS, actions=(Action.NEXT_REGION, Action.TAB)),
    Scene("regions-light", marks=_MARKS, actions=(Action.NEXT_REGION, Action.TAB), theme="light"),
    Scene("region-editor", marks=_MARKS, actions=(Action.NEXT_REGION, Action.TAB, Action.EDIT)),
    Scene("side-by-side", marks=_MARKS, actions=(Action.PANES,)),
    Scene("four-maps", actions=(Action.PANES, Action.PANES, Action.NEXT_PANE)),
    Scene("four-maps-light", actions=(Action.PANES, Action.PANES), theme="light"),
    Scene("change", actions=(Action.NEXT_MAP,) * 8),
    Scene("residual-light", actions=(Action.PREVIOUS_MAP,), theme="light"),
    Scene("phase", actions=(Action.NEXT_MAP,) * 2),
    Scene("faded-cividis", actions=(Action.FADE, Action.PALETTE)),
    Scene("history", _LAST, _QUIET, _MARKS, (*(Action.EARLIER,) * 4, Action.FIT_CURVES)),
    Scene("cell", Stage(cycles=9, frames=1, rows=30), _LOSS, dressed=_with_cell),
    Scene("cell-light", Stage(cycles=9, frames=1, rows=30), _LOSS, _MARKS, dressed=_with_cell, theme="light"),
    Scene("stress", actions=(Action.PREVIOUS_MAP,), dressed=_with_crystal),
    Scene(
        "stress-light", _LAST, _QUIET, actions=(Action.PREVIOUS_MAP,), dressed=_with_crystal, theme="light"
    ),
    Scene("frozen", actions=(Action.FREEZE,)),
    Scene("keys", actions=(Action.KEYS,)),
    Scene("keys-light-smallest", actions=(Action.KEYS,), theme="light", size=(1040, 680)),
)


def draw_gallery(folder: Path, scenes: tuple[Scene, ...] = SCENES) -> list[Path]:
    """Draw the scenes into a folder, which is made; return where they are.

    Raises
    ------
    ConfigurationError
        If Qt's libraries are missing, or a picture cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(scene, folder / f"{scene.name}.png") for scene in scenes]


def _draw(scene: Scene, path: Path) -> Path:
    now_s = 0.0
    book = HistoryBook()
    snapshot = None if scene.stage is None else snapshot_at(scene.stage, scene.story)
    if snapshot is not None and scene.stage is not None:
        for record in records_until(scene.stage.cycles, scene.story):
            book.note(with_marks(record, scene.marks, scene.story))
        snapshot = scene.dressed(with_marks(snapshot, scene.marks, scene.story))

    def prepare(window: Dashboard) -> None:
        nonlocal now_s
        window.session.edit(replace(window.session.album, marks=scene.marks))
        window.draw()
        for action in scene.actions:
            window.act(action)
        if window.session.stresses.pending is not None:
            window.session.stresses.pending.result()
            window.refresh()
        now_s = scene.silence_s

    options = DashboardOptions(
        theme=scene.theme, history=book.read, clock=lambda: now_s, solve_stress=_made_up_stress
    )
    if not picture_of(snapshot, Sitting(options, scene.size, prepare)).save(str(path)):
        message = f"Cannot write a picture to {path}: the folder must be writable."
        raise ConfigurationError(message)
    return path


def main() -> int:
    """Draw the gallery into the folder that is named."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m operando.view.gallery FOLDER\n")
        return 2
    for path in draw_gallery(Path(sys.argv[1])):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
