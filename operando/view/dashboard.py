"""The window: takes the newest snapshot ten times a second at most, draws what changed, obeys keys."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import cast

import pyqtgraph as pg
from PySide6.QtCore import QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QMainWindow

from operando.regions import Outline, Region
from operando.types import Snapshot
from operando.view import album as editing
from operando.view.album import Corners, Layer
from operando.view.aside import begun_aside
from operando.view.choices import read_choices, write_choices
from operando.view.deck import Deck
from operando.view.fieldbox import BODY
from operando.view.history import History, HistoryBook
from operando.view.keys import KEYS, Action
from operando.view.options import DashboardOptions
from operando.view.orders import orders_of, tag_of
from operando.view.session import Session
from operando.view.status import State, present_status
from operando.view.stresses import Stresses
from operando.view.theme import Look, ThemeName, scale_for, style_sheet, theme_named
from operando.view.words import duration, plain

__all__ = ["Dashboard"]

_log = logging.getLogger(__name__)

_GLANCES = 4
"""The timer asks for news so many times between two drawings: what comes later is not kept waiting."""
_PLAY_EVERY = 3
"""Drawings between two cycles while the history is played."""
_SAVE_EVERY_S = 2.0
_REMARK_S = 5.0


class Dashboard(QMainWindow):
    """Shows the newest snapshot, or one of the past.

    Parameters
    ----------
    take
        Returns the newest snapshot not yet taken, or None; must not block.
    options
        How to look and keep time.

    Attributes
    ----------
    drawing
        The files that are being drawn aside, or None.
    """

    def __init__(self, take: Callable[[], Snapshot | None], options: DashboardOptions | None = None) -> None:
        super().__init__()
        options = DashboardOptions() if options is None else options
        self._take = take
        self._options = options
        self._taken_s = self._saved_s = options.clock()
        # Where nobody keeps a history, the window keeps the cycles of record that it sees.
        self._book = HistoryBook() if options.history is None else None
        read_history = options.history if self._book is None else self._book.read
        self._saved = choices = read_choices(options.choices_file)
        stresses = Stresses(options.solve_stress)
        self.session = Session(choices, read_history or History, options.send, stresses)
        self._tool: Outline | None = None
        self._layer = Layer.REGIONS
        self._glances = self._ticks = 0
        self._is_open = True
        self._remark, self._remarked_s = "", 0.0
        self.drawing: Future[tuple[Path, ...]] | None = None
        pg.setConfigOptions(antialias=True)
        self.setWindowTitle(plain(options.title, 80))
        self.setMinimumSize(1040, 680)
        self.resize(1280, 800)
        self.deck = self._build()
        self._listen()
        self.timer = QTimer(self)
        self.timer.setInterval(max(options.interval_ms, 100) // _GLANCES)
        self.timer.timeout.connect(self.glance)
        self.timer.start()
        self._say_how_it_stands()

    # What it is made of

    @property
    def look(self) -> Look:
        """The colours and the size that the window wants now."""
        chosen = self.session.choices.theme
        theme = theme_named(self._options.theme if chosen is None else cast("ThemeName", chosen))
        return Look(theme, scale_for(self.width(), self.height()))

    def _build(self) -> Deck:
        """Make all panels for the look that is wanted."""
        look = self.look
        self.setStyleSheet(style_sheet(look))
        deck = Deck(look, self.session)
        deck.maps.pixel_picked.connect(self.choose_pixel)
        deck.maps.region_picked.connect(self._choose)
        deck.maps.drawn.connect(self._add)
        deck.maps.dragged.connect(self._drag)
        deck.maps.tool_asked.connect(self._toggle_tool)
        deck.maps.mask_button.clicked.connect(lambda: self.act(Action.MASK))
        deck.maps.fade.clicked.connect(lambda: self.act(Action.FADE))
        deck.maps.outline.clicked.connect(lambda: self.act(Action.OUTLINES))
        deck.maps.palette_button.clicked.connect(lambda: self.act(Action.PALETTE))
        deck.maps.autoscale.clicked.connect(lambda: self.act(Action.LEVELS))
        deck.notes.asked.connect(self._show_tab)
        deck.notes.regions.chosen.connect(self._choose)
        deck.notes.regions.asked.connect(self.act)
        deck.editor.applied.connect(self._apply)
        for panel in (deck.maps, deck.time):
            panel.changed.connect(self.draw)
        self.setCentralWidget(deck)
        deck.setFocus()
        deck.maps.choose_tool(self._tool, self._layer)
        if self.session.shown is not None:
            deck.begin_run(self.session.shown)
        return deck

    def _rebuild(self) -> None:
        """Make all panels anew where the look has changed; Qt deletes the old ones."""
        self.deck = self._build()
        self.draw()
        self._say_how_it_stands()

    def _listen(self) -> None:
        for key in KEYS:
            for sequence in key.sequences:
                shortcut = QShortcut(QKeySequence(sequence), self)
                shortcut.activated.connect(lambda action=key.action: self.act(action))

    # The passing of time

    def glance(self) -> None:
        """Refresh if something is new, or if it is time to say again how old what is shown is."""
        self._glances += 1
        if self._glances < _GLANCES:
            return
        snapshot = self._take()
        if snapshot is not None or self._glances % _GLANCES == 0:
            self._refresh_with(snapshot)

    def refresh(self) -> None:
        """Take the newest snapshot if there is one, and say how old what is shown is."""
        self._refresh_with(self._take())

    def _refresh_with(self, snapshot: Snapshot | None) -> None:
        self._ticks += 1
        if self.deck.look != self.look:
            self._rebuild()
        is_playing = self.session.is_playing and self._ticks % _PLAY_EVERY == 0
        if is_playing:
            self.session.play_on()
        if snapshot is not None:
            self._glances = 0
            self._taken_s = self._options.clock()
            self._note(snapshot)
            if self.session.take(snapshot):
                self.deck.begin_run(snapshot)
        has_stress = self.session.stresses.has_come()
        if snapshot is not None or is_playing or has_stress:
            self.draw()
        self._say_what_was_drawn()
        self._say_how_it_stands()
        if self._options.clock() - self._saved_s >= _SAVE_EVERY_S:
            self._save()

    def _note(self, snapshot: Snapshot) -> None:
        """Keep a cycle of record in the window's own history, where nobody else keeps one."""
        if self._book is None or snapshot.map is None or snapshot.map.is_provisional:
            return
        newest = self._book.read()
        is_known = newest.run == snapshot.plan.run and snapshot.map.cycle in newest.recorded
        if not is_known:
            self._book.note(snapshot)

    def draw(self) -> None:
        """Show what the session shows, and have computed what it lacks."""
        self.session.ask_for_stress()
        self.deck.draw()

    def _say_how_it_stands(self) -> None:
        told_s = self._options.age_s
        age_s = self._options.clock() - self._taken_s if told_s is None else told_s()
        cut = self._options.cut()
        live, deck = self.session.live, self.deck
        status = present_status(live, age_s, self._options.stale_after_s)
        if self._remark and self._options.clock() - self._remarked_s < _REMARK_S:
            deck.strip.draw(replace(status, detail=plain(self._remark, 90)))
        else:
            self._remark = ""
            deck.strip.draw(status)
        if cut is not None:
            deck.veil.lower_with(
                f"NO MONITOR FOR {duration(cut.for_s)}",
                f"{plain(cut.words, 120)}. What is shown is that old.",
            )
        elif live is None:
            deck.veil.lower_with("WAITING FOR A RUN", f"for {duration(age_s)}; nothing has come yet.")
        elif status.state is State.STALE:
            deck.veil.lower_with(
                f"NO NEW DATA FOR {duration(age_s)}",
                f"The run is not closed. What is shown is that old.  "
                f"(Shown after {self._options.stale_after_s:.0f} s without a new line.)",
            )
        else:
            deck.veil.lift()

    # What somebody does

    def act(self, action: Action) -> None:
        """Do what a key or button asks for, and draw what changed."""
        session = self.session
        simple: dict[Action, Callable[[], None]] = {
            Action.FREEZE: session.freeze,
            Action.LIVE: session.go_live,
            Action.EARLIER: session.earlier,
            Action.LATER: session.later,
            Action.FIRST: session.first,
            Action.PLAY: session.play,
            Action.NEXT_MAP: lambda: session.step_map(1),
            Action.PREVIOUS_MAP: lambda: session.step_map(-1),
            Action.NEXT_PANE: session.next_pane,
            Action.PANES: session.more_panes,
            Action.LEVELS: session.refit_levels,
            Action.WIDER: lambda: session.widen_levels(1),
            Action.NARROWER: lambda: session.widen_levels(-1),
            Action.PALETTE: session.next_palette,
            Action.FADE: session.fade,
            Action.OUTLINES: session.outline,
            Action.FIT_CURVES: session.fit_curves,
            Action.WHOLE_FIELD: self.deck.maps.grid.reset_zoom,
            Action.RECTANGLE: lambda: self._toggle_tool(Outline.RECTANGLE),
            Action.POLYGON: lambda: self._toggle_tool(Outline.POLYGON),
            Action.LASSO: lambda: self._toggle_tool(Outline.LASSO),
            Action.MASK: self._toggle_layer,
            Action.CLOSE_OUTLINE: self.deck.maps.grid.close_outline,
            Action.NEXT_REGION: session.next_pick,
            Action.EDIT: self._edit,
            Action.LOCK: self._lock,
            Action.DELETE: self._delete,
            Action.UNDO: lambda: session.edit(editing.undone(session.album)),
            Action.REDO: lambda: session.edit(editing.redone(session.album)),
            Action.CANCEL: self._cancel,
            Action.TAB: self._next_tab,
            Action.PICTURE: self._save_picture,
            Action.PAPER: self._put_on_paper,
            Action.THEME: self._change_theme,
            Action.FULL_SCREEN: self._toggle_full_screen,
            Action.RESET: self._reset,
            Action.KEYS: lambda: self.deck.keys.toggle(self.deck.room),
        }
        simple[action]()
        self.draw()

    def choose_pixel(self, row: int, column: int) -> None:
        """Show the spectrum of one pixel from now on."""
        self.session.choose_pixel(row, column)
        self.draw()

    def _choose(self, pick: editing.Pick) -> None:
        self.session.choose(pick)
        self.draw()

    def _show_tab(self, tab: str) -> None:
        self.session.choices = replace(self.session.choices, tab=tab)
        self.draw()

    def _next_tab(self) -> None:
        self._show_tab("regions" if self.session.choices.tab == "findings" else "findings")

    def _toggle_tool(self, tool: Outline) -> None:
        self._tool = None if tool is self._tool else tool
        self.deck.maps.choose_tool(self._tool, self._layer)

    def _toggle_layer(self) -> None:
        self._layer = Layer.MASKS if self._layer is Layer.REGIONS else Layer.REGIONS
        self.deck.maps.choose_tool(self._tool, self._layer)

    def _add(self, outline: Outline, corners: Corners) -> None:
        session = self.session
        number = len(session.album.layer(self._layer))
        session.edit(editing.added(session.album, self._layer, outline, corners))
        session.choose(editing.Pick(self._layer, number))
        self._tool = None
        self.deck.maps.choose_tool(None, self._layer)
        self._show_tab("regions")

    def _drag(self, grip: int, start: tuple[float, float], now: tuple[float, float], is_end: bool) -> None:
        """Move a corner or the whole of the chosen region; one drag is one edit."""
        session = self.session
        region = session.album.at(session.pick)
        if region is None or session.pick is None or region.is_locked:
            return
        if grip == BODY:
            moved = editing.shifted(region, now[0] - start[0], now[1] - start[1])
        else:
            moved = editing.handle_moved(region, grip, *now)
        if is_end:
            session.change(moved)
            self.draw()
        else:
            preview = editing.changed(session.album, session.pick, moved)
            self.deck.maps.draw_marks(preview.marks, session.pick)

    def _apply(self, region: Region) -> None:
        self.session.change(region)
        self.draw()

    def _edit(self) -> None:
        region = self.session.album.at(self.session.pick)
        if region is not None:
            self.deck.editor.edit(region, self.deck.room)

    def _lock(self) -> None:
        region = self.session.album.at(self.session.pick)
        if region is not None:
            self.session.change(replace(region, is_locked=not region.is_locked))

    def _delete(self) -> None:
        if self.session.pick is not None:
            self.session.edit(editing.removed(self.session.album, self.session.pick))

    def _cancel(self) -> None:
        """Leave the innermost of what is open."""
        if self.deck.keys.isVisible() or self.deck.editor.isVisible():
            self.deck.keys.hide()
            self.deck.editor.hide()
        elif self._tool is not None:
            self._tool = None
            self.deck.maps.choose_tool(None, self._layer)
        elif self.session.pick is not None:
            self.session.choose(None)
        elif self.isFullScreen():
            self.showNormal()

    def _toggle_full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def _change_theme(self) -> None:
        theme = "light" if self.look.theme == theme_named("dark") else "dark"
        self.session.choices = replace(self.session.choices, theme=theme)
        self._rebuild()

    def _reset(self) -> None:
        self.session.forget_choices()
        self._rebuild()

    def _save_picture(self) -> None:
        live = self.session.live
        run = "no-run" if live is None else tag_of(live.plan.run)
        shown = self.session.shown
        cycle = "" if shown is None or shown.map is None else f"-cycle-{shown.map.cycle + 1}"
        path = free_path(self._options.picture_folder / f"operando-{run}{cycle}.png")
        self._say(f"saved {path.name}" if self.grab().save(str(path)) else f"cannot write {path}")

    def _put_on_paper(self) -> None:
        orders, draw = orders_of(self.session), self._options.put_on_paper
        if orders is None or draw is None:
            self._say("nothing to draw yet" if orders is None else "nobody draws for this window")
            return
        if self.drawing is not None:
            self._say("the pictures asked for before are still being drawn")
            return
        folder = self._options.picture_folder
        self.drawing = begun_aside(lambda: draw(orders, folder))
        self._say("drawing, for some seconds …")

    def _say_what_was_drawn(self) -> None:
        """Say which pictures there are, as soon as they are there."""
        if self.drawing is None or not self.drawing.done():
            return
        drawing, self.drawing = self.drawing, None
        try:
            made = drawing.result()
        except OSError as error:
            self._say(f"cannot write into {self._options.picture_folder}: {error.strerror or error}")
            return
        self._say(f"saved {len(made)} files: {made[-1].stem.removesuffix('-curves')}-…")

    def _say(self, words: str) -> None:
        """Say something for some seconds where the state is."""
        self._remark, self._remarked_s = words, self._options.clock()
        self._say_how_it_stands()

    # What is remembered

    def _save(self) -> None:
        self._saved_s = self._options.clock()
        choices = self.session.choices
        if choices != self._saved:
            self._saved = choices
            write_choices(self._options.choices_file, choices)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Stop taking; whoever fits goes on."""
        if self._is_open:
            self._is_open = False
            self.timer.stop()
            if self.drawing is not None:
                self.drawing.add_done_callback(_log_failure)
            self._save()
            self._options.on_close()
        super().closeEvent(event)


def _log_failure(drawing: Future[tuple[Path, ...]]) -> None:
    """Log why pictures were not drawn whose window is closed."""
    error = drawing.exception()
    if error is not None:
        _log.error("the pictures that were asked for are not all there: %s", error, exc_info=error)


def free_path(path: Path) -> Path:
    """Return a path that does not exist yet, with a number if need be."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in range(2, 10_000))
    return next((each for each in (path, *numbered) if not each.exists()), path)
