"""The large map: which quantity, its scale, the rows being renewed and the pixel chosen."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout

from operando.types import LithiationMap, Reason, Snapshot
from operando.view.image import ImageView
from operando.view.label import ElidedLabel, emphasise, plain_label, rich_label
from operando.view.pixel import REASONS
from operando.view.present import (
    MapKind,
    arriving_row,
    colour_levels,
    map_words,
    present_map,
    quantity,
    renewed_rows,
    undetermined_words,
    unseen_words,
)
from operando.view.scales import Levels
from operando.view.theme import Theme
from operando.view.words import general, measurement

__all__ = ["MapPanel"]


class MapPanel(QFrame):
    """Shows one kind of map at a time and lets a pixel be chosen on it."""

    picked = Signal(int, int)
    """Row and column of the pixel that was clicked."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self._kind = MapKind.LITHIUM
        self._levels: dict[MapKind, Levels] = {}
        self._snapshot: Snapshot | None = None
        self._drawn: LithiationMap | None = None
        self.image = ImageView(theme, is_large=True)
        self.image.picked.connect(self.picked)
        self.image.hovered.connect(self._read_out)
        self.badge = ElidedLabel("badge")
        self.badge.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._readout = plain_label("muted")
        self._legend = rich_label("muted")
        self.buttons = {kind: QPushButton(quantity(kind, "").button) for kind in MapKind}
        self.autoscale = QPushButton("Autoscale")
        self.autoscale.setToolTip("Fit the colour scale to the valid pixels of the present map")
        self.autoscale.clicked.connect(self._rescale)
        self._lay_out()
        self.show_kind(MapKind.LITHIUM)

    def _lay_out(self) -> None:
        group = QButtonGroup(self)
        head = QHBoxLayout()
        head.setSpacing(5)
        for kind, button in self.buttons.items():
            button.setCheckable(True)
            button.setToolTip(quantity(kind, "").meaning)
            button.clicked.connect(lambda _checked=False, kind=kind: self.show_kind(kind))
            group.addButton(button)
            head.addWidget(button)
        head.addSpacing(8)
        head.addWidget(self.badge, 1)
        foot = QHBoxLayout()
        foot.addWidget(self._legend, 1)
        foot.addWidget(self._readout)
        foot.addSpacing(8)
        foot.addWidget(self.autoscale)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 10, 8)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.image, 1)
        layout.addLayout(foot)
        self.image.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def levels(self) -> Levels | None:
        """The colour scale now in use, or None before the first map."""
        return self._levels.get(self._kind)

    def show_kind(self, kind: MapKind) -> None:
        """Choose the quantity."""
        self._kind = kind
        self.buttons[kind].setChecked(True)
        # The scale of x is the same on every map ever shown: two screens can be compared.
        self.autoscale.setEnabled(kind is not MapKind.LITHIUM)
        unit = "" if self._snapshot is None else self._snapshot.phases.unit
        named = quantity(kind, unit)
        self.image.set_colours(named.colours, named.label)
        self._draw_map()

    def _rescale(self) -> None:
        self._levels.pop(self._kind, None)
        self._draw_map()

    def begin_run(self, snapshot: Snapshot) -> None:
        """Forget the scales of the run before and take the axes of this one."""
        self._snapshot = snapshot
        self._levels.clear()
        self.image.set_grid(snapshot.plan.grid)
        self.show_kind(self._kind)

    def draw(self, snapshot: Snapshot) -> None:
        """Show a snapshot; the map is drawn again only if it is another one."""
        self._snapshot = snapshot
        if snapshot.map is None or snapshot.map is not self._drawn:
            self._draw_map()
        self.image.mark_renewed(renewed_rows(snapshot))
        self.image.mark_arriving(arriving_row(snapshot))
        words = map_words(snapshot)
        self.badge.setText(words)
        emphasise(self.badge, "provisional", snapshot.map is not None and snapshot.map.is_provisional)

    def _draw_map(self) -> None:
        if self._snapshot is None:
            return
        # Every kind follows the map, shown or not, so that choosing one later finds its scale held.
        for kind in MapKind:
            self._levels[kind] = colour_levels(self._snapshot, kind, self._levels.get(kind))
        self.image.draw(present_map(self._snapshot, self._kind, self._levels[self._kind]))
        self._drawn = self._snapshot.map
        swatches = (
            (self._theme.unseen, unseen_words(self._snapshot)),
            (self._theme.undetermined, undetermined_words(self._snapshot)),
        )
        self._legend.setText(
            "&nbsp;&nbsp;&nbsp; ".join(
                f'<span style="color:{tone}">■</span>&nbsp; {html.escape(words)}'
                for tone, words in swatches
                if words
            )
        )

    def mark_pixel(self, pixel: tuple[int, int] | None) -> None:
        """Put the crosshair on a pixel."""
        self.image.mark_pixel(pixel)

    def _read_out(self, row: int, column: int) -> None:
        fitted = None if self._snapshot is None else self._snapshot.map
        if fitted is None or row < 0 or row >= fitted.reason.shape[0] or column >= fitted.reason.shape[1]:
            self._readout.setText("")
            return
        reason = Reason(int(fitted.reason[row, column]))
        if reason is not Reason.DETERMINED:
            self._readout.setText(REASONS[reason])
        elif self._kind in {MapKind.LITHIUM, MapKind.LITHIUM_ERROR}:
            value = measurement(float(fitted.lithium[row, column]), float(fitted.lithium_error[row, column]))
            self._readout.setText(f"x = {value}")
        else:
            value = float(getattr(fitted, self._kind.value)[row, column])
            self._readout.setText(f"{self.buttons[self._kind].text()} = {general(value)}")
