"""Mean x against time, of field, regions and particles, with pauses, the cell, and a slider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSlider, QVBoxLayout

from operando.view.axes import quiet_axes, tick_font, title
from operando.view.cellplot import CellPlot
from operando.view.label import ElidedLabel, plain_label, rich_label
from operando.view.maps import map_levels
from operando.view.quantities import LITHIUM
from operando.view.regionlayer import region_colour
from operando.view.session import Session
from operando.view.theme import Look
from operando.view.timeline import Span, Strand, Timeline, headline_of, present_timeline
from operando.view.words import about, markup

__all__ = ["TimePanel"]

_SYMBOLS = ("o", "s", "t", "d", "t1", "p")
_SIGNS = ("●", "■", "▼", "◆", "▲", "⬟")
"""The same, in words."""
_MOST_SYMBOLS = 80
"""Points from which on a curve is a line without symbols."""


@dataclass(slots=True)
class _Drawn:
    """The items of one curve; reused for others."""

    band: pg.PlotCurveItem
    line: Any


class TimePanel(QFrame):
    """Shows the curves of a session and where in its history it is."""

    changed = Signal()
    """The session was changed here and is to be drawn again."""

    def __init__(self, look: Look, session: Session) -> None:
        super().__init__()
        self.setObjectName("card")
        self._look = look
        self._session = session
        self._drawn: list[_Drawn] = []
        self._bands: list[pg.LinearRegionItem] = []
        self._shown: tuple[object, ...] = ()
        self._timeline: Timeline | None = None
        self._cycles: tuple[int, ...] = ()
        self._unit = ""
        theme = look.theme
        self.headline = plain_label("headline", "–")
        self.caption = plain_label("muted")
        self.caption.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.canvas = pg.PlotWidget(background=theme.panel)
        self.plot: pg.PlotItem = self.canvas.plotItem
        quiet_axes(self.plot, look)
        title(self.plot, "left", "mean x", look)
        self.cell = CellPlot(look, self.plot)
        self._now = pg.InfiniteLine(angle=90, pen=pg.mkPen(theme.warning, width=look.px(2)))
        self._now.setZValue(30)
        self._now.setVisible(False)
        self.plot.addItem(self._now, ignoreBounds=True)
        self.canvas.scene().sigMouseClicked.connect(self._on_click)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.valueChanged.connect(self._on_slide)
        self.earlier = self._button("‹", "Cycle before (left arrow)", session.earlier)
        self.later = self._button("›", "Cycle after (right arrow)", session.later)
        self.play = self._button("Play", "Play the history (P)", session.play)
        self.live = self._button("● Live", "Show the newest (End); freeze with the space bar", session.freeze)
        self.fit = self._button("Fit", "Fit the axis to the curves (Y)", self._toggle_fit)
        for button in (self.play, self.live, self.fit):
            button.setCheckable(True)
        self.where = ElidedLabel("muted")
        self.legend = rich_label("muted")
        self.legend.setVisible(False)
        self._lay_out()

    def _button(self, text: str, meaning: str, action: Any) -> QPushButton:  # noqa: ANN401 - bound methods
        button = QPushButton(text)
        button.setToolTip(meaning)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)

        def act() -> None:
            action()
            self.changed.emit()

        button.clicked.connect(act)
        return button

    def _lay_out(self) -> None:
        px = self._look.px
        head = QHBoxLayout()
        head.setSpacing(px(10))
        head.addWidget(plain_label("headline", "x̄ ="))
        head.addWidget(self.headline)
        head.addWidget(self.caption, 1)
        bar = QHBoxLayout()
        bar.setSpacing(px(4))
        for button in (self.earlier, self.later):
            button.setFixedWidth(px(28))
        for widget in (self.earlier, self.later, self.play):
            bar.addWidget(widget)
        bar.addWidget(self.slider, 3)
        bar.addWidget(self.live)
        bar.addWidget(self.where, 3)
        bar.addWidget(self.fit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(px(14), px(2), px(10), px(6))
        layout.setSpacing(px(2))
        layout.addLayout(head)
        layout.addWidget(self.legend)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.cell)
        layout.addLayout(bar)

    def _toggle_fit(self) -> None:
        self._session.fit_curves()

    def draw(self) -> None:
        """Show the curves so far, and where the shown cycle is on them."""
        session = self._session
        if session.live is None:
            return
        live, history = session.live, session.history
        timeline = present_timeline(live, history)
        self._timeline = timeline
        self._place(timeline)
        self._draw_bar()
        self.plot.setXRange(0.0, timeline.now, padding=0.03)
        if timeline.unit != self._unit:
            self._unit = timeline.unit
            title(self.plot, "bottom", f"time since start ({timeline.unit})", self._look)
        self.cell.draw(timeline)
        state = (
            live.curve,
            live.unmasked_curve,
            live.regions,
            live.particles,
            timeline.unit,
            timeline.spans,
            session.choices,
        )
        if (
            len(state) == len(self._shown)
            and all(a is b for a, b in zip(state[:4], self._shown[:4], strict=True))
            and state[4:] == self._shown[4:]
        ):
            self._write()
            return
        self._shown = state
        self._draw_spans(timeline.spans)
        self._draw_strands(timeline.strands)
        self._set_range(timeline)
        self._write()

    def _write(self) -> None:
        session = self._session
        if session.live is not None:
            value, caption = headline_of(session.live, session.cycle)
            self.headline.setText(value)
            self.caption.setText(caption)

    def _place(self, timeline: Timeline) -> None:
        session = self._session
        moment = None if session.cycle is None else session.history.at(session.cycle)
        self._now.setVisible(moment is not None)
        if moment is not None:
            self._now.setValue((moment.time_s - timeline.started_s) / timeline.scale_s)

    def _draw_bar(self) -> None:
        session = self._session
        moments = session.history.moments
        self._cycles = tuple(moment.cycle for moment in moments)
        self.slider.blockSignals(True)
        self.slider.setEnabled(bool(moments))
        # The last place of the slider is the live picture.
        self.slider.setRange(0, max(len(moments), 1))
        is_past = session.cycle is not None and session.cycle in self._cycles
        self.slider.setValue(self._cycles.index(session.cycle) if is_past else max(len(moments), 1))
        self.slider.blockSignals(False)
        self.play.setEnabled(bool(moments))
        self.earlier.setEnabled(session.has_earlier)
        self.later.setEnabled(not session.is_live)
        self.play.setChecked(session.is_playing)
        self.live.setChecked(session.is_live)
        self.fit.setChecked(session.choices.is_fitted)
        self.where.setText(self._where_words())

    def _where_words(self) -> str:
        session = self._session
        history = session.history
        if session.live is None:
            return ""
        if session.cycle is not None:
            moment = history.at(session.cycle)
            ago = "" if moment is None else about(session.live.progress.last_line_s - moment.time_s)
            return f"cycle {session.cycle + 1}, {ago} before live"
        if not session.is_live:
            return "frozen"
        kept, recorded = len(history.moments), len(history.recorded)
        if not kept:
            return "no cycle of record yet"
        return (
            f"{kept} of {recorded} cycles kept" if history.is_thinned else f"{kept} cycle{'s' * (kept > 1)}"
        )

    def _draw_strands(self, strands: tuple[Strand, ...]) -> None:
        while len(self._drawn) < len(strands):
            self._drawn.append(self._make(len(self._drawn)))
        for drawn, strand in zip(self._drawn, strands, strict=False):
            there_and_back = np.concatenate([strand.time, strand.time[::-1]])
            drawn.band.setData(there_and_back, np.concatenate([strand.high, strand.low[::-1]]))
            few = strand.time.size <= _MOST_SYMBOLS
            number = self._drawn.index(drawn)
            drawn.line.setSymbol(_SYMBOLS[number % len(_SYMBOLS)] if few else None)
            drawn.line.setData(strand.time, strand.lithium)
        for drawn in self._drawn[len(strands) :]:
            for item in (drawn.band, drawn.line):
                item.setData([], [])
        # One curve needs no name.
        self.legend.setVisible(len(strands) > 1)
        self.legend.setText(
            "&nbsp;&nbsp; ".join(
                f'<span style="color:{self._colour(number)}">{_SIGNS[number % len(_SIGNS)]} '
                f"{markup(strand.name, 40)}</span>"
                for number, strand in enumerate(strands)
            )
        )

    def _colour(self, number: int) -> str:
        return self._look.theme.accent if number == 0 else region_colour(self._look, number - 1)

    def _make(self, number: int) -> _Drawn:
        look = self._look
        colour = self._colour(number)
        shade = QColor(colour)
        shade.setAlpha(60 if number == 0 else 40)
        # Its edge has no line that would need smoothing, and smoothing is most of what it costs.
        band = pg.PlotCurveItem(pen=None, brush=shade, fillLevel="enclosed", antialias=False)
        line = pg.PlotDataItem(
            pen=pg.mkPen(colour, width=look.px(2)),
            symbol=_SYMBOLS[number % len(_SYMBOLS)],
            symbolSize=look.px(7),
            symbolBrush=colour,
            symbolPen=None,
        )
        drawn = _Drawn(band, line)
        for item in (drawn.band, drawn.line):
            self.plot.addItem(item, ignoreBounds=True)
        return drawn

    def _draw_spans(self, spans: tuple[Span, ...]) -> None:
        while len(self._bands) < len(spans):
            band = pg.LinearRegionItem(movable=False)
            band.setZValue(-10)
            for edge in band.lines:
                edge.setPen(pg.mkPen(None))
            label = pg.InfLineLabel(band.lines[0], "", position=0.96, anchors=[(0, 0), (0, 0)])
            label.setFont(tick_font(self._look.px(11)))
            band.label = label
            self.plot.addItem(band, ignoreBounds=True)
            self._bands.append(band)
        for band, span in zip(self._bands, spans, strict=False):
            tone = QColor(self._look.theme.alarm if span.is_loss else self._look.theme.muted)
            band.label.setColor(tone)
            tone.setAlpha(60)
            band.setBrush(tone)
            band.setRegion((span.start, span.end))
            band.label.setFormat(span.words)
            band.setVisible(True)
        for band in self._bands[len(spans) :]:
            band.setVisible(False)

    def _set_range(self, timeline: Timeline) -> None:
        session = self._session
        values = np.concatenate([[], *((strand.low, strand.high) for strand in timeline.strands)], axis=None)
        if session.choices.is_fitted and values.size:
            self.plot.setYRange(float(np.nanmin(values)), float(np.nanmax(values)), padding=0.15)
        elif session.live is not None:
            # The scale of the map: a point at half height has the colour at half the bar.
            levels = map_levels(session.live, LITHIUM, None)
            self.plot.setYRange(levels.low, levels.high, padding=0.07)

    def _on_slide(self, place: int) -> None:
        if place < len(self._cycles):
            self._session.go_to(self._cycles[place])
        else:
            self._session.go_live()
        self.changed.emit()

    def _on_click(self, event: Any) -> None:  # noqa: ANN401 - pyqtgraph's
        box = self.plot.getViewBox()
        if self._timeline is None or not box.sceneBoundingRect().contains(event.scenePos()):
            return
        at = box.mapSceneToView(event.scenePos()).x()
        self._session.go_near(self._timeline.started_s + at * self._timeline.scale_s)
        self.changed.emit()
