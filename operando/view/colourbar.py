"""The bar beside an image that says which colour means what."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont

from operando.view.scales import FIRST_COLOUR, Levels, ticks
from operando.view.theme import Look
from operando.view.words import general, plain

__all__ = ["ColourBar"]


class ColourBar:
    """A column of colours with ticks, in the second column of a canvas."""

    def __init__(self, canvas: pg.GraphicsLayoutWidget, look: Look, *, is_large: bool) -> None:
        self._look = look
        self.plot = plot = canvas.addPlot(row=0, col=1)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setMouseEnabled(x=False, y=False)
        plot.hideAxis("left")
        plot.showAxis("right")
        right, bottom = plot.getAxis("right"), plot.getAxis("bottom")
        for axis in (right, bottom):
            axis.setPen(pg.mkPen(look.theme.border if axis is right else None))
            axis.setTextPen(pg.mkPen(look.theme.muted))
        font = QFont()
        font.setPixelSize(look.px(12 if is_large else 11))
        right.setTickFont(font)
        right.setStyle(tickLength=4, tickTextOffset=4)
        right.enableAutoSIPrefix(False)
        # An invisible axis of the same height keeps the bar level with the image.
        bottom.setTicks([])
        bottom.setHeight(look.px(38))
        bottom.setVisible(is_large)
        plot.setFixedWidth(look.px(78 if is_large else 70))
        right.setWidth(look.px(62 if is_large else 58))
        self._image = pg.ImageItem(axisOrder="row-major")
        self._ramp = np.arange(FIRST_COLOUR, 256, dtype=np.uint8)[:, np.newaxis]
        self._image.setImage(self._ramp, autoLevels=False, levels=(0, 255))
        plot.addItem(self._image, ignoreBounds=True)
        plot.setXRange(0, 1, padding=0)
        self._drawn: tuple[Levels, tuple[str, ...]] | None = None

    def set_colours(self, table: NDArray[np.uint8], label: str) -> None:
        """Show the colours of a table, shape (256, 4), and say what they mean."""
        self._image.setLookupTable(table)
        self.plot.setLabel("right", label, color=self._look.theme.muted)

    def set_levels(self, levels: Levels, names: tuple[str, ...] = ()) -> None:
        """Show a scale, or the names of categories from below."""
        if (levels, names) == self._drawn:
            return
        self._drawn = (levels, names)
        ramp = self._ramp[: len(names)] if names else self._ramp
        self._image.setImage(ramp, autoLevels=False, levels=(0, 255))
        self._image.setRect(QRectF(0.0, levels.low, 1.0, levels.high - levels.low))
        # A hair more than the scale: rounding would otherwise cost the tick at its upper end.
        self.plot.setYRange(levels.low, levels.high, padding=0.001)
        if names:
            marks = [(number + 0.5, plain(name, 9)) for number, name in enumerate(names)]
        else:
            marks = [(value, general(value)) for value in ticks(levels)]
        self.plot.getAxis("right").setTicks([marks])
