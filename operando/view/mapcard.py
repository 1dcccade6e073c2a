"""The maps: one, two or four large ones with linked cursors, the others small beside them, and tools."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from operando.regions import Marks, Outline
from operando.types import Snapshot
from operando.view.album import Layer, Pick
from operando.view.choices import PANES
from operando.view.colours import packed_table
from operando.view.hits import outline_at
from operando.view.label import ElidedLabel, emphasise, rich_label
from operando.view.maps import Surroundings, coarse, is_fixed, present_map
from operando.view.pane import Pane
from operando.view.panegrid import PaneGrid
from operando.view.present import arriving_row, map_words, renewed_rows, undetermined_words, unseen_words
from operando.view.quantities import MapChoice, quantity
from operando.view.session import Session
from operando.view.theme import Look
from operando.view.thumbs import MOST_PIXELS, Thumb, ThumbStrip

__all__ = ["MapCard"]

_TOOLS = {
    Outline.RECTANGLE: ("▭", "Draw a rectangle (R)"),
    Outline.POLYGON: ("⬠", "Draw a polygon (G): click its corners, Enter or a double click closes it"),
    Outline.LASSO: ("✎", "Draw by hand (W)"),
}
_NEAR_PX = 6.0


class MapCard(QFrame):
    """Shows the maps of a session."""

    pixel_picked = Signal(int, int)
    """Row and column of the pixel that was clicked."""
    region_picked = Signal(object)
    """The `Pick` whose outline was clicked."""
    drawn = Signal(object, object)
    """Outline and corners in µm of what was drawn."""
    dragged = Signal(int, object, object, bool)
    """See `FieldBox.dragged`."""
    tool_asked = Signal(object)
    """The `Outline` of the tool that was clicked."""
    changed = Signal()
    """The session was changed here and is to be drawn again."""

    def __init__(self, look: Look, session: Session) -> None:
        super().__init__()
        self.setObjectName("card")
        self._look = look
        self._session = session
        self._drawn: tuple[object, ...] = ()
        self._laid = 0
        self.grid = PaneGrid(look)
        self.strip = ThumbStrip(look)
        self.badge = ElidedLabel("badge")
        self.badge.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.legend = rich_label("muted")
        self.legend.setWordWrap(True)
        self.counts = {number: self._button(str(number), f"{_MAPS[number]} (B)") for number in PANES}
        self.tools = {outline: self._button(*words) for outline, words in _TOOLS.items()}
        self.mask_button = self._button("Mask", "What is drawn is a mask, left out of every mean (K)")
        self.fade = self._button(
            "Fade σ", "Pixels fade where σ(x) is large, and are hardly seen from 0.3 on (O)"
        )
        self.outline = self._button("Particles", "Outlines and numbers of particles and unknown phases (I)")
        self.palette_button = self._button("", "Colours of the maps (C)")
        self.palette_button.setCheckable(False)
        self.autoscale = self._button("Fit scale", "Fit the colour scale to the valid pixels of this map (A)")
        self.autoscale.setCheckable(False)
        self._lay_out()
        self._connect()
        self._lay_panes(session.choices.pane_count)
        self.palette_button.setText(session.choices.palette)
        for number, (pane, choice) in enumerate(zip(self.panes, session.panes, strict=True)):
            pane.dress(None, choice, session.choices.palette, is_active=number == session.active)

    def _button(self, text: str, meaning: str) -> QPushButton:
        button = QPushButton(text)
        button.setCheckable(True)
        button.setToolTip(meaning)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return button

    def _lay_out(self) -> None:
        px = self._look.px
        head = QHBoxLayout()
        head.setSpacing(px(4))
        for button in (*self.counts.values(), *self.tools.values()):
            button.setFixedWidth(px(30))
        for button in self.counts.values():
            head.addWidget(button)
        head.addSpacing(px(8))
        for button in (*self.tools.values(), self.mask_button):
            head.addWidget(button)
        head.addSpacing(px(8))
        head.addWidget(self.badge, 1)
        foot = QHBoxLayout()
        foot.setSpacing(px(4))
        foot.addWidget(self.legend, 1)
        for button in (self.palette_button, self.outline, self.fade, self.autoscale):
            foot.addWidget(button)
        middle = QHBoxLayout()
        middle.setSpacing(px(6))
        middle.addWidget(self.strip)
        middle.addWidget(self.grid, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(px(10), px(8), px(10), px(6))
        layout.setSpacing(px(4))
        layout.addLayout(head)
        layout.addLayout(middle, 1)
        layout.addLayout(foot)

    def _connect(self) -> None:
        self.grid.activated.connect(self._activate)
        self.grid.asked.connect(self._ask)
        self.grid.clicked.connect(self._on_click)
        self.grid.drawn.connect(self.drawn)
        self.grid.dragged.connect(self.dragged)
        for number, button in self.counts.items():
            button.clicked.connect(lambda _checked=False, number=number: self._ask_panes(number))
        for outline, button in self.tools.items():
            button.clicked.connect(lambda _checked=False, outline=outline: self.tool_asked.emit(outline))
        self.strip.clicked.connect(self._ask)
        self.strip.moved.connect(self._draw_thumbs_again)

    def _lay_panes(self, number: int) -> None:
        self.grid.lay(number)
        for place, button in self.counts.items():
            button.setChecked(place == number)

    @property
    def panes(self) -> list[Pane]:
        """The large maps that are shown."""
        return self.grid.panes

    @property
    def active(self) -> Pane:
        """The map that the keys are about."""
        return self.panes[self._session.active]

    def choose_tool(self, tool: Outline | None, layer: Layer) -> None:
        """Draw with a tool from now on, or with none."""
        for outline, button in self.tools.items():
            button.setChecked(outline is tool)
        self.mask_button.setChecked(layer is Layer.MASKS)
        self.grid.choose_tool(tool)

    def begin_run(self, snapshot: Snapshot) -> None:
        """Take the axes of a run."""
        self._drawn = ()
        self.grid.set_grid(snapshot.plan.grid)

    def draw(self) -> None:
        """Show what the session shows; pictures are made only of what is another one."""
        session, snapshot = self._session, self._session.shown
        if snapshot is None:
            return
        choices, panes = session.choices, session.panes
        self._lay_panes(choices.pane_count)
        around = session.around
        levels = tuple(session.levels_of(choice) for choice in panes)
        frame = None if snapshot.map is not None else snapshot.frame
        state = (snapshot.map, frame, around.before, around.stress, around.masked, choices, panes, levels)
        if len(state) != len(self._drawn) or any(
            a is not b and a != b if number > 4 else a is not b
            for number, (a, b) in enumerate(zip(state, self._drawn, strict=True))
        ):
            self._drawn = state
            self._draw_pictures(snapshot, around)
            session.hold_levels()
        for number, pane in enumerate(self.panes):
            pane.dress(snapshot, panes[number], choices.palette, is_active=number == session.active)
            pane.image.outlines.draw(snapshot if choices.is_outlined else None)
            pane.image.mark_renewed(renewed_rows(snapshot))
            pane.image.mark_arriving(arriving_row(snapshot) if session.is_live else None)
            pane.image.mark_pixel(session.pixel if session.pick is None else None)
        self.draw_marks(session.album.marks, session.pick)
        self._write(snapshot)

    def draw_marks(self, marks: Marks, pick: Pick | None) -> None:
        """Show regions and masks, the chosen one with handles."""
        region = self._session.album.at(pick)
        for pane in self.panes:
            pane.image.layer.draw(marks, pick)
            pane.image.box.movable = region if region is not None and not region.is_locked else None

    def _draw_pictures(self, snapshot: Snapshot, around: Surroundings) -> None:
        session = self._session
        for pane, choice in zip(self.panes, session.panes, strict=True):
            pane.dress(snapshot, choice, session.choices.palette, is_active=pane is self.active)
            pane.draw(snapshot, choice, present_map(snapshot, choice, session.levels_of(choice), around))
        self._draw_thumbs(snapshot, around)

    def _draw_thumbs(self, snapshot: Snapshot, around: Surroundings) -> None:
        session, grid = self._session, snapshot.plan.grid
        small = coarse(snapshot, MOST_PIXELS)
        step = -(-max(grid.shape) // MOST_PIXELS)
        near = Surroundings(
            None if around.before is None else around.before[::step, ::step],
            None if around.masked is None else around.masked[::step, ::step],
            stress=None if around.stress is None else around.stress[::step, ::step],
        )
        flips = (bool(grid.y_um[-1] >= grid.y_um[0]), bool(grid.x_um[-1] < grid.x_um[0]))
        choices = session.thumbs
        for place in self.strip.arrange(len(choices)):
            choice = choices[place]
            named = quantity(choice, snapshot)
            picture = present_map(small, choice, session.levels_of(choice), near)
            table = packed_table(self._look.theme, named.colouring, session.choices.palette)
            self.strip.show_thumb(place, Thumb(choice, named.name, picture.index, table, flips))

    def _draw_thumbs_again(self) -> None:
        if self._session.shown is not None:
            self._draw_thumbs(self._session.shown, self._session.around)

    def _write(self, snapshot: Snapshot) -> None:
        session = self._session
        is_provisional = snapshot.map is not None and snapshot.map.is_provisional
        self.badge.setText(map_words(snapshot) if session.is_live else f"FROZEN   {map_words(snapshot)}")
        emphasise(self.badge, "provisional", is_provisional or not session.is_live)
        self.palette_button.setText(session.choices.palette)
        self.fade.setChecked(session.choices.is_faded)
        self.outline.setChecked(session.choices.is_outlined)
        # The scale of x is the same on every map ever shown: two screens can be compared.
        self.autoscale.setEnabled(not is_fixed(session.panes[session.active]))
        theme = self._look.theme
        swatches = [
            (theme.accent, "row renewed" if is_provisional else "", "▌"),
            (theme.muted, unseen_words(snapshot), "□"),
            (theme.undetermined, undetermined_words(snapshot), "■"),
            (theme.masked, "masked" if session.album.marks.masks else "", "■"),
            (theme.muted, session.stress_words, "◇"),
        ]
        self.legend.setText(
            "&nbsp;&nbsp; ".join(
                f'<span style="color:{tone}">{sign}</span>&nbsp;{_held_together(words)}'
                for tone, words, sign in swatches
                if words
            )
        )

    def _ask_panes(self, number: int) -> None:
        self._session.show_panes(number)
        self.changed.emit()

    def _activate(self, number: int) -> None:
        self._session.active = number
        self.changed.emit()

    def _ask(self, choice: MapChoice) -> None:
        self._session.show_map(choice)
        self.changed.emit()

    def _on_click(self, pane: Pane, x_um: float, y_um: float, is_double: bool) -> None:
        if is_double:
            self.grid.reset_zoom()
            return
        found = outline_at(
            self._session.album, x_um, y_um, _NEAR_PX * float(pane.image.box.viewPixelSize()[0])
        )
        pixel = pane.image.pixel_at(x_um, y_um)
        if found is not None:
            self.region_picked.emit(found)
        elif pixel is not None:
            self.pixel_picked.emit(*pixel)


_MAPS = {1: "One large map", 2: "Two maps side by side", 4: "Four maps"}


def _held_together(words: str) -> str:
    """Return words as markup in which no share is torn from its per cent at the end of a line."""
    return html.escape(words).replace(" %", "&nbsp;%").replace("&lt; ", "&lt;&nbsp;")
