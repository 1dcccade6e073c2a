"""The image now arriving, filling line by line, as optical density or as counts."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from operando.types import Frame, Snapshot
from operando.view.colours import GREY, colour_table
from operando.view.image import ImageView
from operando.view.label import ElidedLabel
from operando.view.present import FrameKind, arriving_row, frame_levels, present_frame
from operando.view.quantities import Colouring
from operando.view.scales import Levels
from operando.view.theme import Look

__all__ = ["FramePanel"]


class FramePanel(QFrame):
    """Shows the frame that is arriving."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.setObjectName("card")
        self._kind = FrameKind.OD
        self._levels: dict[FrameKind, Levels] = {}
        self._snapshot: Snapshot | None = None
        self._drawn: Frame | None = None
        self.image = ImageView(look, is_large=False)
        self.title = ElidedLabel("title", "Arriving")
        self.title.setToolTip("The image now arriving, as far as it has come")
        self.toggle = QPushButton("OD")
        self.toggle.setToolTip("Optical density ln(I0/I), or counts as the detector gave them")
        self.toggle.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.toggle.clicked.connect(self._show_other)
        head = QHBoxLayout()
        head.setSpacing(look.px(5))
        head.addWidget(self.title, 1)
        head.addWidget(self.toggle)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(look.px(12), look.px(6), look.px(6), look.px(4))
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.image, 1)
        self.show_kind(FrameKind.OD)

    def _show_other(self) -> None:
        self.show_kind(FrameKind.COUNTS if self._kind is FrameKind.OD else FrameKind.OD)

    def show_kind(self, kind: FrameKind) -> None:
        """Choose between optical density and counts."""
        self._kind = kind
        self.toggle.setText("OD" if kind is FrameKind.OD else "Counts")
        table = colour_table(self._look.theme, Colouring.SEQUENTIAL, GREY)
        self.image.set_colours(table, "")
        self._draw_frame()

    def begin_run(self, snapshot: Snapshot) -> None:
        """Forget the scales of the run before and take the axes of this one."""
        self._levels.clear()
        self._snapshot = snapshot
        self._drawn = None
        self.image.set_grid(snapshot.plan.grid)
        self._draw_frame()

    def draw(self, snapshot: Snapshot) -> None:
        """Show the frame of a snapshot, if it is another one."""
        self._snapshot = snapshot
        if snapshot.frame is not None and snapshot.frame is not self._drawn:
            self._draw_frame()

    def _draw_frame(self) -> None:
        if self._snapshot is None:
            return
        self._levels[self._kind] = frame_levels(self._snapshot, self._kind, self._levels.get(self._kind))
        self.image.draw(present_frame(self._snapshot, self._kind, self._levels[self._kind]))
        frame = self._snapshot.frame
        self._drawn = frame
        self.image.mark_arriving(arriving_row(self._snapshot))
        self.title.setText("Arriving" if frame is None else f"Now {frame.energy_ev:.2f} eV")
