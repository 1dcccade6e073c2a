"""One image in true µm with its colour bar, scale bar, crosshair, outlines and the row now arriving."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Signal
from PySide6.QtGui import QColor, QTransform
from PySide6.QtWidgets import QVBoxLayout, QWidget

from operando.types import MaskArray, ScanGrid
from operando.view.axes import quiet_axis, tick_font, title
from operando.view.colourbar import ColourBar
from operando.view.fieldbox import FieldBox
from operando.view.geometry import Placement, pixel_at, placement, scale_bar_um
from operando.view.maps import Picture
from operando.view.outlinelayer import OutlineLayer
from operando.view.regionlayer import RegionLayer
from operando.view.theme import Look
from operando.view.words import general

__all__ = ["ImageView"]

_GUTTER = 0.018
"""Width of the column of tick marks beside the rows, as a share of the field."""


class ImageView(QWidget):
    """Draws a `Picture` where its pixels are; y increases upwards as on the stage.

    Parameters
    ----------
    look
        Colours and size.
    is_large
        A large map has axes with titles and answers to the mouse; a small one is only looked at.
    """

    hovered = Signal(float, float)
    """Where the mouse is, in µm; NaN when it has left the axes."""

    def __init__(self, look: Look, *, is_large: bool) -> None:
        super().__init__()
        self._look = look
        self._is_large = is_large
        self._grid: ScanGrid | None = None
        self._place: Placement | None = None
        self.canvas = pg.GraphicsLayoutWidget()
        self.canvas.setBackground(look.theme.panel)
        self.canvas.ci.setContentsMargins(0, 6, 0, 0 if is_large else 8)
        self.canvas.ci.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.box = FieldBox()
        self.plot = self._make_plot()
        self.bar = ColourBar(self.canvas, look, is_large=is_large)
        if is_large:
            self.be_compact(False)
        self.image: Any = pg.ImageItem(axisOrder="row-major")
        self._table: NDArray[np.uint8] | None = None
        self._gutter = pg.ImageItem(axisOrder="row-major")
        self._gutter.setLookupTable(
            np.array([(0, 0, 0, 0), QColor(look.theme.accent).getRgb()], np.uint8),
        )
        self._make_marks()
        self.outlines = OutlineLayer(self.plot, look)
        self.layer = RegionLayer(self.plot, look)
        self.box.sketched.connect(self.layer.sketch)
        if is_large:
            self.plot.scene().sigMouseMoved.connect(self._on_move)

    def _make_marks(self) -> None:
        look = self._look
        self._arriving = pg.PlotCurveItem(pen=pg.mkPen(look.theme.accent, width=1.5))
        self._cross = pg.PlotCurveItem(pen=pg.mkPen("#ffffff", width=1.6), connect="pairs")
        self._cross_edge = pg.PlotCurveItem(pen=pg.mkPen("#000000", width=3.6), connect="pairs")
        self._cursor = [pg.InfiniteLine(angle=angle, pen=pg.mkPen("#ffffff", width=1)) for angle in (0, 90)]
        self._cursor_edge = [pg.InfiniteLine(angle=angle, pen=pg.mkPen(0, 0, 0, 120)) for angle in (0, 90)]
        self._ruler = pg.PlotCurveItem(pen=pg.mkPen(look.theme.text, width=look.px(3)))
        self._ruler_text = pg.TextItem(color=look.theme.text, anchor=(0.5, 1.0))
        self._ruler_text.setFont(tick_font(look.px(12)))
        items = (
            *(self.image, self._gutter, self._arriving, *self._cursor_edge, *self._cursor),
            *(self._cross_edge, self._cross, self._ruler, self._ruler_text),
        )
        for item in items:
            self.plot.addItem(item, ignoreBounds=True)
        for item in (self._ruler, self._ruler_text):
            item.setVisible(self._is_large)
        self.mark_cursor(None)

    def _make_plot(self) -> pg.PlotItem:
        plot = self.canvas.addPlot(row=0, col=0, viewBox=self.box)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        self.box.setAspectLocked(True)
        self.box.setMouseEnabled(self._is_large, self._is_large)
        look = self._look
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            quiet_axis(axis, look, 12 if self._is_large else 11)
            axis.setStyle(tickLength=-4, tickTextOffset=4)
            plot.showAxis(side, self._is_large)
        if self._is_large:
            title(plot, "bottom", "X (µm)", look)
            title(plot, "left", "Y (µm)", look)
        return plot

    def be_compact(self, is_compact: bool) -> None:
        """Leave out the titles of the axes, where several maps share the room, or have them back."""
        px = self._look.px
        for side in ("left", "bottom"):
            self.plot.getAxis(side).showLabel(not is_compact)
        self.plot.getAxis("left").setWidth(px(30 if is_compact else 46))
        self.plot.getAxis("bottom").setHeight(px(20 if is_compact else 38))
        self.bar.be_compact(is_compact)

    def set_grid(self, grid: ScanGrid) -> None:
        """Lay the image into the axes of a run."""
        self._grid = grid
        self._place = place = placement(grid)
        self.image.setTransform(
            QTransform.fromTranslate(place.left_um, place.first_um).scale(place.pitch_x_um, place.pitch_y_um)
        )
        left, lower = place.lower_left_um
        gutter = _GUTTER * place.width_um
        self._gutter.setTransform(
            QTransform.fromTranslate(left - 1.6 * gutter, place.first_um).scale(gutter, place.pitch_y_um)
        )
        length = scale_bar_um(place.width_um)
        # Below the image, where it hides no particle.
        y = lower - 0.028 * place.height_um
        self._ruler.setData([left + place.width_um - length, left + place.width_um], [y, y])
        self._ruler_text.setAnchor((1.0, 0.5))
        self._ruler_text.setPos(left + place.width_um - 1.08 * length, y)
        self._ruler_text.setText(f"{general(length)} µm" if length >= 1 else f"{general(1000 * length)} nm")
        self.reset_zoom()

    def reset_zoom(self) -> None:
        """Show the whole field with its scale bar."""
        if self._place is None:
            return
        left, lower = self._place.lower_left_um
        margin_x = (2.2 if self._is_large else 0.6) * _GUTTER * self._place.width_um
        margin_y = (0.055 if self._is_large else 0.01) * self._place.height_um
        self.box.setRange(
            QRectF(
                left - margin_x,
                lower - margin_y,
                self._place.width_um + 1.3 * margin_x,
                self._place.height_um + 1.2 * margin_y,
            ),
            padding=0,
        )

    def set_colours(self, table: NDArray[np.uint8], label: str) -> None:
        """Choose the colours, shape (256, 4), and the words beside their bar."""
        self._table = table
        self.image.setLookupTable(table)
        self.bar.set_colours(table, label)

    def draw(self, picture: Picture, names: tuple[str, ...] = ()) -> None:
        """Draw an image; everything else stays as it is.

        Parameters
        ----------
        picture
            What to draw.
        names
            Of the categories, where its quantity has some instead of a scale.
        """
        if picture.opacity is None or self._table is None:
            self.image.setLookupTable(self._table)
            self.image.setImage(picture.index, autoLevels=False, levels=(0, 255))
        else:
            coloured = self._table[picture.index]
            coloured[..., 3] = picture.opacity
            self.image.setLookupTable(None)
            self.image.setImage(coloured, autoLevels=False, levels=(0, 255))
        self.bar.set_levels(picture.levels, names)

    def mark_renewed(self, renewed: MaskArray) -> None:
        """Tick the rows that have been renewed, shape (ny,)."""
        self._gutter.setVisible(bool(np.any(renewed)))
        self._gutter.setImage(renewed.astype(np.uint8)[:, np.newaxis], autoLevels=False, levels=(0, 1))

    def mark_arriving(self, arriving: int | None) -> None:
        """Draw a line at the row now arriving, or take it away."""
        self._arriving.setVisible(arriving is not None)
        if arriving is None or self._place is None:
            return
        # At the far edge of the row: between what is new and what is still old.
        edge = self._place.first_um + (arriving + 1) * self._place.pitch_y_um
        left, _ = self._place.lower_left_um
        margin = 1.6 * _GUTTER * self._place.width_um if self._is_large else 0.0
        self._arriving.setData([left - margin, left + self._place.width_um], [edge, edge])

    def mark_pixel(self, pixel: tuple[int, int] | None) -> None:
        """Put the crosshair on a pixel (row, column), or take it away."""
        for item in (self._cross, self._cross_edge):
            item.setVisible(pixel is not None)
        if pixel is None or self._grid is None or self._place is None:
            return
        x, y = float(self._grid.x_um[pixel[1]]), float(self._grid.y_um[pixel[0]])
        near = max(0.012 * self._place.width_um, 0.7 * abs(self._place.pitch_x_um))
        far = near + 0.028 * self._place.width_um
        xs = np.array([x - far, x - near, x + near, x + far, x, x, x, x])
        ys = np.array([y, y, y, y, y - far, y - near, y + near, y + far])
        for item in (self._cross, self._cross_edge):
            item.setData(xs, ys)

    def mark_cursor(self, position_um: tuple[float, float] | None) -> None:
        """Show where the mouse is on a map beside this one, or take it away."""
        for lines in (self._cursor, self._cursor_edge):
            for line, value in zip(lines, reversed(position_um or (0.0, 0.0)), strict=True):
                line.setVisible(position_um is not None)
                line.setValue(value)

    def pixel_at(self, x_um: float, y_um: float) -> tuple[int, int] | None:
        """Return the (row, column) drawn at a position."""
        return None if self._grid is None or not np.isfinite(x_um) else pixel_at(self._grid, x_um, y_um)

    def position_of(self, x_um: float, y_um: float) -> QPointF:
        """Return where in this widget a place of the sample is drawn."""
        scene = self.box.mapViewToScene(QPointF(x_um, y_um))
        return QPointF(self.canvas.mapTo(self, self.canvas.mapFromScene(scene)))

    def _on_move(self, position: QPointF) -> None:
        if not self.box.sceneBoundingRect().contains(position):
            self.hovered.emit(float("nan"), float("nan"))
            return
        point = self.box.mapSceneToView(position)
        self.box.hover(point.x(), point.y())
        self.hovered.emit(point.x(), point.y())
