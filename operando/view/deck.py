"""All panels of the window, made for one look: made anew when colours or size change."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from operando.types import Snapshot
from operando.view.framepanel import FramePanel
from operando.view.keylist import KeyList
from operando.view.label import emphasise
from operando.view.mapcard import MapCard
from operando.view.notes import Notes
from operando.view.regioneditor import RegionEditor
from operando.view.session import Session
from operando.view.spectrum import Spectrum, spectrum_at, spectrum_of_region
from operando.view.spectrumpanel import SpectrumPanel
from operando.view.strip import StatusStrip
from operando.view.theme import Look
from operando.view.timepanel import TimePanel
from operando.view.veil import Veil

__all__ = ["Deck"]

_SPLIT = 10_000
_SHARES = {1: 0.5, 2: 0.6, 4: 0.55}
"""Width of the maps by their number."""


class Deck(QWidget):
    """The ground of the window: strip, pictures, and what may lie over them."""

    def __init__(self, look: Look, session: Session) -> None:
        super().__init__()
        self.setObjectName("ground")
        self.look = look
        self._session = session
        self.strip = StatusStrip(look)
        self.maps = MapCard(look, session)
        self.frame_panel = FramePanel(look)
        self.notes = Notes(look, session)
        self.time = TimePanel(look, session)
        self.spectrum = SpectrumPanel(look)
        self._share: float | None = None
        self.split = self._make_split()
        self._share_out()
        self.pictures = self._lay_out()
        self.veil = Veil(self.pictures, look)
        self.editor = RegionEditor(self, look)
        self.keys = KeyList(self, look)
        self.spectrum.clear()
        # Without this the first button would have the focus, and look chosen beside the chosen one.
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def _make_split(self) -> QSplitter:
        gap = self.look.px(8)
        below = QWidget()
        row = QHBoxLayout(below)
        row.addWidget(self.frame_panel, 4)
        row.addWidget(self.notes, 7)
        below.setFixedHeight(self.look.px(164))
        left, right = QWidget(), QWidget()
        column = QVBoxLayout(left)
        column.addWidget(self.maps, 1)
        column.addWidget(below)
        other = QVBoxLayout(right)
        other.addWidget(self.time, 42)
        other.addWidget(self.spectrum, 58)
        for each in (column, other, row):
            each.setContentsMargins(0, 0, 0, 0)
            each.setSpacing(gap)
        # Shares of the width, whatever the words in the panels would like.
        for panel in (self.maps, self.time, self.spectrum, self.frame_panel, self.notes, left, right):
            panel.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
            panel.setMinimumWidth(self.look.px(120))
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(gap)
        split.setChildrenCollapsible(False)
        split.addWidget(left)
        split.addWidget(right)
        split.splitterMoved.connect(self._keep_share)
        return split

    def _share_out(self) -> None:
        """Give the maps the width that was chosen for them, or that suits their number."""
        choices = self._session.choices
        share = _SHARES[choices.pane_count] if choices.left_share is None else choices.left_share
        if share != self._share:
            self._share = share
            self.split.setSizes([int(_SPLIT * share), int(_SPLIT * (1 - share))])

    def _keep_share(self) -> None:
        left, right = self.split.sizes()
        self._share = round(left / max(left + right, 1), 3)
        self._session.choices = replace(self._session.choices, left_share=self._share)

    def _lay_out(self) -> QWidget:
        gap = self.look.px(8)
        # A splitter would take whatever lies over it for another part of itself.
        pictures = QWidget()
        inner = QVBoxLayout(pictures)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.split)
        ground = QVBoxLayout(self)
        ground.setContentsMargins(gap, gap, gap, gap)
        ground.setSpacing(gap)
        ground.addWidget(self.strip)
        ground.addWidget(pictures, 1)
        return pictures

    @property
    def room(self) -> QRect:
        """Where the pictures are."""
        return self.pictures.geometry()

    def begin_run(self, snapshot: Snapshot) -> None:
        """Take the axes of a run."""
        self.maps.begin_run(snapshot)
        self.frame_panel.begin_run(snapshot)

    def draw(self) -> None:
        """Show what the session shows."""
        session = self._session
        if session.live is None or session.shown is None:
            return
        self._share_out()
        self.maps.draw()
        self.frame_panel.draw(session.live)
        self.time.draw()
        self.notes.draw()
        self.draw_spectrum()
        for card in (self.maps, self.spectrum):
            emphasise(card, "frozen", not session.is_live)

    def draw_spectrum(self) -> None:
        """Show the spectrum of what is chosen."""
        session = self._session
        shown = session.shown
        if shown is None:
            return
        self.spectrum.take_energies(shown)
        region = session.album.at(session.pick)
        if region is not None:
            spectrum = self._of_region(shown)
            if spectrum is None:
                self.spectrum.clear(region.name, self._why_not())
            else:
                self.spectrum.draw(spectrum)
        elif session.pixel is not None:
            self.spectrum.draw(spectrum_at(shown, *session.pixel))
        else:
            self.spectrum.clear()

    def _of_region(self, shown: Snapshot) -> Spectrum | None:
        result = self._session.result_of(self._session.pick)
        return None if result is None else spectrum_of_region(shown, result)

    def _why_not(self) -> str:
        session = self._session
        if session.pick is not None and session.pick.layer.value == "masks":
            return "A mask is left out of every mean; the maps are fitted there all the same"
        if not session.is_live:
            return "Drawn after this cycle: its curve goes back as far as data are kept, its spectra do not"
        return "Fitted with the next look at the data"

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep in place what lies over the pictures."""
        super().resizeEvent(event)
        self.veil.setGeometry(self.pictures.rect())
        self.editor.follow(self.room)
        self.keys.follow(self.room)
