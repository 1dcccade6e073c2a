"""The spectrum of what is chosen: points with error bars, the fit, its parts and what is left over."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from operando.types import FloatArray, Snapshot
from operando.view.axes import quiet_axes, title
from operando.view.label import ElidedLabel, plain_label, rich_label
from operando.view.spectrum import Spectrum
from operando.view.theme import Look, Theme
from operando.view.words import about, general, markup, measurement, share

__all__ = ["SpectrumPanel"]

_POINT_PX, _SMALL_POINT_PX, _MANY = 9, 4, 30
_DASHES = (Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine, Qt.PenStyle.DashDotDotLine)
_MOST_AGES = 6
_WAITING = "Shown as soon as a pixel has been measured; click the map to choose one"


def _age_words(spectrum: Spectrum) -> str:
    """Return how old each energy is, the oldest and newest only where they are many."""
    ages = spectrum.age_s
    if ages.size == 0:
        return ""
    if ages.size > _MOST_AGES:
        return f"{ages.size} energies, {about(float(ages.min()))} to {about(float(ages.max()))} old"
    each = (f"{energy:.2f} {about(float(age))}" for energy, age in zip(spectrum.energy_ev, ages, strict=True))
    return "age:  " + " · ".join(each)


def _legend_markup(spectrum: Spectrum, theme: Theme) -> str:
    """Return the legend as markup; names of phases are untrusted and escaped."""
    words = [f'<span style="color:{theme.text}">━ fit</span>'] if spectrum.components else []
    for number, component in enumerate(spectrum.components):
        colour = theme.phases[number % len(theme.phases)]
        words.append(
            f'<span style="color:{colour}">'
            f"╍ {markup(component.name, 22)} {markup(share(component.share))}</span>"
        )
    if spectrum.components and spectrum.background:
        words.append(f'<span style="color:{theme.muted}">┄ background {spectrum.background:+.2f}</span>')
    if not bool(np.all(spectrum.is_this_cycle)):
        words.append(f'<span style="color:{theme.text}">○ last cycle</span>')
    return "&nbsp;&nbsp;&nbsp; ".join(words)


def _drawable(error: FloatArray) -> FloatArray:
    """Return error bars of no length where the error is unknown."""
    return np.where(np.isfinite(error), error, 0.0)


class SpectrumPanel(QFrame):
    """Shows the spectrum of a pixel or a region."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("card")
        self._look = look
        self._theme = theme = look.theme
        self.where = ElidedLabel("title", "Spectrum")
        self.place = ElidedLabel("muted")
        self.result = plain_label("result")
        self.quality = plain_label("muted")
        self.legend = rich_label("muted")
        self.ages = ElidedLabel("caption")
        self.canvas = pg.GraphicsLayoutWidget()
        self.canvas.setBackground(theme.panel)
        self.canvas.ci.setContentsMargins(0, 2, 4, 0)
        self.canvas.ci.setSpacing(4)
        self._plot = self.canvas.addPlot(row=0, col=0)
        self._rest = self.canvas.addPlot(row=1, col=0)
        for plot in (self._plot, self._rest):
            quiet_axes(plot, look)
        title(self._plot, "left", "optical density", look)
        self._plot.getAxis("bottom").setStyle(showValues=False)
        title(self._rest, "left", "residual / σ", look)
        title(self._rest, "bottom", "photon energy (eV)", look)
        self._rest.setXLink(self._plot)
        self.canvas.ci.layout.setRowStretchFactor(0, 5)
        self.canvas.ci.layout.setRowStretchFactor(1, 2)
        self._plot.setYRange(0.0, 1.0)
        self._rest.setYRange(-4.0, 4.0, padding=0)
        self._make_items()
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.where, 1)
        head.addWidget(self.result)
        beside = QHBoxLayout()
        beside.setSpacing(14)
        beside.addWidget(self.place, 1)
        beside.addWidget(self.quality)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 6, 10, 6)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addLayout(beside)
        layout.addWidget(self.legend)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.ages)

    def _make_items(self) -> None:
        look, theme = self._look, self._theme
        self._parts: list[pg.PlotCurveItem] = []
        self._ground = pg.PlotCurveItem(
            pen=pg.mkPen(theme.muted, width=look.px(1), style=Qt.PenStyle.DotLine)
        )
        self._fit = pg.PlotCurveItem(pen=pg.mkPen(theme.text, width=look.px(2)), connect="finite")
        bar_pen = pg.mkPen(theme.text, width=look.px(1.4))
        self._bars = pg.ErrorBarItem(pen=bar_pen)
        self._points = pg.ScatterPlotItem(
            size=look.px(_POINT_PX), pen=pg.mkPen(theme.text, width=look.px(1.6))
        )
        for item in (self._ground, self._fit, self._bars, self._points):
            self._plot.addItem(item, ignoreBounds=True)
        band = pg.LinearRegionItem(
            (-2, 2), orientation="horizontal", movable=False, brush=pg.mkBrush(128, 136, 150, 36)
        )
        for line in band.lines:
            line.setPen(pg.mkPen(None))
        zero = pg.InfiniteLine(0, angle=0, pen=pg.mkPen(theme.muted, width=1))
        self._rest_bars = pg.ErrorBarItem(pen=bar_pen)
        self._rest_points = pg.ScatterPlotItem(
            size=look.px(_POINT_PX - 2), pen=pg.mkPen(theme.text, width=look.px(1.4)), brush=theme.text
        )
        for item in (band, zero, self._rest_bars, self._rest_points):
            self._rest.addItem(item, ignoreBounds=True)

    def take_energies(self, snapshot: Snapshot) -> None:
        """Take the range of energies of a run, so that the axes stand still while it goes on."""
        ends = np.concatenate([snapshot.plan.energies_ev, snapshot.phases.energy_ev])
        self._plot.setXRange(float(ends.min()), float(ends.max()), padding=0.02)

    def clear(self, title: str = "Spectrum", words: str = _WAITING) -> None:
        """Show that there is nothing to be shown yet, and why."""
        self.where.setText(title)
        self.legend.setText(words)
        for label in (self.place, self.result, self.quality, self.ages):
            label.setText("")
        for plot in (self._plot, self._rest):
            for item in plot.listDataItems():
                item.setData([], [])

    def draw(self, spectrum: Spectrum) -> None:
        """Show a spectrum."""
        self._write(spectrum)
        self._draw_points(spectrum)
        self._draw_fit(spectrum)
        self._set_range(spectrum)

    def _write(self, spectrum: Spectrum) -> None:
        self.where.setText(spectrum.title)
        self.place.setText(spectrum.place)
        if spectrum.why_not:
            self.result.setText("x = –")
            self.quality.setText(spectrum.why_not)
        else:
            self.result.setText(f"x = {measurement(spectrum.lithium, spectrum.lithium_error)}")
            self.quality.setText(f"χ²/dof {general(spectrum.chi2)}   R {general(spectrum.r_factor)}")
        self.legend.setText(
            _legend_markup(spectrum, self._theme)
            if spectrum.components
            else "measured optical density, no fit"
        )
        self.ages.setText(_age_words(spectrum))

    def _draw_points(self, spectrum: Spectrum) -> None:
        energy, od = spectrum.energy_ev, spectrum.od
        error = _drawable(spectrum.od_error)
        self._bars.setData(x=energy, y=od, height=2 * error)
        new, old = pg.mkBrush(self._theme.text), pg.mkBrush(self._theme.panel)
        # A few energies are large dots; a whole stack must not hide its own curve.
        px = self._look.px
        self._points.setSize(px(_POINT_PX if energy.size <= _MANY else _SMALL_POINT_PX))
        self._points.setData(energy, od, brush=[new if is_new else old for is_new in spectrum.is_this_cycle])
        known = np.isfinite(spectrum.residual_sigma)
        rest = spectrum.residual_sigma[known]
        self._rest_bars.setData(x=energy[known], y=rest, height=np.full(rest.size, 2.0))
        self._rest_points.setSize(px(_POINT_PX - 2 if energy.size <= _MANY else _SMALL_POINT_PX))
        self._rest_points.setData(energy[known], rest)

    def _draw_fit(self, spectrum: Spectrum) -> None:
        self._fit.setData(spectrum.dense_ev, spectrum.fit)
        is_raised = bool(np.any(spectrum.ground))
        ends = [0, -1] if is_raised else []
        self._ground.setData(spectrum.dense_ev[ends], spectrum.ground[ends])
        while len(self._parts) < len(spectrum.components):
            number = len(self._parts)
            colour = self._theme.phases[number % len(self._theme.phases)]
            pen = pg.mkPen(colour, width=self._look.px(1.8), style=_DASHES[number % len(_DASHES)])
            part = pg.PlotCurveItem(pen=pen, connect="finite")
            self._plot.addItem(part, ignoreBounds=True)
            self._parts.append(part)
        for number, part in enumerate(self._parts):
            if number < len(spectrum.components):
                part.setData(spectrum.dense_ev, spectrum.components[number].od)
            else:
                part.setData([], [])

    def _set_range(self, spectrum: Spectrum) -> None:
        heights = np.concatenate([spectrum.od + _drawable(spectrum.od_error), spectrum.fit, [0.1]])
        depths = np.concatenate([spectrum.od - _drawable(spectrum.od_error), spectrum.ground, [0.0]])
        self._plot.setYRange(float(np.nanmin(depths)), float(np.nanmax(heights)), padding=0.06)
        known = spectrum.residual_sigma[np.isfinite(spectrum.residual_sigma)]
        reach = max(4.0, 1.15 * float(np.max(np.abs(known), initial=0.0)) + 1.0)
        self._rest.setYRange(-reach, reach, padding=0)
