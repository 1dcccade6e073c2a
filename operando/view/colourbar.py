"""The bar beside an image that says which colour means what."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF

from operando.view.axes import quiet_axis, title
from operando.view.scales import FIRST_COLOUR, Levels, ticks
from operando.view.theme import Look
from operando.view.words import general, plain

__all__ = ["ColourBar"]


class ColourBar:
    """A column of colours with ticks, in the second column of a canvas."""

    def __init__(self, canvas: pg.GraphicsLayoutWidget, look: Look, *, is_large: bool) -> None:
        self._look = look
        self._is_compact = False
        self.plot = plot = canvas.addPlot(row=0, col=1)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setMouseEnabled(x=False, y=False)
        plot.hideAxis("left")
        plot.showAxis("right")
        right, bottom = plot.getAxis("right"), plot.getAxis("bottom")
        quiet_axis(right, look, 12 if is_large else 11)
        bottom.setPen(pg.mkPen(None))
        right.setStyle(tickLength=4, tickTextOffset=4)
        # An invisible axis of the same height keeps the bar level with the image.
        bottom.setTicks([])
        bottom.setHeight(look.px(38))
        bottom.setVisible(is_large)
        plot.setFixedWidth(look.px(78 if is_large else 52))
        right.setWidth(look.px(62 if is_large else 38))
        self._image = pg.ImageItem(axisOrder="row-major")
        self._ramp = np.arange(FIRST_COLOUR, 256, dtype=np.uint8)[:, np.newaxis]
        self._image.setImage(self._ramp, autoLevels=False, levels=(0, 255))
        plot.addItem(self._image, ignoreBounds=True)
        plot.setXRange(0, 1, padding=0)
        self._drawn: tuple[Levels, tuple[str, ...]] | None = None

    def set_colours(self, table: NDArray[np.uint8], label: str) -> None:
        """Show the colours of a table, shape (256, 4), and say what they mean; without a label if empty."""
        self._image.setLookupTable(table)
        title(self.plot, "right", label, self._look)
        self.plot.getAxis("right").showLabel(bool(label) and not self._is_compact)

    def be_compact(self, is_compact: bool) -> None:
        """Leave the label out, or have it back."""
        self._is_compact = is_compact
        right, bottom = self.plot.getAxis("right"), self.plot.getAxis("bottom")
        right.showLabel(not is_compact)
        right.setWidth(self._look.px(44 if is_compact else 62))
        self.plot.setFixedWidth(self._look.px(56 if is_compact else 78))
        bottom.setHeight(self._look.px(20 if is_compact else 38))

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
