"""Voltage and charge of the cell under the curves, on the same axis of time; away where nothing is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from operando.view.axes import quiet_axes, quiet_axis, title
from operando.view.theme import Look
from operando.view.timeline import Timeline

__all__ = ["CellPlot"]

_HIGH = 92
_SIDE = 46


class CellPlot(pg.PlotWidget):
    """Shows what the potentiostat read: the first quantity with its axis on the left, a second on the right.

    Parameters
    ----------
    look
        Colours and size.
    above
        The plot of the curves: its axis of time is that of this one, and gets as much room on its right.
    """

    def __init__(self, look: Look, above: pg.PlotItem) -> None:
        super().__init__(background=look.theme.panel)
        self._look, self._above = look, above
        self._labels: tuple[str, ...] = ()
        self.setFixedHeight(look.px(_HIGH))
        self.plot: Any = self.plotItem
        plot = self.plot
        quiet_axes(plot, look)
        plot.showAxis("right")
        quiet_axis(plot.getAxis("right"), look)
        above.showAxis("right")
        above.getAxis("right").setStyle(showValues=False)
        for each in (plot, above):
            each.getAxis("right").setPen(None)
            each.getAxis("right").setWidth(look.px(_SIDE))
        self._right = pg.ViewBox(enableMenu=False)
        self._right.setMouseEnabled(x=False, y=False)
        plot.scene().addItem(self._right)
        plot.getAxis("right").linkToView(self._right)
        plot.vb.sigResized.connect(self._follow)
        dashes = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine)
        self._curves = [
            pg.PlotCurveItem(pen=pg.mkPen(colour, width=look.px(1.6), style=dash))
            for colour, dash in zip(self._colours, dashes, strict=True)
        ]
        plot.addItem(self._curves[0], ignoreBounds=True)
        self._right.addItem(self._curves[1], ignoreBounds=True)
        self._leave()

    @property
    def _colours(self) -> tuple[str, str]:
        return self._look.theme.text, self._look.theme.phases[0]

    def draw(self, timeline: Timeline) -> None:
        """Show the readings; without any there is only the plot above."""
        if not timeline.traces:
            self._leave()
            return
        for each in (self.plot, self._right):
            each.setXRange(0.0, timeline.now, padding=0.03)
        self._name(timeline)
        self.setVisible(True)
        for number, curve in enumerate(self._curves):
            if number >= len(timeline.traces):
                curve.setData([], [])
                continue
            trace = timeline.traces[number]
            curve.setData(trace.time, trace.value)
            low, high = float(np.min(trace.value)), float(np.max(trace.value))
            margin = 0.1 * (high - low) or 0.5
            (self.plot, self._right)[number].setYRange(low - margin, high + margin, padding=0)

    def _name(self, timeline: Timeline) -> None:
        labels = (timeline.unit, *(f"{trace.symbol} ({trace.unit})" for trace in timeline.traces))
        if labels == self._labels:
            return
        self._labels = labels
        words = f"time since start ({timeline.unit})"
        self._above.getAxis("bottom").setStyle(showValues=False)
        self._above.showLabel("bottom", show=False)
        self._above.getAxis("right").setVisible(True)
        title(self.plot, "bottom", words, self._look)
        for side, label, colour in zip(("left", "right"), (*labels[1:], ""), self._colours, strict=False):
            axis = self.plot.getAxis(side)
            axis.setLabel(label, **{"color": colour, "font-size": f"{self._look.px(11)}px"})
            axis.setTextPen(pg.mkPen(colour))
            axis.setStyle(showValues=bool(label))

    def _leave(self) -> None:
        """Be away, and give the plot above what was taken from it."""
        self.setVisible(False)
        self._labels = ()
        self._above.getAxis("bottom").setStyle(showValues=True)
        self._above.showLabel("bottom", show=True)
        self._above.getAxis("right").setVisible(False)

    def _follow(self) -> None:
        self._right.setGeometry(self.plot.vb.sceneBoundingRect())
