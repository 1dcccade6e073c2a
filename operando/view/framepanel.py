"""The image now arriving, filling line by line, as optical density or as counts."""

from __future__ import annotations

from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from operando.types import Frame, Snapshot
from operando.view.image import ImageView
from operando.view.label import ElidedLabel
from operando.view.present import FrameKind, arriving_row, frame_levels, present_frame
from operando.view.scales import Levels
from operando.view.theme import Theme

__all__ = ["FramePanel"]

_LABELS = {FrameKind.OD: "optical density", FrameKind.COUNTS: "counts"}


class FramePanel(QFrame):
    """Shows the frame that is arriving."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self._kind = FrameKind.OD
        self._levels: dict[FrameKind, Levels] = {}
        self._snapshot: Snapshot | None = None
        self._drawn: Frame | None = None
        self.image = ImageView(theme, is_large=False)
        self.title = ElidedLabel("title", "Frame")
        self.buttons = {FrameKind.OD: QPushButton("OD"), FrameKind.COUNTS: QPushButton("Counts")}
        self.buttons[FrameKind.OD].setToolTip("Optical density ln(I0/I)")
        self.buttons[FrameKind.COUNTS].setToolTip("Counts as the detector gave them")
        group = QButtonGroup(self)
        head = QHBoxLayout()
        head.setSpacing(5)
        head.addWidget(self.title, 1)
        for kind, button in self.buttons.items():
            button.setCheckable(True)
            button.clicked.connect(lambda _checked=False, kind=kind: self.show_kind(kind))
            group.addButton(button)
            head.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 6, 6)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.image, 1)
        self.show_kind(FrameKind.OD)

    def show_kind(self, kind: FrameKind) -> None:
        """Choose between optical density and counts."""
        self._kind = kind
        self.buttons[kind].setChecked(True)
        self.image.set_colours("grey", _LABELS[kind])
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
        self.title.setText("Frame" if frame is None else f"Frame  {frame.energy_ev:.2f} eV")
